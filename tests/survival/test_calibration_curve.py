"""The smooth calibration curve: what it finds, and what it refuses."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.errors import DataError
from components.survival.calibration import log_log_risk
from components.survival.calibration_curve import calibration_curve
from components.survival.kaplan_meier import kaplan_meier
from components.survival.target import SurvivalTarget

HORIZON = 365.0


def cohort(n, seed):
    """Exponential survival of a known hazard, censored at random; the true survival at a year."""
    rng = np.random.default_rng(seed)
    hazard = np.exp(rng.normal(0, 0.8, n)) / 600
    dies, leaves = rng.exponential(1 / hazard), rng.uniform(100, 1200, n)
    target = SurvivalTarget.of(np.ceil(np.minimum(dies, leaves)), dies <= leaves)
    return target, np.exp(-hazard * HORIZON)


def rng():
    return np.random.default_rng(5)


def test_true_predictions_lie_on_the_diagonal():
    target, survival = cohort(4000, 1)
    own = calibration_curve(target, survival, horizon_days=HORIZON)
    assert np.abs(np.subtract(own.observed, own.predicted)).max() < 0.04
    assert own.ici.value < 0.012
    assert own.e50.value < own.e90.value < 0.04


def test_a_risk_that_rounds_to_one_is_drawn():
    target, survival = cohort(200, 3)
    survival[:30] = 1e-30
    curve = calibration_curve(target, survival, horizon_days=HORIZON)
    assert np.isfinite([*curve.observed, *curve.predicted]).all()


def test_a_shift_of_the_risk_is_found():
    """The hazard is predicted twice too high: the distances are those of the true risks."""
    target, survival = cohort(4000, 2)
    distance = np.abs(survival - survival**2)
    own = calibration_curve(target, survival**2, horizon_days=HORIZON)
    found = [own.ici.value, own.e50.value, own.e90.value]
    expected = [distance.mean(), np.median(distance), np.quantile(distance, 0.9)]
    assert found == pytest.approx(expected, abs=0.02)
    assert (np.array(own.observed) < own.predicted).all()


def test_limits_hold_the_curve_and_shrink_with_the_sample():
    widths = []
    for n in (150, 1500):
        target, survival = cohort(n, 3)
        own = calibration_curve(target, survival, horizon_days=HORIZON, n_resamples=200, rng=rng())
        lower, observed, upper = map(np.array, (own.lower, own.observed, own.upper))
        assert np.mean((lower <= observed) & (observed <= upper)) > 0.95
        assert own.ici.lower <= own.ici.value <= own.ici.upper
        assert "bootstrap percentiles" in own.ici.method
        widths.append(np.mean(upper - lower))
    assert widths[0] / widths[1] == pytest.approx(np.sqrt(10), rel=0.5)


def test_the_same_resamples_give_the_same_limits():
    target, survival = cohort(150, 4)
    draws = [
        calibration_curve(target, survival, horizon_days=HORIZON, n_resamples=50, rng=rng())
        for _ in range(2)
    ]
    assert draws[0] == draws[1]


def test_without_resamples_there_are_no_limits():
    target, survival = cohort(150, 4)
    own = calibration_curve(target, survival, horizon_days=HORIZON)
    assert (own.lower, own.upper, own.ici.lower, own.ici.upper) == ((), (), None, None)


def test_few_distinct_predictions_are_smoothed_by_a_line():
    target, survival = cohort(300, 6)
    coarse = np.where(survival < np.median(survival), 0.3, 0.8)
    own = calibration_curve(target, coarse, horizon_days=HORIZON)
    assert "of a line of" in own.ici.method
    # Between two predictions only, the line passes near the two groups' Kaplan-Meier risks.
    groups = [1 - kaplan_meier(target.subset(coarse == s)).at(HORIZON) for s in (0.8, 0.3)]
    assert (own.observed[0], own.observed[-1]) == pytest.approx(groups, abs=0.06)


def test_what_cannot_be_smoothed_is_said():
    target, survival = cohort(100, 7)
    nobody = SurvivalTarget(target.time_days, np.zeros(100, dtype=bool))
    cases = {
        "all patients have the same predicted survival": (target, np.full(100, 0.5), HORIZON),
        "1 of 100 predictions are not": (target, np.append(survival[1:], 0.0), HORIZON),
        "nobody is followed to day 5000": (target, survival, 5000.0),
        "nobody dies by day 365": (nobody, survival, HORIZON),
    }
    for reason, (patients, predicted, horizon) in cases.items():
        own = calibration_curve(patients, predicted, horizon_days=horizon)
        assert own.observed == ()
        for one in (own.ici, own.e50, own.e90):
            assert one.value is None
            assert reason in one.note
    with pytest.raises(DataError, match="above 0 and below 1"):
        log_log_risk(np.array([0.5, 1.0]))


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000), unit=st.floats(0.01, 50))
def test_distances_have_no_unit_and_no_order(seed, unit):
    target, survival = cohort(80, seed)
    order = np.random.default_rng(seed).permutation(80)
    own = calibration_curve(target, survival, horizon_days=HORIZON)
    scaled = SurvivalTarget(target.time_days[order] * unit, target.event[order])
    other = calibration_curve(scaled, survival[order], horizon_days=HORIZON * unit)
    assert other.ici.value == pytest.approx(own.ici.value, rel=1e-6)
    assert other.observed == pytest.approx(own.observed, rel=1e-6)
