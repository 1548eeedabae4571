import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines import KaplanMeierFitter
from lifelines.utils import restricted_mean_survival_time

from components.errors import UsageError
from components.survival.rmst import restricted_mean, rmst, rmst_contrast
from components.survival.target import SurvivalTarget


@pytest.fixture
def groups(sample):
    x, target = sample
    return target.subset(x[:, 0] <= 0), target.subset(x[:, 0] > 0)


def test_it_is_the_area_of_lifelines_curve(groups):
    for target in groups:
        theirs = restricted_mean_survival_time(
            KaplanMeierFitter().fit(target.time_days, target.event), t=60
        )
        assert rmst(target, 60).value == pytest.approx(theirs, rel=1e-10)


def test_without_censoring_it_is_the_mean_of_what_was_lived_until_then():
    rng = np.random.default_rng(2)
    time = rng.exponential(50, 200)
    own = rmst(SurvivalTarget.of(time, np.ones(200)), 70)
    lived = np.minimum(time, 70)
    assert own.value == pytest.approx(lived.mean())
    assert (own.upper - own.value) / 1.959963984540054 == pytest.approx(
        lived.std() / 200**0.5, rel=1e-8
    )


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 100))
@settings(deadline=None, max_examples=25)
def test_it_keeps_the_unit_of_time_and_halves_the_variance_of_doubled_patients(seed, unit):
    rng = np.random.default_rng(seed)
    target = SurvivalTarget.of(rng.integers(1, 30, 40), rng.uniform(size=40) < 0.6)
    mean, std_error = restricted_mean(target, 12.0)
    rows = rng.permutation(40)
    scaled = SurvivalTarget(target.time_days[rows] * unit, target.event[rows])
    assert restricted_mean(scaled, 12.0 * unit) == pytest.approx((mean * unit, std_error * unit))
    doubled = restricted_mean(target.subset(np.repeat(rows, 2)), 12.0)
    assert doubled[0] == pytest.approx(mean)
    assert 0 < mean <= 12.0


def test_groups_differ_by_their_difference(groups):
    own = rmst_contrast(*groups, 60.0)
    turned = rmst_contrast(*groups[::-1], 60.0)
    assert own.difference.value == pytest.approx(own.second.value - own.first.value)
    assert own.ratio.value == pytest.approx(own.second.value / own.first.value)
    assert turned.difference.value == pytest.approx(-own.difference.value)
    assert turned.difference.lower == pytest.approx(-own.difference.upper)
    assert turned.ratio.lower == pytest.approx(1 / own.ratio.upper)
    assert (turned.difference_p, turned.ratio_p) == pytest.approx((own.difference_p, own.ratio_p))
    assert (own.difference.n, own.difference.horizon_days) == (120, 60.0)
    assert (own.difference_p < 0.05) == (own.difference.lower > 0 or own.difference.upper < 0)


def test_beyond_the_follow_up_it_is_not_estimable():
    short = SurvivalTarget.of([5, 10, 20], [1, 0, 0])
    long = SurvivalTarget.of([5, 10, 40], [1, 1, 0])
    own = rmst_contrast(short, long, 30)
    said = "nobody is followed to day 30, the last is seen on day 20"
    for one in (own.first, own.difference, own.ratio):
        assert (one.value, one.note, one.horizon_days) == (None, said, 30)
    assert own.second.value is not None
    assert (own.difference_p, own.ratio_p) == (None, None)
    assert rmst(SurvivalTarget.of([], []), 3).note == "there are no patients"


def test_once_all_have_died_nothing_is_open():
    own = rmst(SurvivalTarget.of([5, 10], [1, 1]), 30)
    assert own.value == 7.5
    assert rmst(SurvivalTarget.of([5, 10, 10], [1, 1, 0]), 30).value is None


def test_nobody_dying_leaves_nothing_to_test():
    alive = SurvivalTarget.of([50, 60], [0, 0])
    own = rmst_contrast(alive, alive, 30)
    assert (own.difference.value, own.difference_p) == (0.0, None)


@pytest.mark.parametrize("tau", [0, -1, np.inf, np.nan])
def test_the_restriction_lies_above_0(tau):
    with pytest.raises(UsageError, match="above 0 days"):
        restricted_mean(SurvivalTarget.of([1, 2], [1, 1]), tau)
