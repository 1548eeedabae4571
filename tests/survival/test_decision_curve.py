"""Net benefit against the package dcurves, its definition and its properties."""

import numpy as np
import pandas as pd
import pytest
from dcurves import dca
from hypothesis import given, settings
from hypothesis import strategies as st

from components.errors import DataError, UsageError
from components.survival.decision_curve import DecisionCurve
from components.survival.kaplan_meier import kaplan_meier
from components.survival.target import SurvivalTarget

HORIZON = 40.0
THRESHOLDS = np.round(np.arange(0.05, 0.96, 0.05), 2)


@pytest.fixture
def predicted(sample):
    x, target = sample
    return target, 1 - np.exp(-0.5 * np.exp(0.8 * x[:, 0]))


def curve(target, risk, thresholds=THRESHOLDS):
    return DecisionCurve.of(target, risk, horizon_days=HORIZON, thresholds=thresholds)


def test_net_benefit_is_that_of_dcurves(predicted):
    target, risk = predicted
    table = pd.DataFrame({"time": target.time_days, "event": target.event, "risk": risk})
    other = dca(
        data=table,
        outcome="event",
        modelnames=["risk"],
        thresholds=THRESHOLDS,
        time=HORIZON,
        time_to_outcome_col="time",
    ).set_index("model")
    ours = {"risk": curve(target, risk), "all": curve(target, np.ones(target.n))}
    for name, own in ours.items():
        theirs = other.loc[name, "net_benefit"].to_numpy(float)
        known = ~np.isnan(theirs)
        assert known.sum() > 10
        assert own.net_benefit[known] == pytest.approx(theirs[known], abs=1e-12)
        assert own.is_known[known].all()


def test_rates_are_shares_by_kaplan_meier_among_the_positive(predicted):
    target, risk = predicted
    own = curve(target, risk, [0.3])
    positive = risk >= 0.3
    survival = kaplan_meier(target.subset(positive)).at(HORIZON)
    assert own.n_positive.tolist() == [positive.sum()]
    assert own.true_positive_rate == pytest.approx(positive.mean() * (1 - survival))
    assert own.false_positive_rate == pytest.approx(positive.mean() * survival)
    assert own.net_benefit == pytest.approx(
        own.true_positive_rate - 3 / 7 * own.false_positive_rate
    )


def test_positive_patients_who_are_not_followed_to_the_horizon_are_told_apart():
    """The two with a risk of 0.9 leave early, alive; the two of 0.5 have both died."""
    target = SurvivalTarget.of([10, 12, 20, 25, 60, 70], [0, 0, 1, 1, 0, 1])
    risk = np.array([0.9, 0.9, 0.7, 0.7, 0.1, 0.1])
    own = curve(target, risk, [0.05, 0.6, 0.8, 0.95])
    assert own.is_known.tolist() == [True, True, False, True]
    assert own.n_positive.tolist() == [6, 4, 2, 0]
    assert own.net_benefit[-1] == 0


def test_thresholds_and_risks_outside_0_to_1_are_refused(predicted):
    target, risk = predicted
    for wrong in ([1.0], [-0.1], [np.nan]):
        with pytest.raises(UsageError, match="thresholds of 0 or more and below 1"):
            curve(target, risk, wrong)
    with pytest.raises(UsageError, match="2 of 120 are not"):
        curve(target, np.r_[1.2, np.nan, risk[2:]])


def test_a_horizon_beyond_follow_up_is_refused(predicted):
    target, risk = predicted
    with pytest.raises(DataError, match="nobody is followed to day 5000, follow-up ends at day"):
        DecisionCurve.of(target, risk, horizon_days=5000, thresholds=THRESHOLDS)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000), unit=st.floats(0.01, 100))
def test_net_benefit_has_no_unit_and_no_order(seed, unit):
    rng = np.random.default_rng(seed)
    time, event = np.ceil(rng.exponential(40, 60)), rng.random(60) < 0.6
    time[0] = HORIZON + 1  # somebody is followed to the horizon
    risk, order = rng.random(60).round(2), rng.permutation(60)
    own = curve(SurvivalTarget.of(time, event), risk)
    other = DecisionCurve.of(
        SurvivalTarget.of(time[order] * unit, event[order]),
        risk[order],
        horizon_days=HORIZON * unit,
        thresholds=THRESHOLDS,
    )
    assert own.net_benefit == pytest.approx(other.net_benefit, abs=1e-12)
    # Nobody gains more than knowing who dies, nor from acting on fewer than all at no cost.
    assert (own.net_benefit <= 1 - kaplan_meier(SurvivalTarget.of(time, event)).survival[-1]).all()
    assert (np.diff(own.n_positive) <= 0).all()
