"""LASSO and elastic-net Cox fits, the penalty chosen by cross-validation.

The figures and their cross-validation are those of glmnet's `cv.glmnet`, which no Python library
gives; with strata every likelihood is the product over them.
"""

import builtins
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from components.errors import FitFailed
from components.survival.concordance import concordance_within
from components.survival.folds import draw_folds, fold_strata
from components.survival.lasso_path import (
    LassoPath,
    LassoProblem,
    lambda_sequence,
    lasso_path,
    one_thread,
)
from components.survival.partial_likelihood import log_likelihood
from components.survival.screening import univariate_screen
from components.survival.target import BoolArray, FloatArray, IntArray, SurvivalTarget

LambdaRule = Literal["lambda_min", "lambda_1se"]
FoldMeasure = Literal["deviance", "ungrouped_deviance", "concordance"]


@dataclass(frozen=True)
class FoldSettings:
    """How a fold is fitted and judged.

    Attributes:
        measure: `deviance` a death of the fold, that of all patients minus that of the others
            (van Houwelingen et al. 2006, doi:10.1002/sim.2353; glmnet's `grouped = TRUE`);
            `ungrouped_deviance` that of the fold's own patients; `concordance` their C.
        own_path: Whether a fold is fitted along penalties of its own, of the same number and ratio,
            and taken linearly between them, as `cv.glmnet` does unless penalties are given. It
            saves no time here, and is off by 0.01 to 5%.
        screen_p_value: Features whose univariate Cox p in the fold's training part is not below
            this are left out there; no screen where None.
    """

    measure: FoldMeasure = "deviance"
    own_path: bool = False
    screen_p_value: float | None = None


@dataclass(frozen=True, eq=False)
class FoldTask:
    """What one fold's fit needs: the problem of all patients, and which of them are kept (n,)."""

    problem: LassoProblem
    kept: BoolArray
    lambdas: FloatArray
    settings: FoldSettings


# How folds are run: `builtins.map`, or a pool's.
FoldMap = Callable[[Callable[[FoldTask], FloatArray], Iterable[FoldTask]], Iterable[FloatArray]]


@dataclass(frozen=True, eq=False)
class LassoCox:
    """A cross-validated LASSO or elastic-net Cox fit of p features.

    Attributes:
        coefficients: (p,) at `lambda_`, on the scale of the columns.
        path: Of all patients, with `screened`, the numbers of the features that it was fitted to.
        index: Of the chosen penalty in the path's.
        deviance_mean: (m,) cross-validated deviance a death, averaged over the fold draws.
        deviance_se: (m,) its standard error over folds, averaged over the fold draws.
        merged_strata: Strata of the folds, by stratum and death, merged as smaller than the folds.
    """

    coefficients: FloatArray
    path: LassoPath
    screened: IntArray
    index: int
    deviance_mean: FloatArray
    deviance_se: FloatArray
    merged_strata: tuple[str, ...]

    @property
    def lambda_(self) -> float:
        """The chosen penalty."""
        return float(self.path.lambdas[self.index])


def lasso_cox(
    x: FloatArray,
    target: SurvivalTarget,
    *,
    strata: NDArray[Any] | None = None,
    l1_ratio: float,
    n_lambdas: int,
    lambda_min_ratio: float,
    n_folds: int,
    n_repeats: int,
    rule: LambdaRule,
    rng: np.random.Generator,
    screen_p_value: float | None = None,
    units: IntArray | None = None,
    map: FoldMap = builtins.map,  # noqa: A002 -- it says what may be passed
) -> LassoCox | None:
    """The penalised Cox fit at the penalty that cross-validation chooses; None if none passes.

    Args:
        x: Features (n, p).
        target: Follow-up of the n patients.
        strata: (n,) names of the strata, such as arms; one stratum by default.
        l1_ratio: 1 LASSO, below it elastic net.
        n_lambdas: Number of penalties, evenly spaced on the log scale.
        lambda_min_ratio: The last penalty over the first.
        n_folds: Folds of the cross-validation, stratified by stratum and death.
        n_repeats: Draws of the folds; their deviances are averaged.
        rule: The penalty of least deviance, or the largest within a standard error of it.
        rng: Draws the folds.
        screen_p_value: Of a univariate Cox screen inside each fold, and of all patients for the
            fit to all; no screen by default. None is returned where no feature passes the latter.
        units: (n,) numbers of the patients behind the rows, who share a fold (see `draw_folds`).
        map: Runs the folds' fits; the numbers are the same whatever runs them.

    Raises:
        FitFailed: There are fewer deaths than folds, or the path did not converge.
    """
    died = np.flatnonzero(target.event) if units is None else np.unique(units[target.event])
    if died.size < n_folds:
        msg = f"expected at least {n_folds} deaths for {n_folds} folds, came {died.size}"
        raise FitFailed(msg)
    labels = np.full(target.n, "all") if strata is None else strata
    problem = LassoProblem(x, target, np.unique(labels, return_inverse=True)[1], l1_ratio)
    screened = passing(problem, screen_p_value)
    if not screened.size:
        return None
    everyone = problem.columns(screened)
    lambdas = lambda_sequence(everyone, n_lambdas=n_lambdas, lambda_min_ratio=lambda_min_ratio)
    drawn = fold_strata(by_death(labels, target), n_folds=n_folds)
    folds = [
        draw_folds(drawn.numbers, n_folds=n_folds, rng=rng, units=units) for _ in range(n_repeats)
    ]
    mean, std_error = cross_validate(
        problem,
        lambdas,
        folds=np.stack(folds),
        settings=FoldSettings(screen_p_value=screen_p_value),
        map=map,
    )
    index = choose_lambda(mean, std_error, rule=rule)
    path = lasso_path(everyone, lambdas)
    coefficients = np.zeros(x.shape[1])
    coefficients[screened] = path.coefficients[:, index]
    return LassoCox(coefficients, path, screened, index, mean, std_error, drawn.merged)


