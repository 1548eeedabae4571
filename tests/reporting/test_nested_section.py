"""What the report and the terminal say of a nested cross-validation."""

import io
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from components.reporting.nested_figures import draw_nested
from components.reporting.nested_section import conclusion, nested_section
from components.reporting.nested_summary import nested_lines
from components.reporting.style import SYNTHETIC_NOTE, svg_bytes
from components.reporting.summary import SummaryContent, render_summary
from components.reporting.summary_section import summary_section
from components.signature.nested_records import (
    FoldFigures,
    FoldOutcome,
    NestedPath,
    NestedSignature,
)
from components.study.vocabulary import DataOrigin
from components.survival.target import SurvivalTarget

TARGET = SurvivalTarget.of(np.arange(1, 86), np.arange(85) < 77)


def figures(mean, *, n_null=0, missing=0):
    """Ten draws of five folds around a mean; the first ones null or missing."""
    spread = np.random.default_rng(6).normal(0, 0.07, 50)
    outcomes = [FoldOutcome(float(c)) for c in mean + spread - spread.mean()]
    outcomes[:n_null] = [FoldOutcome(0.5, is_null=True)] * n_null
    outcomes[:missing] = [FoldOutcome(None, why="too few deaths")] * missing
    return FoldFigures.of(outcomes, TARGET, n_folds=5, level=0.95)


def path(mean, leaky=None, apparent=0.77, **options):
    return NestedPath(
        honest=figures(mean, **options),
        leaky=None if leaky is None else figures(leaky),
        apparent=apparent,
        n_features_in=512,
        n_after_correlation=500,
        n_after_screen=500 if leaky is None else 32,
        n_selected=19,
    )


def record(**paths):
    return NestedSignature(
        paths=paths,
        n_by_arm={"tace": 85},
        n=85,
        n_events=77,
        n_folds=5,
        n_repeats=10,
        level=0.95,
        seed=1,
    )


@pytest.fixture(scope="module")
def worthless():
    return record(paper=path(0.55, leaky=0.63), sound=path(0.5, n_null=27, apparent=0.5))


def texts(section):
    for block in section.blocks:
        yield getattr(block, "text", "")
        yield from getattr(block, "items", ())


def test_section_opens_with_the_conclusion(worthless):
    section = nested_section(worthless, origin=DataOrigin.REAL)
    first = section.blocks[0].text
    assert first == conclusion(worthless)
    assert first.startswith("By the path of profile paper the features add no evident value")
    assert "0.550" in first
    assert "By the path of profile sound the features add no evident value" in first


def test_evident_value_is_said_where_the_interval_lies_above_a_half():
    assert "have evident value" in conclusion(record(sound=path(0.68)))
    assert "no evident value" in conclusion(record(sound=path(0.56)))
    nothing = conclusion(record(sound=path(0.6, missing=50)))
    assert "cannot be judged: 0 of the folds gave a figure" in nothing


def test_table_names_each_figure_for_what_it_is(worthless):
    table = nested_section(worthless, origin=DataOrigin.REAL).blocks[1].table
    cells = {row[0]: row[1:] for row in table.rows[:4] if len(row) > 1}
    honest = worthless.paths["paper"].honest
    assert cells["Honest: every step inside the folds"] == (
        honest.estimate.text().replace(" to ", "\u00a0to\u00a0"),
        f"{honest.sd_folds:.3f}",
        f"{honest.sd_repeats:.3f}",
        "0 of 50",
    )
    assert cells["Leakage: filters outside the folds"][0].startswith("0.630")
    assert cells["Apparent: judged on the same patients"][0] == "0.770"
    assert [len(row) for row in table.rows] == [1, 5, 5, 5, 1, 5, 5]
    assert table.rows[5][-1] == "27 of 50"
    assert table.marked_rows == {1, 5}


def test_rule_and_leak_are_stated(worthless):
    said = " ".join(texts(nested_section(worthless, origin=DataOrigin.REAL)))
    assert "t(49)" in said
    assert "\u221a(1/50 + 1/4)" in said
    assert "10.1023/A:1024068626366" in said
    assert "profile paper this alone changes C by +0.080" in said
    alone = " ".join(texts(nested_section(record(sound=path(0.5)), origin=DataOrigin.REAL)))
    assert "Leakage" not in alone


def test_folds_without_a_figure_are_counted_in_a_note():
    section = nested_section(record(sound=path(0.6, missing=3)), origin=DataOrigin.REAL)
    (note,) = section.blocks[1].table.notes
    assert "3 folds without a figure: too few deaths" in note


def test_figure_shows_every_fold_its_mean_and_the_apparent_line(worthless):
    axes = draw_nested(worthless, origin=DataOrigin.REAL).axes[0]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["paper, honest", "paper, leakage", "sound, honest"]
    drawn = np.asarray(axes.collections[0].get_offsets())[:, 0]
    assert drawn == pytest.approx(np.ravel(worthless.paths["paper"].honest.values))
    marks = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "D"]
    assert marks == pytest.approx([0.55, 0.63, worthless.paths["sound"].honest.estimate.value])
    assert [text.get_text() for text in axes.texts] == ["apparent"] * 3


def test_figure_is_the_same_each_time_and_marked_where_synthetic(worthless):
    first, again = (svg_bytes(draw_nested(worthless, origin=DataOrigin.SYNTHETIC)) for _ in "ab")
    assert first == again
    assert SYNTHETIC_NOTE.encode() in first
    assert b"SYNTHETIC" not in svg_bytes(draw_nested(worthless, origin=DataOrigin.REAL))


def test_terminal_has_the_honest_figure_first(worthless):
    console = Console(file=io.StringIO(), width=110)
    for line in nested_lines(worthless):
        console.print(line)
    text = console.file.getvalue()
    order = [text.index(word) for word in ("no evident value", "Honest", "Leakage", "Apparent")]
    assert order == sorted(order)
    assert "0.550 (" in text
    assert "27 of 50" in text


def test_report_and_summary_begin_with_it(content, worthless):
    page = summary_section(replace(content, nested=worthless))
    assert page.blocks[0].text == conclusion(worthless)
    summary = SummaryContent(
        title=content.protocol.study.title,
        data=content.data,
        parts=content.parts,
        arms=content.arms,
        adaptations=(),
        quarantined=(),
        seconds=1.0,
        platform_seconds=0.1,
        nested=worthless,
    )
    console = Console(file=io.StringIO(), width=400)
    console.print(render_summary(summary))
    assert console.file.getvalue().startswith(conclusion(worthless))
