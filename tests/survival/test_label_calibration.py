import numpy as np
import pytest
import statsmodels.api as sm
from scipy.special import expit, logit

from components.survival.ipcw import label_weights, risk_labels
from components.survival.label_calibration import (
    fit_temperature,
    label_calibration,
    log_loss,
    with_temperature,
)
from components.survival.target import SurvivalTarget

HORIZON = 1095


def draw(n=4000, *, censored=True, seed=1):
    """Patients of a known probability of death by three years."""
    rng = np.random.default_rng(seed)
    p = expit(rng.normal(0, 1.2, n))
    dies = rng.random(n) < p
    death = np.where(dies, rng.uniform(1, HORIZON, n), HORIZON + rng.uniform(1, 3000, n))
    seen = rng.uniform(200, 4000, n) if censored else np.full(n, 9000.0)
    target = SurvivalTarget.of(np.minimum(death, seen), death <= seen)
    weights = label_weights(target, HORIZON, fitted_on=target, cap=20)
    return target, p, weights


def calibrate(target, p, weights, **changes):
    return label_calibration(target, p, horizon_days=HORIZON, weights=weights, **changes)


def test_true_probabilities_are_calibrated_in_spite_of_censoring():
    target, p, weights = draw()
    found = calibrate(target, p, weights)

    assert found.in_the_large.lower < 0 < found.in_the_large.upper
    assert found.slope.lower < 1 < found.slope.upper
    assert len(found.bins) == 5
    for one in found.bins:
        assert one.observed.value == pytest.approx(one.mean_predicted, abs=0.06)


def test_what_is_wrong_with_them_is_found():
    target, p, weights = draw()
    extreme = calibrate(target, expit(2 * logit(p)), weights)
    high = calibrate(target, expit(logit(p) + 0.7), weights)

    assert extreme.slope.value == pytest.approx(0.5, abs=0.06)
    assert high.in_the_large.value == pytest.approx(-0.7, abs=0.12)


def test_without_censoring_it_is_the_robust_logistic_regression_of_statsmodels():
    target, p, weights = draw(600, censored=False)
    np.testing.assert_array_equal(weights, 1)
    found = calibrate(target, p, weights)
    y = (risk_labels(target, HORIZON) == 1).astype(float)
    fit = sm.Logit(y, sm.add_constant(logit(p))).fit(disp=0, cov_type="HC0")

    assert found.slope.value == pytest.approx(fit.params[1], rel=1e-6)
    assert found.slope.upper - found.slope.value == pytest.approx(1.959964 * fit.bse[1], rel=1e-5)


def test_the_temperature_undoes_the_one_that_was_applied():
    target, p, weights = draw()
    spoiled = with_temperature(p, 1 / 3)
    temperature = fit_temperature(target, spoiled, horizon_days=HORIZON, weights=weights)

    assert temperature == pytest.approx(3.0, rel=0.1)
    losses = [
        log_loss(target, one, horizon_days=HORIZON, weights=weights)
        for one in (
            with_temperature(spoiled, temperature),
            spoiled,
            with_temperature(spoiled, temperature * 1.02),
            with_temperature(spoiled, temperature / 1.02),
        )
    ]
    assert losses[0] == min(losses)


def test_probabilities_that_fall_with_the_risk_have_no_temperature():
    target, p, weights = draw()
    assert fit_temperature(target, 1 - p, horizon_days=HORIZON, weights=weights) is None


def test_parted_or_equal_probabilities_have_no_slope():
    target, p, weights = draw(200)
    cases = risk_labels(target, HORIZON) == 1
    parted = calibrate(target, np.where(cases, 0.9, 0.1), weights)
    equal = calibrate(target, np.full(target.n, 0.4), weights)

    assert parted.slope.value is None
    assert equal.slope.value is None
    assert equal.in_the_large.value is not None
    assert len(equal.bins) == 1
    assert p.size == 200
