"""Axes and points against `rms::nomogram`."""

from dataclasses import replace

import numpy as np
import pytest

from components.errors import FitFailed
from components.nomogram.axes import predictor_axes, survival_ticks
from components.study.protocol import NomogramSection
from components.survival.cox import fit_cox_model
from components.survival.design import Predictor
from components.survival.splines import spline_basis, spline_knots
from components.survival.target import SurvivalTarget

AXES = ("pretty", "data_range")


@pytest.mark.parametrize("axes", AXES)
def test_values_and_points_are_those_of_r(case, axes):
    nomogram = case.nomogram(axes)
    expected = case.r[f"axes_{axes}"]
    assert [axis.predictor.name for axis in nomogram.axes] == list(expected["variables"])
    for axis in nomogram.axes:
        r = expected["variables"][axis.predictor.name]
        if axis.predictor.kind == "categorical":
            assert list(axis.ticks) == r["values"]
        else:
            assert list(axis.ticks) == pytest.approx(r["values"], rel=1e-12)
        assert list(axis.points) == pytest.approx(r["points"], rel=1e-8, abs=1e-8)
        assert axis.minimum_effect == pytest.approx(min(r["xbeta"]), rel=1e-8, abs=1e-10)


@pytest.mark.parametrize("axes", AXES)
def test_scale_and_total_points_are_those_of_r(case, axes):
    nomogram = case.nomogram(axes)
    expected = case.r[f"axes_{axes}"]
    assert nomogram.points_per_unit == pytest.approx(expected["points_per_unit_lp"], rel=1e-8)
    assert nomogram.lp_at_zero_points == pytest.approx(expected["lp_at_zero_points"], rel=1e-8)
    assert nomogram.total_points_range == pytest.approx(
        (0, expected["total_points_sum_of_max"]), rel=1e-8
    )
    assert nomogram.total_ticks[0] == 0
    assert nomogram.total_ticks[-2] < expected["total_points_sum_of_max"]
    assert nomogram.total_ticks[-1] >= expected["total_points_sum_of_max"]


def test_a_negative_coefficient_is_worth_nothing_at_the_top_of_its_axis(pbc):
    albumin = next(a for a in pbc.nomogram("pretty").axes if a.predictor.name == "albumin")
    assert albumin.points[-1] == 0
    assert np.all(np.diff(albumin.points) < 0)


def test_the_longest_axis_spans_the_maximum_points(case):
    axes, _ = predictor_axes(case.model, NomogramSection(axes="pretty", maximum_points=40))
    assert max(max(axis.points) for axis in axes) == pytest.approx(40)
    assert min(min(axis.points) for axis in axes) == 0


def test_survival_ticks_stand_where_survival_is_that(case):
    nomogram = case.nomogram("pretty")
    for days, ticks in nomogram.survival_axes.items():
        assert len(ticks) >= 4
        for tick in ticks:
            assert 0 <= tick.total_points <= nomogram.total_points_range[1]
            assert nomogram.survival([tick.total_points], days)[0] == pytest.approx(
                tick.probability, abs=1e-12
            )


def test_a_horizon_with_little_spread_gets_finer_ticks():
    ticks = survival_ticks(baseline_survival=0.8, lp_range=(-0.3, 0.3))
    low, high = 0.8 ** np.exp(0.3), 0.8 ** np.exp(-0.3)
    assert len(ticks) >= 4
    assert all(low <= probability <= high for probability, _ in ticks)


def test_total_points_of_a_probability_are_those_of_r(case):
    nomogram = case.nomogram("pretty")
    for r in case.r["axes_pretty"]["surv_ticks"]:
        ours = [nomogram.total_points_at(p, r["time"]) for p in r["surv"]]
        # R interpolates along its axis to about 2e-4 of a point; ours are exact.
        assert ours == pytest.approx(r["points"], abs=1e-3)


def test_median_ticks_are_where_the_median_passes_them_and_never_beyond_follow_up(case):
    nomogram = case.nomogram("pretty")
    median = nomogram.median_axis
    assert median.ticks
    for tick in median.ticks:
        assert tick.time_days <= case.model.follow_up_days
        assert median.not_reached_below <= tick.total_points + 1e-9
        before, after = nomogram.median_days([tick.total_points - 1e-6, tick.total_points + 1e-6])
        assert after is not None
        assert after <= tick.time_days
        assert before is None or before > tick.time_days
    points = [tick.total_points for tick in median.ticks]
    assert points == sorted(points, reverse=True)


def test_the_median_is_not_reached_below_its_axis(case):
    nomogram = case.nomogram("pretty")
    edge = nomogram.median_axis.not_reached_below
    below, above = nomogram.median_days([edge - 1e-6, edge + 1e-6])
    assert below is None
    assert above is not None


def test_a_model_without_predictors_has_no_nomogram(pbc):
    target = SurvivalTarget.of(pbc.table["time"], pbc.table["event"])
    model = fit_cox_model(pbc.table, (), target)
    with pytest.raises(FitFailed, match="no nomogram"):
        predictor_axes(model, NomogramSection(axes="pretty", maximum_points=100))


def test_a_spline_is_worth_its_curve_on_the_axis_and_between(pbc):
    table = pbc.table
    target = SurvivalTarget.of(table["time"], table["event"])
    age = Predictor(
        name="age",
        label="age",
        kind="continuous",
        lower=float(table["age"].min()),
        upper=float(table["age"].max()),
        knots=spline_knots(table["age"].to_numpy(), 4),
    )
    predictors = (age, *pbc.model.predictors)
    bent = replace(pbc, model=fit_cox_model(table, predictors, target))
    nomogram = bent.nomogram("pretty")
    axis = nomogram.axes[0]
    coefficients = np.asarray(bent.model.coefficients)[:3]
    effects = spline_basis(np.array(axis.ticks), age.knots) @ coefficients
    points = nomogram.points_per_unit * (effects - effects.min())
    assert axis.points == pytest.approx(points)
    steps = np.diff(axis.points)
    assert np.ptp(steps) > 0.5 * np.abs(steps).max()
    between = nomogram.points(table)["age"]
    own = spline_basis(table["age"].to_numpy(), age.knots) @ coefficients
    assert between.to_numpy() == pytest.approx(nomogram.points_per_unit * (own - effects.min()))
