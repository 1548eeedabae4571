"""Each figure is drawn from real records; what it shows is read back from the drawing."""

import numpy as np
import pytest

from components.reporting.calibration_figures import draw_calibration
from components.reporting.decision_figures import draw_decision_curves
from components.reporting.flow_diagram import draw_flow
from components.reporting.forest import draw_forest
from components.reporting.roc_figures import draw_backbone_roc, draw_time_roc
from components.reporting.search_figures import draw_learning_curves
from components.reporting.signature_figures import draw_coefficients, draw_penalty_path
from components.reporting.style import SYNTHETIC_NOTE, png_bytes, save, svg_bytes
from components.reporting.survival_figures import draw_risk_groups
from components.study.vocabulary import DataOrigin, ModelKind, Split

MONTH_DAYS = 365 / 12


def every_figure(content, origin):
    arm = content.arms[0]
    kind = arm.nomogram_kind
    yield draw_flow(content.eligibility, content.quarantined, content.parts, origin=origin)
    yield draw_forest(content.arms, origin=origin)
    yield draw_risk_groups([one for one in arm.risk_groups if one.kind is kind], origin=origin)
    yield draw_calibration([one for one in arm.calibration if one.kind is kind], origin=origin)
    yield draw_time_roc(arm.roc_curves, origin=origin)
    yield draw_decision_curves(arm.decision_curves, origin=origin)
    yield draw_backbone_roc(content.choice.rows, horizon_days=1095, origin=origin)
    yield draw_learning_curves(content.search, content.choice, rungs=(2, 4, 6), origin=origin)
    yield draw_penalty_path(content.signature, origin=origin)
    yield draw_coefficients(content.signature, origin=origin)


@pytest.fixture(scope="module")
def synthetic_svgs(content) -> list[bytes]:
    return [svg_bytes(figure) for figure in every_figure(content, DataOrigin.SYNTHETIC)]


def test_every_figure_of_synthetic_data_is_marked(synthetic_svgs):
    assert len(synthetic_svgs) == 10
    for svg in synthetic_svgs:
        assert b">SYNTHETIC</text>" in svg
        assert SYNTHETIC_NOTE.encode() in svg


def test_no_figure_of_real_data_is_marked(content):
    for figure in every_figure(content, DataOrigin.REAL):
        assert b"synthetic" not in svg_bytes(figure).lower()


def test_every_figure_has_the_same_bytes_each_time(content, synthetic_svgs):
    figures = every_figure(content, DataOrigin.SYNTHETIC)
    assert [svg_bytes(figure) for figure in figures] == synthetic_svgs


def test_watermark_lies_under_the_data(content):
    figure = draw_forest(content.arms, origin=DataOrigin.SYNTHETIC)
    mark = next(text for text in figure.texts if text.get_gid() == "watermark")
    assert all(mark.get_zorder() < axes.get_zorder() for axes in figure.axes)
    assert all(axes.get_facecolor()[3] == 0 for axes in figure.axes)


def test_forest_shows_each_c_index_with_its_interval(content):
    axes = draw_forest(content.arms, origin=DataOrigin.REAL).axes[0]
    shown = {text.get_text().replace("\u00a0", " ") for text in axes.texts}
    expected = {
        one.estimates["c_harrell"].text() for arm in content.arms for one in arm.evaluations
    }
    assert expected <= shown
    marks = {line.get_xdata()[0] for line in axes.lines if len(line.get_xdata()) == 1}
    values = {one.estimates["c_harrell"].value for arm in content.arms for one in arm.evaluations}
    assert values <= marks


def test_kaplan_meier_curve_is_that_of_the_record(content):
    arm = content.arms[0]
    risk = next(
        one for one in arm.risk_groups if one.kind is ModelKind.COMBINED and one.split is Split.TEST
    )
    curves, counts = draw_risk_groups([risk], origin=DataOrigin.REAL).axes[:2]
    drawn = [line for line in curves.lines if len(line.get_xdata()) > 2]
    for line, curve in zip(drawn, risk.curves.values(), strict=True):
        assert line.get_drawstyle() == "steps-post"
        assert line.get_ydata() == pytest.approx([1.0, *curve.survival])
        assert line.get_xdata() == pytest.approx(np.array([0, *curve.times_days]) / MONTH_DAYS)
    at_risk = [text.get_text() for text in counts.texts if text.get_text().isdigit()]
    assert at_risk == [str(n) for curve in risk.curves.values() for n in curve.n_at_risk]


