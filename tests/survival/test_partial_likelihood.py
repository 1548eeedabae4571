import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from scipy.optimize import check_grad

from components.survival.partial_likelihood import (
    likelihood,
    log_likelihood,
    martingale_residuals,
    sorted_likelihood,
)
from components.survival.risk_sets import SortedStrata, risk_sets
from components.survival.target import SurvivalTarget
from tests.survival.strategies import samples

TIES = ["efron", "breslow", "exact"]


def at(x, target, coefficients, *, ties, strata=None, weights=None):
    sample = SortedStrata.of(risk_sets(target, strata=strata, ties=ties, weights=weights))
    return sorted_likelihood(x[sample.order], coefficients, sample, ties=ties)


def plain_likelihood(x, b, target, strata, weights, *, efron):
    """The twin of the compiled loop: one risk set after the other, as the formula reads."""
    value, p = 0.0, x.shape[1]
    gradient, information = np.zeros(p), np.zeros((p, p))
    risk = weights * np.exp(x @ b)
    for stratum in np.unique(strata):
        inside = strata == stratum
        for time in np.unique(target.time_days[inside & target.event]):
            died = inside & target.event & (target.time_days == time)
            at_risk = inside & (target.time_days >= time)
            m = int(died.sum())
            value += weights[died] @ (x[died] @ b)
            gradient += weights[died] @ x[died]
            for step in range(m):
                left = risk * (at_risk - (step / m if efron else 0.0) * died)
                mean = left @ x / left.sum()
                share = weights[died].mean()
                value -= share * np.log(left.sum())
                gradient -= share * mean
                information += share * ((x.T * left) @ x / left.sum() - np.outer(mean, mean))
    return value, gradient, information


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@settings(deadline=None, max_examples=25)
@given(drawn=samples(columns=3))
def test_the_compiled_loop_and_its_plain_twin_agree(ties, drawn):
    x, target = drawn
    strata = (x[:, 2] > 0).astype(int)
    weights = np.round(np.exp(x[:, 1]), 1)
    kept = weights > 0
    b = np.array([0.5, -0.2, 0.1])
    own = at(x, target, b, ties=ties, strata=strata, weights=weights)
    value, gradient, information = plain_likelihood(
        x[kept], b, target.subset(kept), strata[kept], weights[kept], efron=ties == "efron"
    )
    np.testing.assert_allclose(own.value, value, rtol=1e-11)
    np.testing.assert_allclose(own.gradient, gradient, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(own.information, information, rtol=1e-9, atol=1e-9)


def test_the_exact_likelihood_is_the_sum_over_all_subsets():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(11, 2))
    target = SurvivalTarget.of([1, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4], [1, 1, 1, 0, 1, 1, 0, 1, 0, 1, 1])
    b = np.array([0.7, -0.4])
    expected = 0.0
    for time in (1, 2, 3, 4):
        died = target.event & (target.time_days == time)
        at_risk = np.flatnonzero(target.time_days >= time)
        subsets = itertools.combinations(at_risk, int(died.sum()))
        total = sum(np.exp(x[list(subset)].sum(axis=0) @ b) for subset in subsets)
        expected += x[died].sum(axis=0) @ b - np.log(total)
    assert at(x, target, b, ties="exact").value == pytest.approx(expected, rel=1e-13)


def test_without_ties_the_three_likelihoods_are_one():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(40, 2))
    target = SurvivalTarget.of(rng.permutation(40) + 1.0, rng.random(40) < 0.6)
    found = [at(x, target, np.array([0.3, 0.9]), ties=ties) for ties in TIES]
    for one in found[1:]:
        np.testing.assert_allclose(one.value, found[0].value, rtol=1e-12)
        np.testing.assert_allclose(one.gradient, found[0].gradient, rtol=1e-9, atol=1e-10)
        np.testing.assert_allclose(one.information, found[0].information, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("ties", TIES)
def test_gradient_and_information_are_derivatives(sample, ties):
    x, target = sample
    strata = np.arange(target.n) % 3

    def there(b):
        return at(x, target, b, ties=ties, strata=strata)

    point = np.array([0.4, -0.3])
    assert check_grad(lambda b: there(b).value, lambda b: there(b).gradient, point) < 1e-4
    step = 1e-6 * np.eye(2)
    numeric = [(there(point - h).gradient - there(point + h).gradient) / 2e-6 for h in step]
    np.testing.assert_allclose(there(point).information, numeric, rtol=1e-6)


def test_gradient_is_the_columns_times_the_martingale_residuals(sample):
    x, target = sample
    strata, weights = np.arange(target.n) % 2, 0.5 + np.arange(target.n) % 4
    b = np.array([0.4, -0.3])
    own = at(x, target, b, ties="efron", strata=strata, weights=weights)
    residuals = martingale_residuals(x @ b, target, strata=strata, weights=weights)
    np.testing.assert_allclose((weights * residuals) @ x, own.gradient, rtol=1e-10)


def test_a_patient_of_weight_0_has_no_residual_and_changes_none(sample):
    x, target = sample
    weights = np.ones(target.n)
    weights[[3, 50]] = 0
    kept = weights > 0
    own = martingale_residuals(x[:, 0], target, weights=weights)
    assert np.isnan(own[[3, 50]]).all()
    without = martingale_residuals(x[kept, 0], target.subset(kept))
    np.testing.assert_allclose(own[kept], without, rtol=1e-12, atol=1e-14)


def test_log_likelihood_of_several_predictors_at_once(sample):
    x, target = sample
    together = log_likelihood(x, target)
    apart = [log_likelihood(column, target)[0] for column in x.T]
    np.testing.assert_allclose(together, apart, rtol=1e-12)
    sets = risk_sets(target, strata=None, ties="efron")
    assert together[0] == pytest.approx(likelihood(x, np.array([1.0, 0.0]), sets).value)


def test_log_likelihood_counts_strata_and_weights_as_the_loop_does(sample):
    x, target = sample
    options = {"strata": np.arange(target.n) % 3, "weights": 0.5 + np.arange(target.n) % 4}
    own = log_likelihood(x[:, 0], target, **options)[0]
    there = at(x, target, np.array([1.0, 0.0]), ties="efron", **options)
    assert own == pytest.approx(there.value, rel=1e-12)


@pytest.mark.parametrize("ties", TIES)
def test_enormous_predictors_do_not_overflow(sample, ties):
    x, target = sample
    shifted = log_likelihood(x[:, 0] + 1e4, target)
    np.testing.assert_allclose(shifted, log_likelihood(x[:, 0], target), rtol=1e-9)
    far = at(x + np.array([1e4, 0.0]), target, np.array([1.0, 0.0]), ties=ties)
    near = at(x, target, np.array([1.0, 0.0]), ties=ties)
    assert far.value == pytest.approx(near.value, rel=1e-8)
