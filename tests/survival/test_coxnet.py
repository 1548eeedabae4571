import pickle

import numpy as np
import pandas as pd
import pytest

from components.errors import FitFailed
from components.survival.coxnet import choose_lambda, cross_validate, lasso_cox
from components.survival.lasso_path import LassoProblem, lambda_sequence, lasso_path
from components.survival.newton import fit_cox
from components.survival.partial_likelihood import martingale_residuals
from components.survival.target import SurvivalTarget


@pytest.fixture(scope="module")
def glmnet(inputs, values):
    """glmnet's answers for the breast cancer set, and cell -> (answer, x, target)."""
    table, r = inputs("breast_cancer"), values("breast_cancer", "lasso_cox")
    x = table[r["columns"]].to_numpy(float)
    cells = {
        name: (cell, x, SurvivalTarget.of(table[cell["time"]], table["event"]))
        for name, cell in r["cells"].items()
    }
    return r, cells


@pytest.fixture(scope="module")
def features():
    """90 patients of two arms, 30 features, the first two with an effect: (x, arm, target)."""
    rng = np.random.default_rng(2)
    x, arm = rng.normal(size=(90, 30)), (np.arange(90) % 2).reshape(-1, 1).astype(float)
    dies = rng.exponential(100 * np.exp(-x[:, 0] + 0.8 * x[:, 1] - arm[:, 0]))
    leaves = rng.uniform(20, 300, 90)
    return x, arm, SurvivalTarget.of(np.minimum(dies, leaves) + 0.1, dies <= leaves)


SETTINGS = {"l1_ratio": 1.0, "n_lambdas": 20, "lambda_min_ratio": 0.1, "n_folds": 5, "n_repeats": 2}


@pytest.mark.parametrize("cell", ["std_exact", "std_tied", "enet05"])
def test_path_agrees_with_glmnet(cell, glmnet):
    reference, cells = glmnet
    r, x, target = cells[cell]
    problem = LassoProblem(x, target, np.empty((target.n, 0)), r["alpha"])
    lambdas = lambda_sequence(
        problem, n_lambdas=r["nlambda_requested"], lambda_min_ratio=r["lambda_min_ratio"]
    )
    # glmnet's largest penalty arrives 6e-8 off.
    np.testing.assert_allclose(lambdas, r["lambda"], rtol=1e-7)
    path = lasso_path(problem, np.asarray(r["lambda"]), tolerance=1e-14)
    for at in r["coef_at"][1:]:
        theirs = pd.Series(at["coef"], index=at["names"]).reindex(reference["columns"]).fillna(0)
        own = path.coefficients[:, at["index_1based"] - 1]
        np.testing.assert_allclose(own, theirs, rtol=0, atol=1e-5 * np.abs(theirs).max())


def test_cross_validated_deviance_agrees_with_cv_glmnet(glmnet):
    reference, cells = glmnet
    r, x, target = cells["std_exact"]
    theirs, lambdas = r["cv_grouped_lambda_supplied"], np.asarray(r["lambda"])
    problem = LassoProblem(x, target, np.empty((target.n, 0)), r["alpha"])
    folds = np.array([reference["foldid"]])
    # The end of the path, where Coxnet converges slowly, is left to the check below.
    mean, std_error = cross_validate(problem, lambdas[:30], folds=folds, tolerance=1e-14)
    np.testing.assert_allclose(mean, theirs["cvm"][:30], rtol=1e-6)
    np.testing.assert_allclose(std_error, theirs["cvsd"][:30], rtol=1e-5)
    mean, std_error = cross_validate(problem, lambdas, folds=folds)
    np.testing.assert_allclose(mean, theirs["cvm"], rtol=5e-3)
    for rule in ("lambda_min", "lambda_1se"):
        chosen = lambdas[choose_lambda(mean, std_error, rule=rule)]
        assert chosen == pytest.approx(theirs[rule])


def test_unpenalised_columns_are_fitted_freely(features):
    x, arm, target = features
    problem = LassoProblem(x, target, arm, 1.0)
    lambdas = lambda_sequence(problem, n_lambdas=5, lambda_min_ratio=0.2)
    path = lasso_path(problem, lambdas, tolerance=1e-14)
    alone = fit_cox(arm, target, ties="breslow").coefficients[0]
    assert path.unpenalised[0, 0] == pytest.approx(alone, rel=1e-5)
    assert np.abs(path.coefficients[:, 0]).max() < 1e-6
    # The conditions of a minimum: selected features' gradients equal lambda, others' are smaller.
    lp = x @ path.coefficients[:, 3] + arm @ path.unpenalised[:, 3]
    residuals = martingale_residuals(lp, target, ties="breslow")
    gradient = np.abs(((x - x.mean(0)) / x.std(0)).T @ residuals) / target.n
    chosen = path.coefficients[:, 3] != 0
    assert 0 < chosen.sum() < 30
    np.testing.assert_allclose(gradient[chosen], lambdas[3], rtol=1e-4)
    assert gradient[~chosen].max() < lambdas[3]
    assert abs(arm[:, 0] @ residuals) / target.n < 1e-6


