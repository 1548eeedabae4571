import numpy as np
import pytest

from components.errors import DataError
from components.survival.kaplan_meier import (
    kaplan_meier,
    log_rank,
    median_follow_up,
    median_survival,
    numbers_at_risk,
    survival_estimate,
)
from components.survival.target import SurvivalTarget


def groups_of(table, analysis, cut):
    """The groups (n,) of an analysis as strings, and who has one."""
    name = analysis["group"]
    if name not in table:
        return (table["mk_lp"] > cut).astype(int).astype(str)
    column = table[name]
    return column.astype(str) if column.dtype == object else column.astype(int).astype(str)


@pytest.fixture(params=["pbc", "lung"])
def analyses(request, values, inputs):
    """Pairs of R's analysis, target and groups of a set."""
    table, r = inputs(request.param), values(request.param, "kaplan_meier")
    return [
        (
            analysis,
            SurvivalTarget.of(table[analysis["time"]], table["event"]),
            groups_of(table, analysis, r["median_cut_of_mk_lp"]).to_numpy(),
        )
        for analysis in r["analyses"]
    ]


def test_curves_agree_with_survfit(analyses):
    for analysis, target, groups in analyses:
        for r in analysis["groups"]:
            own, curve = kaplan_meier(target.subset(groups == r["level"])), r["curve"]
            np.testing.assert_array_equal(own.times_days, curve["time"])
            np.testing.assert_array_equal(own.n_at_risk, curve["n_risk"])
            np.testing.assert_array_equal(own.n_events, curve["n_event"])
            np.testing.assert_allclose(own.survival, curve["surv"], rtol=1e-8, atol=1e-15)


def test_log_intervals_agree_with_survfit(analyses):
    compared = 0
    for analysis, target, groups in analyses:
        for r in analysis["groups"]:
            theirs = r["by_conf_type"]["log"]
            for i, horizon in enumerate(analysis["times"]):
                own = survival_estimate(target.subset(groups == r["level"]), horizon)
                for value, name in (
                    (own.value, "surv"),
                    (own.lower, "lower"),
                    (own.upper, "upper"),
                ):
                    if own.value is not None and theirs[name][i] is not None:
                        assert value == pytest.approx(theirs[name][i], rel=1e-8)
                        compared += 1
    assert compared > 50


def test_medians_agree_with_r(analyses):
    for analysis, target, groups in analyses:
        for r in analysis["groups"]:
            own = median_survival(target.subset(groups == r["level"]))
            theirs = r["by_conf_type"]["log"]
            assert own.value == theirs["quantile"][1]
            assert own.lower == theirs["q_lower"][1]
            assert own.upper == theirs["q_upper"][1]


def test_log_rank_agrees_with_survdiff(analyses):
    for analysis, target, groups in analyses:
        known = np.isin(groups, analysis["levels"])
        own, r = log_rank(target.subset(known), groups[known]), analysis["logrank"]
        assert own.statistic == pytest.approx(r["chisq"], rel=1e-8)
        assert own.degrees_of_freedom == r["df"]
        assert own.p_value == pytest.approx(r["p"], rel=1e-6)


@pytest.mark.parametrize("dataset", ["pbc", "lung"])
def test_follow_up_agrees_with_r(dataset, values, inputs):
    table = inputs(dataset)
    own = median_follow_up(SurvivalTarget.of(table["time"], table["event"]))
    assert own.value == values(dataset, "kaplan_meier")["reverse_km_followup_median"]
    assert own.n_events == table["event"].sum()


def test_median_of_a_flat_stretch_at_half_is_its_midpoint():
    flat = SurvivalTarget.of([1, 2, 5, 9], [1, 1, 1, 1])
    assert median_survival(flat).value == 3.5
    until_the_end = SurvivalTarget.of([1, 2, 5, 9], [1, 1, 0, 0])
    assert median_survival(until_the_end).value == 5.5


def test_not_reached_and_beyond_follow_up_are_said():
    target = SurvivalTarget.of([10, 20, 30], [0, 1, 0])
    assert median_survival(target).value == pytest.approx(25.0)
    alive = SurvivalTarget.of([10, 20, 30], [0, 0, 0])
    assert (median_survival(alive).value, median_survival(alive).note) == (None, "not reached")
    assert survival_estimate(target, 31).value is None
    assert survival_estimate(target, 5).value == 1.0


def test_limits_stay_finite_where_the_curve_reaches_zero():
    curve = kaplan_meier(SurvivalTarget.of([3, 5, 8], [1, 1, 1]))
    assert curve.survival[-1] == 0.0
    assert np.isfinite(curve.lower).all()
    assert np.isfinite(curve.upper).all()
    alone = kaplan_meier(SurvivalTarget.of([3], [1]))
    assert (alone.lower[0], alone.upper[0]) == (0.0, 1.0)


def test_numbers_at_risk_count_those_leaving_at_the_time():
    target = SurvivalTarget.of([10, 20, 20, 30], [1, 0, 1, 0])
    np.testing.assert_array_equal(numbers_at_risk(target, [0, 10, 20, 21, 31]), [4, 4, 3, 1, 0])


def test_log_rank_needs_groups_and_a_death():
    target = SurvivalTarget.of([1, 2], [1, 0])
    with pytest.raises(DataError, match="came 1 groups"):
        log_rank(target, ["a", "a"])
    with pytest.raises(DataError, match="and 0 deaths"):
        log_rank(SurvivalTarget.of([1, 2], [0, 0]), ["a", "b"])
