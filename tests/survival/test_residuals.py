import numpy as np
import pytest
from hypothesis import given, settings

from components.errors import UsageError
from components.survival.newton import fit_cox
from components.survival.partial_likelihood import likelihood
from components.survival.residuals import (
    deviance_residuals,
    dfbeta,
    schoenfeld_residuals,
    score_residuals,
)
from components.survival.risk_sets import risk_sets
from tests.survival.strategies import samples

fast = settings(deadline=None, max_examples=25)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@fast
@given(drawn=samples())
def test_weighted_score_and_schoenfeld_residuals_sum_to_the_gradient(ties, drawn):
    x, target = drawn
    options = {
        "strata": np.arange(target.n) % 2,
        "weights": 0.5 + np.arange(target.n) % 3,
        "ties": ties,
    }
    b = np.array([0.6, -0.2])
    gradient = likelihood(x, b, risk_sets(target, **options)).gradient
    score = score_residuals(x, b, target, **options)
    np.testing.assert_allclose(options["weights"] @ score, gradient, rtol=1e-8, atol=1e-9)
    schoenfeld = schoenfeld_residuals(x, b, target, **options)
    if ties == "breslow":
        weights = options["weights"][schoenfeld.rows]
        np.testing.assert_allclose(weights @ schoenfeld.residuals, gradient, rtol=1e-8, atol=1e-9)
    np.testing.assert_array_equal(schoenfeld.times_days, target.time_days[schoenfeld.rows])


def test_at_the_estimate_schoenfeld_residuals_sum_to_nothing(sample):
    x, target = sample
    fit = fit_cox(x, target)
    own = schoenfeld_residuals(x, fit.coefficients, target)
    np.testing.assert_allclose(own.residuals.sum(axis=0), 0.0, atol=1e-8)
    scaled = own.scaled(fit.coefficients, fit.covariance)
    np.testing.assert_allclose(scaled.mean(axis=0), fit.coefficients, rtol=1e-8)


def test_dfbeta_is_nearly_the_change_when_a_patient_is_left_out(sample):
    x, target = sample
    fit = fit_cox(x, target)
    own = dfbeta(score_residuals(x, fit.coefficients, target), fit.covariance)
    for patient in (0, 17, 60):
        kept = np.arange(target.n) != patient
        change = fit.coefficients - fit_cox(x[kept], target.subset(kept)).coefficients
        np.testing.assert_allclose(own[patient], change, atol=0.1 * fit.standard_errors.max())
        assert np.sign(own[patient, 0]) == np.sign(change[0])


def test_deviance_residuals_are_the_signed_root_of_the_deviance():
    martingale, died = np.array([0.5, 0.0, -1.5, 0.0, -2.0]), np.array([1, 1, 1, 0, 0], dtype=bool)
    own = deviance_residuals(martingale, died)
    expected = died - martingale
    saturated = np.where(died, -np.log(np.where(died, expected, 1.0)), 0.0)
    deviance = 2 * (saturated - martingale)
    np.testing.assert_allclose(own, np.sign(martingale) * np.sqrt(deviance), atol=1e-15)


@pytest.mark.parametrize("residuals", [score_residuals, schoenfeld_residuals])
def test_the_exact_likelihood_has_none(sample, residuals):
    x, target = sample
    with pytest.raises(UsageError, match="not defined for the exact likelihood"):
        residuals(x, np.zeros(2), target, ties="exact")
