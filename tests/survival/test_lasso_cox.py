"""The cross-validated LASSO Cox fit: what it selects, and what may not move it."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.errors import FitFailed
from components.survival.concordance import concordance_within
from components.survival.lasso_cox import (
    FoldSettings,
    FoldTask,
    choose_lambda,
    cross_validate,
    deviance,
    fold_figure,
    lasso_cox,
)
from components.survival.lasso_path import LassoProblem, lambda_sequence, lasso_path
from components.survival.screening import univariate_screen
from components.survival.target import SurvivalTarget

SETTINGS = {"l1_ratio": 1.0, "n_lambdas": 20, "lambda_min_ratio": 0.1, "n_folds": 5, "n_repeats": 2}


@pytest.fixture(scope="module")
def features():
    """90 patients of two arms, 30 features, the first two with an effect: (x, arm, target)."""
    rng = np.random.default_rng(2)
    x, arm = rng.normal(size=(90, 30)), np.arange(90) % 2
    dies = rng.exponential(100 * np.exp(-x[:, 0] + 0.8 * x[:, 1] - arm))
    leaves = rng.uniform(20, 300, 90)
    return x, arm, SurvivalTarget.of(np.minimum(dies, leaves) + 0.1, dies <= leaves)


def fit(x, target, **changes):
    return lasso_cox(x, target, rng=np.random.default_rng(0), **{**SETTINGS, **changes})


def test_finds_the_features_with_an_effect(features):
    x, arm, target = features
    found = fit(x, target, strata=arm, rule="lambda_1se")
    assert {0, 1} <= set(np.flatnonzero(found.coefficients))
    assert found.coefficients[0] > 0 > found.coefficients[1]
    assert found.lambda_ == found.path.lambdas[found.index]
    assert found.path.n_nonzero[0] == 0
    assert found.path.n_nonzero[found.index] == np.count_nonzero(found.coefficients)


def test_noise_selects_nothing(features):
    _, arm, target = features
    noise = np.random.default_rng(9).normal(size=(90, 20))
    found = fit(noise, target, strata=arm, rule="lambda_1se")
    assert found.index == 0
    assert not found.coefficients.any()


def test_features_that_tell_only_the_arm_are_selected_only_without_strata():
    rng = np.random.default_rng(5)
    arm = np.arange(200) % 2
    dies = rng.exponential(500 * np.exp(-1.5 * arm))
    target = SurvivalTarget.of(np.minimum(dies, 900) + 0.1, dies < 900)
    x = 2.0 * arm[:, None] + rng.normal(size=(200, 12))
    assert not fit(x, target, strata=arm, rule="lambda_1se").coefficients.any()
    assert np.count_nonzero(fit(x, target, rule="lambda_1se").coefficients) >= 3


@settings(deadline=None, max_examples=8)
@given(st.integers(0, 2**32 - 1))
def test_scale_and_sign_of_features_and_the_unit_of_time_do_not_matter(features, seed):
    x, arm, target = features
    rng = np.random.default_rng(seed)
    factors = 10.0 ** rng.uniform(-3, 3, 30) * rng.choice([-1.0, 1.0], 30)
    in_years = SurvivalTarget(target.time_days / 365.25, target.event)
    one = fit(x, target, strata=arm, rule="lambda_min")
    other = fit(x * factors, in_years, strata=arm, rule="lambda_min")
    assert other.index == one.index
    np.testing.assert_allclose(other.coefficients * factors, one.coefficients, atol=1e-8)
    np.testing.assert_allclose(other.deviance_mean, one.deviance_mean, rtol=1e-7)


def test_same_numbers_whatever_runs_the_folds(features):
    x, arm, target = features

    def elsewhere(function, tasks):
        """As a pool of processes: function and tasks are pickled, and end in another order."""
        sent = [pickle.dumps((function, task)) for task in tasks]
        answers = {}
        for number in reversed(range(len(sent))):
            remote, task = pickle.loads(sent[number])
            answers[number] = pickle.loads(pickle.dumps(remote(task)))
        return [answers[number] for number in range(len(sent))]

    here, there = (
        fit(x, target, strata=arm, rule="lambda_min", map=run) for run in (map, elsewhere)
    )
    np.testing.assert_array_equal(there.deviance_mean, here.deviance_mean)
    np.testing.assert_array_equal(there.coefficients, here.coefficients)


def test_a_feature_constant_in_a_fold_is_no_error(features):
    x, _, target = features
    x = x.copy()
    x[:, 5] = 0.0
    x[3, 5] = 1.0
    assert np.isfinite(fit(x, target, rule="lambda_min").deviance_mean).all()


def test_fewer_deaths_than_folds_are_refused(features):
    x, arm, target = features
    few = SurvivalTarget(target.time_days, np.arange(90) < 4)
    with pytest.raises(FitFailed, match="at least 5 deaths for 5 folds, came 4"):
        fit(x, few, strata=arm, rule="lambda_min")


def test_a_screen_stands_inside_each_fold(features):
    """The others' outcomes decide which features a fold's fit may see."""
    x, arm, target = features
    problem = LassoProblem(x, target, arm, 1.0)
    lambdas = lambda_sequence(problem, n_lambdas=6, lambda_min_ratio=0.2)
    kept = np.arange(90) % 5 != 0
    screened = fold_figure(FoldTask(problem, kept, lambdas, FoldSettings(screen_p_value=0.1)))
    part = problem.subset(kept)
    passed = np.flatnonzero(univariate_screen(part.x, part.target, strata=arm[kept]).p_value < 0.1)
    assert 0 < passed.size < 30
    lp = x[:, passed] @ lasso_path(part.columns(passed), lambdas).coefficients
    whole, others = deviance(lp, target, arm), deviance(lp[kept], part.target, arm[kept])
    np.testing.assert_allclose(screened, (whole - others) / target.event[~kept].sum(), rtol=1e-12)
    nothing = fold_figure(FoldTask(problem, kept, lambdas, FoldSettings(screen_p_value=1e-12)))
    assert np.ptp(nothing) == 0
    assert fit(x, target, strata=arm, rule="lambda_min", screen_p_value=1e-12) is None
    found = fit(x, target, strata=arm, rule="lambda_min", screen_p_value=0.1)
    assert found.screened.size < 30
    assert set(np.flatnonzero(found.coefficients)) <= set(found.screened)


def test_concordance_of_a_fold_counts_pairs_within_strata(features):
    x, arm, target = features
    problem = LassoProblem(x, target, arm, 1.0)
    lambdas = lambda_sequence(problem, n_lambdas=6, lambda_min_ratio=0.2)
    kept = np.arange(90) % 3 != 0
    c = fold_figure(FoldTask(problem, kept, lambdas, FoldSettings(measure="concordance")))
    path = lasso_path(problem.subset(kept), lambdas)
    lp = x[~kept] @ path.coefficients[:, 4]
    assert c[4] == concordance_within(target.subset(~kept), lp, arm[~kept])
    assert 0.5 < c[4] < 1


def test_strata_too_small_for_the_folds_are_said(features):
    x, _, target = features
    arm = np.full(90, "hepatectomy")
    arm[[*np.flatnonzero(target.event)[:4], *np.flatnonzero(~target.event)[:3]]] = "tace"
    found = fit(x, target, strata=arm, rule="lambda_min")
    assert set(found.merged_strata) == {"tace, alive", "tace, died"}
    assert fit(x, target, rule="lambda_min").merged_strata == ()


def test_the_standard_error_and_the_rules_are_those_of_the_definition(features):
    x, arm, target = features
    problem = LassoProblem(x, target, arm, 1.0)
    lambdas = lambda_sequence(problem, n_lambdas=8, lambda_min_ratio=0.2)
    fold_of = np.arange(90) % 4
    mean, std_error = cross_validate(problem, lambdas, folds=fold_of[None])
    each = np.stack(
        [fold_figure(FoldTask(problem, fold_of != k, lambdas, FoldSettings())) for k in range(4)]
    )
    deaths = np.array([target.event[fold_of == k].sum() for k in range(4)])
    expected = (deaths[:, None] * each).sum(0) / deaths.sum()
    spread = (deaths[:, None] * (each - expected) ** 2).sum(0) / deaths.sum()
    np.testing.assert_allclose(mean, expected, rtol=1e-12)
    np.testing.assert_allclose(std_error, np.sqrt(spread / 3), rtol=1e-12)
    best = choose_lambda(mean, std_error, rule="lambda_min")
    assert mean[best] == mean.min()
    one_se = choose_lambda(mean, std_error, rule="lambda_1se")
    assert one_se <= best
    assert mean[one_se] <= mean[best] + std_error[best]
    assert (mean[:one_se] > mean[best] + std_error[best]).all()


def test_a_fold_without_a_death_weighs_nothing(features):
    x, arm, target = features
    problem = LassoProblem(x, target, arm, 1.0)
    lambdas = lambda_sequence(problem, n_lambdas=4, lambda_min_ratio=0.3)
    fold_of = np.arange(90) % 4
    fold_of[np.flatnonzero(~target.event)[:5]] = 9
    mean, _ = cross_validate(problem, lambdas, folds=fold_of[None])
    deaths = [target.event[fold_of == k].sum() for k in range(4)]
    each = [fold_figure(FoldTask(problem, fold_of != k, lambdas, FoldSettings())) for k in range(4)]
    np.testing.assert_allclose(mean, np.average(each, axis=0, weights=deaths), rtol=1e-12)
