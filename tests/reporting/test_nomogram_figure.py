import itertools
import re

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from components.reporting.arm_section import discrimination, nomogram_figures
from components.reporting.nomogram_figure import NOT_A_DECISION, draw_nomogram
from components.reporting.nomogram_scales import points_scales, total_scales
from components.reporting.style import svg_bytes
from components.reporting.wording import days_text, number
from components.study.vocabulary import DataOrigin, TreatmentArm

WIDTH_IN = 8.85


@pytest.fixture(params=list(TreatmentArm))
def nomogram(request, content):
    return content.nomograms[request.param]


@pytest.fixture
def figure(nomogram):
    return draw_nomogram(nomogram)


def block(figure, name):
    return next(axes for axes in figure.axes if axes.get_label() == name)


def labels(figure, name):
    """Text and position (points, inches from the top) of the tick labels of a block."""
    return [
        (text.get_text(), *text.get_position())
        for text in block(figure, name).texts
        if text.get_gid() == "tick-label"
    ]


def test_every_level_stands_at_its_points(nomogram, figure):
    drawn = [(text, x) for text, x, _ in labels(figure, "points")]
    for axis in nomogram.axes:
        if axis.predictor.kind == "categorical":
            for level, points in zip(axis.ticks, axis.points, strict=True):
                assert (level, pytest.approx(points)) in drawn


def test_scales_have_the_positions_of_the_record(nomogram):
    above = points_scales(nomogram, width_in=WIDTH_IN)
    assert [scale.name for scale in above] == [
        "Points",
        *(axis.predictor.label for axis in nomogram.axes),
    ]
    for scale, axis in zip(above[1:], nomogram.axes, strict=True):
        assert [tick.position for tick in scale.ticks] == list(axis.points)
    below = {scale.name: scale for scale in total_scales(nomogram, width_in=WIDTH_IN)}
    assert [tick.position for tick in below["Total points"].ticks] == list(nomogram.total_ticks)
    for days, ticks in nomogram.survival_axes.items():
        scale = below[f"{days_text(days, adjective=True)} survival"]
        assert [(t.position, t.text) for t in scale.ticks] == [
            (tick.total_points, number(tick.probability)) for tick in ticks
        ]


def test_fine_marks_of_survival_are_whole_percentage_points_of_the_model(nomogram):
    for scale in total_scales(nomogram, width_in=WIDTH_IN):
        if not scale.name.endswith("-year survival"):
            continue
        days = 365 * int(scale.name[0])
        percents = 100 * nomogram.survival(np.asarray(scale.fine), days)
        assert len(percents) > 10
        assert percents == pytest.approx(np.round(percents), abs=1e-7)


def test_drawn_marks_lie_on_the_ruler(nomogram, figure):
    axes = block(figure, "points")
    low, high = axes.get_xlim()
    assert (low, high) == (0, pytest.approx(100))
    assert all(low <= x <= high + 1e-9 for _, x, _ in labels(figure, "points"))


def test_refused_horizons_have_no_axis_and_are_explained(nomogram, figure):
    names = [scale.name for scale in total_scales(nomogram, width_in=WIDTH_IN)]
    texts = " ".join(text.get_text() for text in figure.texts)
    for days, reason in nomogram.not_estimable.items():
        assert f"{days_text(days, adjective=True)} survival" not in names
        assert reason[:40] in texts
    assert len([n for n in names if "survival" in n]) == len(nomogram.horizons_days) + 1


def test_says_what_it_is_not_and_the_error_of_reading(nomogram, figure):
    texts = [text.get_text() for text in figure.texts]
    assert NOT_A_DECISION in texts
    assert any(f"{100 * nomogram.reading_error.largest:.2f} percentage points" in t for t in texts)


def test_no_two_texts_overlap(content):
    for figure in nomogram_figures(content).values():
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        texts = [
            text
            for text in itertools.chain(figure.texts, *(axes.texts for axes in figure.axes))
            if text.get_text() and text.get_gid() != "watermark"
        ]
        # Text alone, without the white ground of tick labels.
        for text in texts:
            text.set_bbox(None)
        boxes = [text.get_window_extent(canvas.get_renderer()) for text in texts]
        for (a, first), (b, second) in itertools.combinations(zip(boxes, texts, strict=True), 2):
            assert not a.overlaps(b), (first.get_text(), second.get_text())


def test_crowded_levels_are_all_shown(nomogram, content):
    """Levels that are worth nearly the same points still have a label each."""
    axis = next(a for a in nomogram.axes if a.predictor.name == "albi_grade")
    crowded = axis.model_copy(update={"points": (0.0, 0.3, 0.6)})
    others = tuple(a for a in nomogram.axes if a is not axis)
    figure = draw_nomogram(nomogram.model_copy(update={"axes": (*others, crowded)}))
    shown = {(t, round(x, 6)) for t, x, _ in labels(figure, "points")}
    assert {("1", 0.0), ("2", 0.3), ("3", 0.6)} <= shown


def test_heading_holds_the_c_indices(content):
    models = content.arms[0]
    figures = discrimination(models, models.nomogram_kind)
    drawn = draw_nomogram(content.nomograms[models.arm], discrimination=figures)
    heading = " ".join(text.get_text() for text in drawn.texts).replace("\u00a0", " ")
    assert f"test {figures['test'].text()}" in heading


def test_watermark_stands_on_synthetic_drawings_alone(nomogram, figure):
    real = draw_nomogram(nomogram.model_copy(update={"data_origin": DataOrigin.REAL}))
    assert b"SYNTHETIC" in svg_bytes(figure)
    assert b"synthetic" not in svg_bytes(real).lower()


def test_bytes_are_the_same_each_time_and_text_stays_text(nomogram):
    first, second = (svg_bytes(draw_nomogram(nomogram)) for _ in range(2))
    assert first == second
    assert not re.search(rb"<dc:date>", first)
    assert b">BCLC stage</text>" in first