def by_death(labels: NDArray[Any], target: SurvivalTarget) -> NDArray[np.str_]:
    """Strata (n,) of folds: each label by who has died."""
    died = np.where(target.event, ", died", ", alive")
    return np.char.add(labels.astype(np.str_), died)


def passing(problem: LassoProblem, screen_p_value: float | None) -> IntArray:
    """Numbers of the features whose univariate Cox p (Efron, stratified) lies below a limit."""
    if screen_p_value is None:
        return np.arange(problem.x.shape[1])
    screen = univariate_screen(problem.x, problem.target, strata=problem.strata)
    return np.flatnonzero(screen.p_value < screen_p_value)


def cross_validate(
    problem: LassoProblem,
    lambdas: FloatArray,
    *,
    folds: IntArray,
    settings: FoldSettings = FoldSettings(),
    map: FoldMap = builtins.map,  # noqa: A002 -- as in lasso_cox
) -> tuple[FloatArray, FloatArray]:
    """Cross-validated figure (m,) and its standard error (m,).

    Per draw: the folds' figures weighed by their deaths (deviance) or patients (C): the mean and,
    over K - 1, the standard error; then the mean of both over the draws.

    Args:
        problem: Of all n patients.
        lambdas: (m,) penalties.
        folds: (n_repeats, n) fold numbers of each draw.
        settings: How a fold is fitted and judged.
        map: Runs the folds' fits.
    """
    of_interest = problem.target.event
    if settings.measure == "concordance":
        of_interest = np.ones(problem.target.n, dtype=np.bool_)
    draws = [(fold_of, np.unique(fold_of)) for fold_of in folds]
    tasks = [
        FoldTask(problem, fold_of != fold, lambdas, settings)
        for fold_of, numbers in draws
        for fold in numbers
    ]
    figures = iter(map(fold_figure, tasks))
    means, std_errors = [], []
    for fold_of, numbers in draws:
        weight = np.array([np.sum(of_interest[fold_of == fold]) for fold in numbers])
        values = np.stack([next(figures) for _ in numbers])
        # A fold without a comparable pair has no C and counts nothing.
        weight = np.where(np.isnan(values).any(axis=1), 0, weight)
        values = np.nan_to_num(values)
        mean = np.average(values, axis=0, weights=weight)
        variance = np.average((values - mean) ** 2, axis=0, weights=weight)
        means.append(mean)
        std_errors.append(np.sqrt(variance / (numbers.size - 1)))
    return np.mean(means, axis=0), np.mean(std_errors, axis=0)


def fold_figure(task: FoldTask) -> FloatArray:
    """The figure (m,) of one fold at each penalty, of the fit to the patients kept.

    Raises:
        FitFailed: The path did not converge.
    """
    everyone = task.problem
    out = ~task.kept
    with one_thread():
        lp = everyone.x @ _fold_coefficients(task)
    target, strata = everyone.target, everyone.strata
    if task.settings.measure == "concordance":
        groups, part = strata[out], target.subset(out)
        found = [concordance_within(part, column, groups) for column in lp[out].T]
        return np.array([np.nan if c is None else c for c in found])
    # A fold without a death weighs nothing.
    deaths = max(1, int(np.sum(target.event[out])))
    if task.settings.measure == "ungrouped_deviance":
        return deviance(lp[out], target.subset(out), strata[out]) / deaths
    others = deviance(lp[task.kept], target.subset(task.kept), strata[task.kept])
    return (deviance(lp, target, strata) - others) / deaths


def _fold_coefficients(task: FoldTask) -> FloatArray:
    """Coefficients (p, m) of the patients kept at the penalties."""
    part = task.problem.subset(task.kept)
    coefficients = np.zeros((part.x.shape[1], task.lambdas.size))
    screened = passing(part, task.settings.screen_p_value)
    if not screened.size:
        return coefficients
    part, lambdas = part.columns(screened), task.lambdas
    if task.settings.own_path:
        ratio = float(lambdas[-1] / lambdas[0])
        lambdas = lambda_sequence(part, n_lambdas=lambdas.size, lambda_min_ratio=ratio)
    path = lasso_path(part, lambdas)
    coefficients[screened] = path.at(task.lambdas) if task.settings.own_path else path.coefficients
    return coefficients


def deviance(
    linear_predictor: FloatArray, target: SurvivalTarget, strata: IntArray | None = None
) -> FloatArray:
    """Twice the saturated minus the Breslow log partial likelihood, one a column of (n, m)."""
    strata = np.zeros(target.n, dtype=np.int64) if strata is None else strata
    died = np.column_stack([strata, target.time_days])[target.event]
    tied = np.unique(died, axis=0, return_counts=True)[1]
    saturated = -float(np.sum(tied * np.log(tied)))
    of_model = log_likelihood(linear_predictor, target, strata=strata, ties="breslow")
    return 2.0 * (saturated - of_model)


def choose_lambda(mean: FloatArray, std_error: FloatArray, *, rule: LambdaRule) -> int:
    """Index of the penalty of least deviance, or of the largest within its standard error."""
    best = int(np.argmin(mean))
    if rule == "lambda_min":
        return best
    return int(np.flatnonzero(mean <= mean[best] + std_error[best])[0])