def test_the_path_goes_on_where_coxnet_takes_it_for_ended():
    """Heavily tied deaths let Coxnet stop after a few of the penalties."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 300))
    days = np.minimum(np.ceil(rng.exponential(4 * np.exp(-x[:, 0]))), 12)
    target = SurvivalTarget.of(days, days < 12)
    problem = LassoProblem(x, target, np.empty((200, 0)), 1.0)
    lambdas = lambda_sequence(problem, n_lambdas=30, lambda_min_ratio=0.1)
    path = lasso_path(problem, lambdas, tolerance=1e-12)
    assert path.coefficients.shape == (300, 30)
    residuals = martingale_residuals(x @ path.coefficients[:, -1], target, ties="breslow")
    gradient = np.abs(((x - x.mean(0)) / x.std(0)).T @ residuals) / target.n
    chosen = path.coefficients[:, -1] != 0
    np.testing.assert_allclose(gradient[chosen], lambdas[-1], rtol=1e-3)
    assert gradient[~chosen].max() < lambdas[-1]


def test_finds_the_features_with_an_effect(features):
    x, arm, target = features
    fit = lasso_cox(x, target, unpenalised=arm, rule="lambda_1se", rng=_rng(), **SETTINGS)
    assert {0, 1} <= set(np.flatnonzero(fit.coefficients))
    assert fit.coefficients[0] > 0 > fit.coefficients[1]
    assert fit.lambda_ == fit.lambdas[fit.index]
    assert fit.n_nonzero[0] == 0
    assert fit.n_nonzero[fit.index] == np.count_nonzero(fit.coefficients)


def test_noise_selects_nothing(features):
    _, arm, target = features
    noise = np.random.default_rng(9).normal(size=(90, 20))
    fit = lasso_cox(noise, target, unpenalised=arm, rule="lambda_1se", rng=_rng(), **SETTINGS)
    assert fit.index == 0
    assert not fit.coefficients.any()


def test_scale_of_a_feature_does_not_matter(features):
    x, arm, target = features
    factors = 10.0 ** np.linspace(-3, 3, 30)
    one = lasso_cox(x, target, unpenalised=arm, rule="lambda_min", rng=_rng(), **SETTINGS)
    other = lasso_cox(
        x * factors, target, unpenalised=arm, rule="lambda_min", rng=_rng(), **SETTINGS
    )
    np.testing.assert_allclose(other.coefficients * factors, one.coefficients, atol=1e-7)


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
        lasso_cox(x, target, unpenalised=arm, rule="lambda_min", rng=_rng(), map=run, **SETTINGS)
        for run in (map, elsewhere)
    )
    np.testing.assert_array_equal(there.deviance_mean, here.deviance_mean)
    np.testing.assert_array_equal(there.coefficients, here.coefficients)


def test_a_feature_constant_in_a_fold_is_no_error(features):
    x, _, target = features
    x = x.copy()
    x[:, 5] = 0.0
    x[3, 5] = 1.0
    fit = lasso_cox(x, target, unpenalised=None, rule="lambda_min", rng=_rng(), **SETTINGS)
    assert np.isfinite(fit.deviance_mean).all()


def test_fewer_deaths_than_folds_are_refused(features):
    x, arm, target = features
    few = SurvivalTarget(target.time_days, np.arange(90) < 4)
    with pytest.raises(FitFailed, match="at least 5 deaths for 5 folds, came 4"):
        lasso_cox(x, few, unpenalised=arm, rule="lambda_min", rng=_rng(), **SETTINGS)


def _rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("rule", ["lambda_min", "lambda_1se"])
@pytest.mark.parametrize("effect", [1.0, 0.0])
def test_a_path_left_early_chooses_the_same(features, rule, effect):
    x, arm, target = features
    x = x if effect else np.random.default_rng(9).normal(size=(90, 60))
    settings = {**SETTINGS, "n_lambdas": 30, "lambda_min_ratio": 0.015, "rule": rule}

    def fit(*, whole_path):
        rng = np.random.default_rng(3)
        return lasso_cox(x, target, unpenalised=arm, rng=rng, whole_path=whole_path, **settings)

    whole, part = fit(whole_path=True), fit(whole_path=False)
    assert part.lambda_ == whole.lambda_
    np.testing.assert_allclose(part.coefficients, whole.coefficients, rtol=1e-12)
    assert part.lambdas.size < whole.lambdas.size == 30
    shown = whole.deviance_mean[: part.lambdas.size]
    np.testing.assert_allclose(part.deviance_mean, shown, rtol=1e-12)
