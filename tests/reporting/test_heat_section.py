"""What the report says of the heat maps, and when it warns."""

from dataclasses import replace

import numpy as np
import pytest

from components.networks.heat_files import HeatPicture, HeatTable
from components.networks.heat_records import (
    HeatExample,
    HeatMaps,
    RandomisationCheck,
    Spread,
    parts_of,
)
from components.reporting.blocks import Bullets, Picture, Prose, Rows
from components.reporting.heat_content import HeatContent
from components.reporting.heat_figures import (
    draw_heat_check,
    draw_heat_examples,
    draw_heat_ratios,
)
from components.reporting.heat_section import heat_section
from components.reporting.html_table import template_environment
from components.reporting.report import report_sections
from components.reporting.style import svg_bytes
from components.study.protocol import ImagingSection
from components.study.vocabulary import DataOrigin, RiskLabel, TreatmentArm

N = 40


@pytest.fixture(scope="module")
def imaging():
    return ImagingSection(
        crop_px=224,
        margin_mm=4,
        window_center_hu=80,
        window_width_hu=300,
        difference_window_hu=120,
        workers=1,
    )


def heat(*, like=0.1, cells=(7, 7), n_undefined=0, without_heat=False):
    """Maps of 40 patients with a ratio of about 1.5."""
    rng = np.random.default_rng(1)
    arms = np.array(["hepatectomy", "tace"])[np.arange(N) % 2]
    splits = np.where(np.arange(N) < 28, "train", "test")
    share, lowest, highest = np.full(N, 0.3), np.full(N, 0.2), np.full(N, 2.8)
    ratio = rng.uniform(1.2, 1.8, N)
    ratio[:3] = np.nan
    if without_heat:
        ratio[:] = np.nan
    alike = np.where(splits == "train", like + rng.normal(0, 0.05, N), np.nan)
    table = HeatTable(
        patient_ids=tuple(f"secret{i}" for i in range(N)),
        arms=tuple(arms),
        splits=tuple(splits),
        roi_share=share,
        heat_in_roi=ratio * share,
        ratio=ratio,
        lowest=lowest,
        highest=highest,
        shuffled_correlation=alike,
    )
    back = np.linspace(-1, 1, 64)
    disc = (np.hypot(*np.meshgrid(back, back)) < 0.5).astype(np.float32)
    picture = HeatPicture(60 + 80 * disc, disc, disc * 0.8)
    examples = tuple(
        HeatExample(
            kind=kind,
            arm=TreatmentArm.TACE,
            label=RiskLabel.LOW,
            oof_probability=0.91,
            probability=0.83,
            weighted_error=0.9,
            ratio=ratio,
            phase="portal venous",
        )
        for kind, ratio in (("highest_risk", 1.4), ("lowest_risk", None), ("most_wrong", 0.7))
    )
    maps = HeatMaps(
        network_id="resnet18-0/refit/1a2b3c4d",
        layer="layer4",
        cells=cells,
        crop_px=224,
        parts=parts_of(arms, splits, ratio, share, (lowest, highest), level=0.95),
        check=RandomisationCheck(
            n_patients=28,
            n_draws=5,
            n_undefined=n_undefined,
            medians=(like,) * 5,
            correlation=Spread.of(alike, level=0.95),
        ),
        examples=examples,
    )
    return HeatContent(maps, table, (picture,) * 3)


def warnings(section):
    return [one.text for one in section.blocks if isinstance(one, Prose) and one.tone == "warning"]


def text(section):
    said = [one.text for one in section.blocks if isinstance(one, Prose)]
    said += [item for one in section.blocks if isinstance(one, Bullets) for item in one.items]
    return " ".join(said)


def test_a_passed_check_and_fine_maps_warn_of_nothing(imaging):
    section = heat_section(heat(), imaging=imaging, origin=DataOrigin.REAL)

    assert warnings(section) == []
    assert "Randomisation check: passed" in section.blocks[0].text
    assert "median over test patients" in section.blocks[0].text
    (rows,) = [one.table for one in section.blocks if isinstance(one, Rows)]
    assert len(rows.rows) == 4
    assert rows.rows[0][:3] == ("Hepatectomy, training (apparent)", "14", "2")
    assert rows.rows[0][-1] == "0.20 to 2.80"
    assert sum(isinstance(one, Picture) for one in section.blocks) == 3


def test_maps_that_hang_on_nothing_learned_are_warned_of(imaging):
    section = heat_section(heat(like=0.8), imaging=imaging, origin=DataOrigin.REAL)

    (warning,) = warnings(section)
    assert warning.startswith("The maps do not depend on what was learned")
    assert "Randomisation check: not passed" in section.blocks[0].text


def test_a_check_that_could_not_be_made_is_not_passed(imaging):
    section = heat_section(heat(n_undefined=100), imaging=imaging, origin=DataOrigin.REAL)

    assert "100 of 140 pairs of maps have no correlation" in warnings(section)[0]
    assert "not assessable" in section.blocks[0].text
    assert sum(isinstance(one, Picture) for one in section.blocks) == 2


@pytest.mark.parametrize(("cells", "said"), [((2, 2), "2 x 2 cells"), ((1, 1), "1 x 1 cell ")])
def test_maps_too_coarse_for_an_roi_are_warned_of(imaging, cells, said):
    section = heat_section(heat(cells=cells), imaging=imaging, origin=DataOrigin.REAL)

    (warning,) = warnings(section)
    assert said in warning
    assert "too coarse" in warning


def test_no_heat_at_all_is_said(imaging):
    section = heat_section(heat(without_heat=True), imaging=imaging, origin=DataOrigin.REAL)

    assert "not assessable (no map holds heat)" in section.blocks[0].text


def test_nothing_names_a_patient(imaging):
    section = heat_section(heat(), imaging=imaging, origin=DataOrigin.REAL)

    assert "secret" not in text(section)
    for draw in (draw_heat_check, draw_heat_ratios):
        assert b"secret" not in svg_bytes(draw(heat(), origin=DataOrigin.REAL))


def test_figures_are_marked_and_have_equal_bytes(imaging):
    def drawn(origin):
        shown = heat()
        figures = (
            draw_heat_examples(shown, imaging=imaging, origin=origin),
            draw_heat_ratios(shown, origin=origin),
            draw_heat_check(shown, origin=origin),
        )
        return [svg_bytes(figure) for figure in figures]

    synthetic = drawn(DataOrigin.SYNTHETIC)
    assert synthetic == drawn(DataOrigin.SYNTHETIC)
    assert all(b"SYNTHETIC" in one for one in synthetic)
    # Each slice hides the figure's own mark and has one.
    assert synthetic[0].count(b"watermark-slice") == 3
    assert not any(b"SYNTHETIC" in one for one in drawn(DataOrigin.REAL))
    assert b"Highest risk" in synthetic[0]
    assert b"no heat" in synthetic[0]


def test_a_report_has_the_section_where_a_run_has_images(content):
    sections = {one.anchor: one for one in report_sections(replace(content, heat=heat()))}

    assert sections["heat-maps"].title == "Where the network looks"
    assert list(sections).index("heat-maps") == list(sections).index("backbones") + 1


def test_the_section_is_written_into_the_page(imaging):
    section = heat_section(heat(), imaging=imaging, origin=DataOrigin.SYNTHETIC)
    page = (
        template_environment()
        .get_template("report.html.j2")
        .render(
            title="t",
            study_id="s",
            is_synthetic=True,
            byline="b",
            package_version="0",
            sections=(section,),
        )
    )

    assert "Where the network looks" in page
    assert page.count("data:image/") >= 3
    assert "secret" not in page