def test_horizon_without_curve_is_said_to_be_not_estimable(content):
    arm = content.arms[0]
    curves = [
        one
        for one in arm.roc_curves
        if (one.split, one.horizon_days) != (Split.TEST, max(arm.horizons_estimable))
    ]
    figure = draw_time_roc(curves, origin=DataOrigin.REAL)
    said = [t.get_text() for axes in figure.axes for t in axes.texts]
    assert said == ["not estimable"]


def test_decision_curves_are_those_of_the_record(content):
    arm = content.arms[0]
    figure = draw_decision_curves(arm.decision_curves, origin=DataOrigin.REAL)
    drawn = figure.axes[0].lines
    first = arm.decision_curves[0]
    names = [line.get_label() for line in drawn]
    assert names == ["Acting for all", "Acting for nobody", "Clinical", "DLRadiomics", "Combined"]
    assert drawn[0].get_ydata() == pytest.approx(first.treat_all)
    known = [np.nan if value is None else value for value in first.models[ModelKind.COMBINED]]
    assert drawn[-1].get_ydata() == pytest.approx(known, nan_ok=True)
    # Acting for all falls without end: the axis shows what lies above and a little below 0.
    assert min(first.treat_all) < figure.axes[0].get_ylim()[0] < 0
    assert figure.axes[0].get_ylim()[1] > max(first.treat_all)


def test_smooth_calibration_is_drawn_as_survival(content):
    arm = content.arms[0]
    parts = [one for one in arm.calibration if one.kind is arm.nomogram_kind]
    figure = draw_calibration(parts, origin=DataOrigin.REAL)
    curves = [line for line in figure.axes[0].lines if len(line.get_xdata()) > 10]
    first = [part for part in parts if part.horizon_days == min(p.horizon_days for p in parts)]
    assert len(curves) == len(first) == 2
    for line, part in zip(curves, first, strict=True):
        assert line.get_xdata() == pytest.approx(1 - np.array(part.curve.predicted))
        assert line.get_ydata() == pytest.approx(1 - np.array(part.curve.observed))
    # The interval is shaded in the test patients alone.
    assert len(figure.axes[0].collections) == 1


def test_stopped_trials_end_with_a_cross(content):
    figure = draw_learning_curves(
        content.search, content.choice, rungs=(2, 4, 6), origin=DataOrigin.REAL
    )
    crosses = [line for axes in figure.axes for line in axes.lines if line.get_marker() == "x"]
    stopped = [trial for trial in content.search.trials if trial.status == "stopped"]
    assert len(crosses) == len(stopped) == 9
    chosen = [t.get_text() for axes in figure.axes for t in axes.texts if "chosen" in t.get_text()]
    assert chosen == [f"{content.choice.configuration.number} (chosen)"]


def test_flow_counts_add_up(content):
    figure = draw_flow(
        content.eligibility, content.quarantined, content.parts, origin=DataOrigin.REAL
    )
    texts = [text.get_text() for text in figure.axes[0].texts]
    n = sum(part.n for part in content.parts)
    assert f"Studied: {n} patients" in texts
    assert f"Excluded, first rule not met: {len(content.eligibility.excluded)}" in texts
    assert f"Set aside by a check of the data: {len(content.quarantined)}" in texts


def test_penalty_path_needs_a_path(content):
    with pytest.raises(ValueError, match="no penalty path"):
        draw_penalty_path(
            content.signature.model_copy(update={"path": None}), origin=DataOrigin.REAL
        )


def test_save_writes_what_the_suffix_says(content, tmp_path):
    figure = draw_forest(content.arms, origin=DataOrigin.REAL)
    assert save(figure, tmp_path / "new" / "a.png").read_bytes() == png_bytes(figure)
    assert save(figure, tmp_path / "a.svg").read_bytes() == svg_bytes(figure)
    with pytest.raises(ValueError, match=r"\.svg or \.png"):
        save(figure, tmp_path / "a.pdf")
