"""Paths against the conditions of their minimum, a plain twin of the kernels, and Coxnet."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sksurv.linear_model import CoxnetSurvivalAnalysis

from components.errors import FitFailed
from components.survival.lasso_kernels import bend, breslow
from components.survival.lasso_path import (
    LassoPath,
    LassoProblem,
    lambda_sequence,
    lasso_path,
    risk_order,
)
from components.survival.lasso_state import Curvature
from components.survival.target import SurvivalTarget


def sample(n, p, *, seed, ties=False, n_strata=2):
    """A problem with effects of the first three features, in strata of different hazards."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4)) @ rng.normal(size=(4, p)) * 0.5 + rng.normal(size=(n, p))
    strata = rng.integers(0, n_strata, n)
    dies = rng.exponential(300 * np.exp(-0.7 * x[:, 0] + 0.5 * x[:, 1] - strata))
    leaves = rng.uniform(50, 900, n)
    days = np.minimum(dies, leaves)
    days = np.ceil(days / 60) if ties else days + 0.01
    return LassoProblem(x, SurvivalTarget.of(days, dies <= leaves), strata, 1.0)


def plain(eta, target, strata):
    """Log likelihood, residuals (n,), information (n, n) in eta, death by death."""
    value, residuals, information = 0.0, target.event.astype(float), np.zeros((eta.size, eta.size))
    for i in np.flatnonzero(target.event):
        at_risk = (target.time_days >= target.time_days[i]) & (strata == strata[i])
        share = np.where(at_risk, np.exp(eta), 0.0)
        value += eta[i] - np.log(share.sum())
        share /= share.sum()
        residuals -= share
        information += np.diag(share) - np.outer(share, share)
    return value, residuals, information


def gradients(problem, coefficients):
    """Of -log PL / n in the standardised features, (p,)."""
    lp = problem.x @ coefficients
    _, residuals, _ = plain(lp - lp.mean(), problem.target, problem.strata)
    z = (problem.x - problem.x.mean(0)) / problem.scale()
    return z.T @ residuals / problem.target.n


def violation(problem, coefficients, lambda_):
    """By what share of lambda the conditions of a minimum are missed at most."""
    scaled = coefficients * problem.scale()
    ratio = problem.l1_ratio
    g = gradients(problem, coefficients) - (1 - ratio) * lambda_ * scaled
    active = coefficients != 0
    off = np.where(active, np.abs(g - ratio * lambda_ * np.sign(coefficients)), 0.0)
    beyond = np.where(active, 0.0, np.abs(g) - ratio * lambda_)
    return max(off.max(), beyond.max()) / (ratio * lambda_)


@pytest.mark.parametrize("ties", [True, False])
def test_kernels_agree_with_their_plain_twins(ties):
    problem = sample(60, 3, seed=1, ties=ties)
    rows, order = risk_order(problem.target, problem.strata)
    eta = problem.x @ np.array([0.4, -0.8, 0.2]) + 5.0
    at, residual = Curvature.empty(order), np.empty(60)
    value = breslow(eta[rows], order, residual, at)
    expected, residuals, information = plain(eta, problem.target, problem.strata)
    assert value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(residual, residuals[rows], atol=1e-12)
    bent = bend(np.ascontiguousarray(problem.x[rows]), order, at)
    np.testing.assert_allclose(bent, (information @ problem.x)[rows], atol=1e-11)


@pytest.mark.parametrize(
    ("n", "p", "ratio", "l1_ratio", "ties"),
    [(120, 20, 0.01, 1.0, False), (60, 150, 0.02, 1.0, True), (80, 120, 0.02, 0.3, False)],
)
def test_every_fit_is_the_minimum(n, p, ratio, l1_ratio, ties):
    whole = sample(n, p, seed=3, ties=ties)
    problem = LassoProblem(whole.x, whole.target, whole.strata, l1_ratio)
    lambdas = lambda_sequence(problem, n_lambdas=25, lambda_min_ratio=ratio)
    path = lasso_path(problem, lambdas)
    assert path.n_nonzero[0] == 0
    assert path.n_nonzero[-1] > 10
    for m in range(0, 25, 4):
        assert violation(problem, path.coefficients[:, m], lambdas[m]) < 2e-8


def test_penalties_far_apart_end_in_the_same_minimum():
    problem = sample(100, 60, seed=4)
    lambdas = lambda_sequence(problem, n_lambdas=40, lambda_min_ratio=0.02)
    near, far = lasso_path(problem, lambdas), lasso_path(problem, lambdas[[0, 39]])
    np.testing.assert_allclose(far.coefficients[:, 1], near.coefficients[:, -1], atol=1e-7)


def test_agrees_with_coxnet_where_it_can_fit_at_all():
    """Without strata, and within Coxnet's own penalties."""
    problem = sample(90, 30, seed=6, n_strata=1)
    lambdas = lambda_sequence(problem, n_lambdas=12, lambda_min_ratio=0.2)
    z = (problem.x - problem.x.mean(0)) / problem.x.std(0)
    coxnet = CoxnetSurvivalAnalysis(l1_ratio=1.0, alphas=lambdas, tol=1e-14)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="all coefficients are zero")
        coxnet.fit(z, problem.target.structured())
    own = lasso_path(problem, lambdas).coefficients * problem.x.std(0)[:, None]
    np.testing.assert_allclose(own, coxnet.coef_, atol=1e-6 * np.abs(own).max())


