import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines import KaplanMeierFitter

from components.errors import DataError
from components.survival.kaplan_meier import (
    kaplan_meier,
    median_follow_up,
    median_survival,
    numbers_at_risk,
    survival_estimate,
    survival_quantile,
)
from components.survival.target import SurvivalTarget

INTERVALS = ("log", "log-log", "plain")


@st.composite
def targets(draw):
    """4 to 40 patients in a few whole days, so that times tie."""
    n = draw(st.integers(4, 40))
    time = draw(st.lists(st.integers(1, 12), min_size=n, max_size=n))
    return SurvivalTarget.of(time, draw(st.lists(st.booleans(), min_size=n, max_size=n)))


@given(targets())
@settings(deadline=None, max_examples=25)
def test_curve_is_that_of_lifelines(target):
    own = kaplan_meier(target)
    theirs = KaplanMeierFitter().fit(target.time_days, target.event)
    np.testing.assert_allclose(
        own.at(np.arange(14.0)), theirs.survival_function_at_times(np.arange(14.0)), atol=1e-12
    )
    assert (own.n_events + own.n_censored).sum() == target.n


@given(targets(), st.sampled_from(INTERVALS), st.floats(0.01, 100))
@settings(deadline=None, max_examples=25)
def test_unit_of_time_order_and_doubling_change_nothing_else(target, interval, unit):
    one = kaplan_meier(target, interval=interval)
    rows = np.random.default_rng(target.n).permutation(target.n)
    other = kaplan_meier(
        SurvivalTarget(target.time_days[rows] * unit, target.event[rows]), interval=interval
    )
    np.testing.assert_allclose(other.times_days, one.times_days * unit)
    for name in ("survival", "lower", "upper", "std_error"):
        np.testing.assert_array_equal(getattr(other, name), getattr(one, name))
    doubled = kaplan_meier(target.subset(np.repeat(rows, 2)), interval=interval)
    np.testing.assert_allclose(doubled.survival, one.survival, atol=1e-12)
    inside = (one.survival > 0) & (one.survival < 1)
    np.testing.assert_allclose(doubled.std_error[inside], one.std_error[inside] / 2**0.5, rtol=1e-9)


@given(targets(), st.sampled_from(INTERVALS), st.sampled_from([0.25, 0.5, 0.75]))
@settings(deadline=None, max_examples=40)
def test_a_share_has_died_by_its_quantile_and_not_before(target, interval, share):
    curve, own = kaplan_meier(target), survival_quantile(target, share, interval=interval)
    if own.value is None:
        assert curve.survival[-1] > 1 - share
        assert own.note == "not reached"
        return
    assert curve.at(own.value) <= 1 - share + 1e-7
    assert curve.before(np.nextafter(own.value, 0)) >= 1 - share - 1e-7
    assert own.lower is None or own.lower <= own.value
    assert own.upper is None or own.upper >= own.value


def test_limits_lie_around_the_curve_and_within_0_and_1(sample):
    _, target = sample
    for interval in INTERVALS:
        curve = kaplan_meier(target, interval=interval)
        known = ~np.isnan(curve.lower)
        assert known.sum() > 40
        assert (curve.lower[known] <= curve.survival[known]).all()
        assert (curve.upper[known] >= curve.survival[known]).all()
        assert ((curve.lower[known] >= 0) & (curve.upper[known] <= 1)).all()


def test_median_of_a_flat_stretch_at_half_is_its_midpoint():
    flat = SurvivalTarget.of([1, 2, 5, 9], [1, 1, 1, 1])
    assert median_survival(flat).value == 3.5
    until_the_end = SurvivalTarget.of([1, 2, 5, 9], [1, 1, 0, 0])
    assert median_survival(until_the_end).value == 5.5


def test_the_median_ends_where_its_limit_is_reached_first():
    # R's survfit prints 9 (6 to 14); its quantile() says 16, where the last death lifts the limit.
    died = np.ones(17)
    died[[14, 16]] = 0
    target = SurvivalTarget.of(np.arange(1, 18), died)
    printed = median_survival(target)
    assert (printed.value, printed.lower, printed.upper) == (9, 6, 14)
    assert survival_quantile(target).upper == 16


def test_not_reached_and_beyond_follow_up_are_said():
    target = SurvivalTarget.of([10, 20, 30], [0, 1, 0])
    assert median_survival(target).value == pytest.approx(25.0)
    alive = SurvivalTarget.of([10, 20, 30], [0, 0, 0])
    assert (median_survival(alive).value, median_survival(alive).note) == (None, "not reached")
    beyond = survival_estimate(target, 31)
    assert (beyond.value, beyond.note) == (None, "nobody is followed to day 31")
    assert survival_estimate(target, 5).value == 1.0
    assert survival_estimate(alive, 20).value == 1.0


def test_no_interval_is_made_up_where_nobody_is_left():
    target = SurvivalTarget.of([3, 5, 8], [1, 1, 1])
    curve = kaplan_meier(target)
    assert curve.survival[-1] == 0.0
    assert np.isnan([curve.lower[-1], curve.upper[-1], curve.survival_std_error[-1]]).all()
    last = survival_estimate(target, 8)
    assert (last.value, last.lower, last.upper) == (0.0, None, None)
    assert last.note == "at a survival of 0 there is no log interval"
    # Who has died by the last day stays dead: R's extended curve is 0 too.
    assert survival_estimate(target, 9) == last.model_copy(update={"horizon_days": 9})
    first = survival_estimate(SurvivalTarget.of([3, 5], [0, 1]), 4, interval="log-log")
    assert (first.value, first.lower) == (1.0, None)
    alone = median_survival(SurvivalTarget.of([3], [1]))
    assert (alone.value, alone.lower, alone.upper) == (3.0, None, None)


def test_nobody_has_no_curve():
    nobody = SurvivalTarget.of([], [])
    with pytest.raises(DataError, match="expected patients"):
        kaplan_meier(nobody)
    assert median_survival(nobody).note == "there are no patients"
    assert survival_estimate(nobody, 3).value is None


def test_follow_up_takes_deaths_as_censored():
    target = SurvivalTarget.of([10, 20, 30, 40], [1, 0, 1, 0])
    own = median_follow_up(target)
    assert own.value == median_survival(SurvivalTarget.of([10, 20, 30, 40], [0, 1, 0, 1])).value
    assert (own.n_events, own.method) == (2, "reverse Kaplan-Meier median, log interval")


def test_numbers_at_risk_count_those_leaving_at_the_time():
    target = SurvivalTarget.of([10, 20, 20, 30], [1, 0, 1, 0])
    np.testing.assert_array_equal(numbers_at_risk(target, [0, 10, 20, 21, 31]), [4, 4, 3, 1, 0])
