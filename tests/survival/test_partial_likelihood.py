import numpy as np
import pytest
from scipy.optimize import check_grad

from components.survival.partial_likelihood import (
    likelihood,
    log_likelihood,
    martingale_residuals,
)
from components.survival.risk_sets import risk_sets
from components.survival.target import SurvivalTarget


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_gradient_and_information_are_derivatives(sample, ties):
    x, target = sample
    strata = np.arange(target.n) % 3
    sets = risk_sets(target, strata=strata, ties=ties)
    point = np.array([0.4, -0.3])
    error = check_grad(
        lambda b: likelihood(x, b, sets).value, lambda b: likelihood(x, b, sets).gradient, point
    )
    assert error < 1e-4
    step = 1e-6 * np.eye(2)
    numeric = [
        (likelihood(x, point - h, sets).gradient - likelihood(x, point + h, sets).gradient) / 2e-6
        for h in step
    ]
    np.testing.assert_allclose(likelihood(x, point, sets).information, numeric, rtol=1e-6)


@pytest.mark.parametrize("dataset", ["pbc", "lung"])
def test_martingale_residuals_agree_with_r(dataset, values, inputs):
    table, compared = inputs(dataset), 0
    for r in values(dataset, "coxph")["models"].values():
        if "martingale_first20" not in r or r["ties"] == "exact":
            continue
        time = "time_tied" if "time_tied" in r["formula"] else "time"
        target = SurvivalTarget.of(table[time], table["event"])
        lp = table[r["terms"]].to_numpy(float) @ np.asarray(r["coef"])
        own = martingale_residuals(lp, target, ties=r["ties"])
        np.testing.assert_allclose(own[:20], r["martingale_first20"], rtol=1e-8, atol=1e-10)
        assert own.sum() == pytest.approx(0.0, abs=1e-8)
        compared += 1
    assert compared >= 5


def test_log_likelihood_of_several_predictors_at_once(sample):
    x, target = sample
    together = log_likelihood(x, target)
    apart = [log_likelihood(column, target)[0] for column in x.T]
    np.testing.assert_allclose(together, apart, rtol=1e-12)
    sets = risk_sets(target, strata=None, ties="efron")
    assert together[0] == pytest.approx(likelihood(x, np.array([1.0, 0.0]), sets).value)


def test_enormous_predictors_do_not_overflow(sample):
    x, target = sample
    shifted = log_likelihood(x[:, 0] + 1e4, target)
    np.testing.assert_allclose(shifted, log_likelihood(x[:, 0], target), rtol=1e-9)