@settings(deadline=None, max_examples=12)
@given(st.integers(0, 2**32 - 1))
def test_row_order_sign_scale_and_unit_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    problem = sample(70, 12, seed=7, ties=True)
    lambdas = lambda_sequence(problem, n_lambdas=8, lambda_min_ratio=0.05)
    order = rng.permutation(70)
    factors = 10.0 ** rng.uniform(-3, 3, 12) * rng.choice([-1.0, 1.0], 12)
    target = problem.target.subset(order)
    other = LassoProblem(
        problem.x[order] * factors + rng.normal(size=12),
        SurvivalTarget(target.time_days / 365.25, target.event),
        9 - problem.strata[order],
        1.0,
    )
    np.testing.assert_allclose(
        lambda_sequence(other, n_lambdas=8, lambda_min_ratio=0.05), lambdas, rtol=1e-9
    )
    there = lasso_path(other, lambdas).coefficients * factors[:, None]
    np.testing.assert_allclose(there, lasso_path(problem, lambdas).coefficients, atol=1e-7)


@settings(deadline=None, max_examples=10)
@given(st.integers(2, 4), st.integers(0, 5))
def test_duplicated_patients_change_nothing(copies, seed):
    """All likelihoods multiply by the copies, and the objective is divided by the patients."""
    problem = sample(50, 10, seed=seed)
    lambdas = lambda_sequence(problem, n_lambdas=6, lambda_min_ratio=0.1)
    rows = np.repeat(np.arange(50), copies)
    many = LassoProblem(
        problem.x[rows], problem.target.subset(rows), problem.strata[rows], problem.l1_ratio
    )
    # A risk set that is copies times as large only adds a constant to the log likelihood.
    np.testing.assert_allclose(
        lasso_path(many, lambdas).coefficients,
        lasso_path(problem, lambdas).coefficients,
        atol=1e-7,
    )


def test_identical_columns_share_one_fit():
    problem = sample(80, 6, seed=8)
    twice = LassoProblem(
        np.column_stack([problem.x, problem.x]), problem.target, problem.strata, 1.0
    )
    lambdas = lambda_sequence(problem, n_lambdas=10, lambda_min_ratio=0.02)
    once, both = lasso_path(problem, lambdas), lasso_path(twice, lambdas)
    added = both.coefficients[:6] + both.coefficients[6:]
    np.testing.assert_allclose(added, once.coefficients, atol=1e-6)


def test_a_stratum_without_a_death_and_one_of_one_patient_say_nothing():
    problem = sample(60, 8, seed=9)
    silent = problem.strata.copy()
    event = problem.target.event.copy()
    silent[:10], event[:10] = 7, False
    silent[10], event[10] = 8, True
    problem = LassoProblem(problem.x, SurvivalTarget(problem.target.time_days, event), silent, 1.0)
    lambdas = lambda_sequence(problem, n_lambdas=5, lambda_min_ratio=0.1)
    path = lasso_path(problem, lambdas)
    assert violation(problem, path.coefficients[:, -1], lambdas[-1]) < 2e-8


def test_columns_as_they_are_where_asked():
    problem = sample(80, 6, seed=10)
    raw = LassoProblem(problem.x * np.arange(1, 7), problem.target, problem.strata, 1.0, False)
    lambdas = lambda_sequence(raw, n_lambdas=5, lambda_min_ratio=0.1)
    path = lasso_path(raw, lambdas)
    assert violation(raw, path.coefficients[:, -1], lambdas[-1]) < 2e-8


def test_coefficients_between_penalties_are_linear_and_constant_outside():
    path = LassoPath(np.array([4.0, 2.0, 1.0]), np.array([[0.0, 1.0, 3.0]]))
    got = path.at(np.array([9.0, 4.0, 3.0, 2.0, 1.25, 0.1]))
    np.testing.assert_allclose(got, [[0.0, 0.0, 0.5, 1.0, 2.5, 3.0]])


def test_what_cannot_be_fitted_is_said():
    problem = sample(40, 4, seed=11)
    alive = LassoProblem(
        problem.x,
        SurvivalTarget(problem.target.time_days, np.zeros(40, dtype=bool)),
        problem.strata,
        1.0,
    )
    with pytest.raises(FitFailed, match="0 of 40 patients have died"):
        lambda_sequence(alive, n_lambdas=5, lambda_min_ratio=0.1)
    x = problem.x.copy()
    x[3, 2] = np.inf
    with pytest.raises(FitFailed, match=r"column 2 \(and 0 more\) is not"):
        lasso_path(LassoProblem(x, problem.target, problem.strata, 1.0), np.array([0.1]))


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_collinear_binary_and_duplicated_features_end_in_a_minimum_too(seed):
    rng = np.random.default_rng(seed)
    n, p = int(rng.integers(12, 60)), int(rng.integers(2, 90))
    x = rng.normal(size=(n, 2)) @ rng.normal(size=(2, p)) * 3 + 0.01 * rng.normal(size=(n, p))
    x[:, : p // 3] = x[:, : p // 3] > 0.5
    x[:, p // 2] = x[:, 0]
    days = np.ceil(4 * rng.exponential(np.exp(-x[:, -1].clip(-3, 3))))
    event = rng.random(n) < 0.7
    event[0], days[0] = True, days.min()
    target, strata = SurvivalTarget.of(days, event), rng.integers(0, 2, n)
    problem = LassoProblem(x, target, strata, float(rng.choice([1.0, 0.5])))
    lambdas = lambda_sequence(problem, n_lambdas=9, lambda_min_ratio=1e-3)
    path = lasso_path(problem, lambdas)
    assert violation(problem, path.coefficients[:, -1], lambdas[-1]) < 1e-5
