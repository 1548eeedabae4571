"""LASSO and elastic-net Cox fits, the penalty chosen by cross-validated partial likelihood.

The deviance and its cross-validation are those of glmnet's `cv.glmnet(grouped = TRUE)`, which no
Python library gives.
"""

import builtins
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from components.errors import FitFailed
from components.survival.folds import draw_folds
from components.survival.lasso_path import LassoProblem, lambda_sequence, lasso_path
from components.survival.partial_likelihood import log_likelihood
from components.survival.target import BoolArray, FloatArray, IntArray, SurvivalTarget

# Coxnet stops at steps of this squared size. Its default of 1e-7 moves the deviance at the end of a
# path by 4%, this one by 1%, and next to the minimum by 1e-5; 1e-9 would take twice the time. The
# coefficients at the chosen penalty are made exact (1e-5 of the largest).
_TOLERANCE = 1e-8
_TOLERANCE_CHOSEN = 1e-14

# A path is followed part by part, and left where a fit predicts this much worse than the empty one.
_PARTS = (0.4, 0.55, 0.7, 0.85)
_HOPELESS = 1.05

LambdaRule = Literal["lambda_min", "lambda_1se"]


@dataclass(frozen=True, eq=False)
class FoldTask:
    """What one fold's fit needs: the problem of all patients, and which of them are kept (n,)."""

    problem: LassoProblem
    kept: BoolArray
    lambdas: FloatArray
    tolerance: float


# How folds are run: `builtins.map`, or a pool's.
FoldMap = Callable[[Callable[[FoldTask], FloatArray], Iterable[FoldTask]], Iterable[FloatArray]]


@dataclass(frozen=True, eq=False)
class LassoCox:
    """A cross-validated LASSO or elastic-net Cox fit of p features.

    Attributes:
        coefficients: (p,) at `lambda_`, on the scale of the columns.
        lambda_: The chosen penalty, the `index`-th of `lambdas`.
        lambdas: (m,) descending from the smallest that selects nothing.
        deviance_mean: (m,) cross-validated deviance a death, averaged over the fold draws.
        deviance_se: (m,) its standard error over folds, averaged over the fold draws.
        n_nonzero: (m,) features selected by the fit to all patients.
    """

    coefficients: FloatArray
    lambda_: float
    index: int
    lambdas: FloatArray
    deviance_mean: FloatArray
    deviance_se: FloatArray
    n_nonzero: IntArray


def lasso_cox(
    x: FloatArray,
    target: SurvivalTarget,
    *,
    unpenalised: FloatArray | None,
    l1_ratio: float,
    n_lambdas: int,
    lambda_min_ratio: float,
    n_folds: int,
    n_repeats: int,
    rule: LambdaRule,
    rng: np.random.Generator,
    units: IntArray | None = None,
    whole_path: bool = True,
    map: FoldMap = builtins.map,  # noqa: A002 -- it says what may be passed
) -> LassoCox:
    """The penalised Cox fit at the penalty that cross-validation chooses.

    Args:
        x: Features (n, p), none constant.
        target: Follow-up of the n patients.
        unpenalised: (n, k) columns with penalty factor 0, such as indicators of the arm.
        l1_ratio: 1 LASSO, below it elastic net.
        n_lambdas: Number of penalties, evenly spaced on the log scale.
        lambda_min_ratio: The last penalty over the first.
        n_folds: Folds of the cross-validation, stratified by death and the unpenalised columns.
        n_repeats: Draws of the folds; their deviances are averaged.
        rule: The penalty of least deviance, or the largest within a standard error of it.
        rng: Draws the folds.
        units: (n,) numbers of the patients behind the rows, who share a fold (see `draw_folds`).
        whole_path: Whether all penalties are fitted, or only those before the deviance has clearly
            left its minimum (`worthwhile`): the last third of a path takes nine tenths of the time.
        map: Runs the folds' fits; the numbers are the same whatever runs them.

    Raises:
        FitFailed: There are fewer deaths than folds, or the path did not converge.
    """
    if target.n_events < n_folds:
        msg = f"expected at least {n_folds} deaths for {n_folds} folds, came {target.n_events}"
        raise FitFailed(msg)
    columns = np.empty((target.n, 0)) if unpenalised is None else unpenalised
    problem = LassoProblem(x, target, columns, l1_ratio)
    lambdas = lambda_sequence(problem, n_lambdas=n_lambdas, lambda_min_ratio=lambda_min_ratio)
    strata = np.unique(np.column_stack([columns, target.event]), axis=0, return_inverse=True)[1]
    folds = np.stack(
        [draw_folds(strata, n_folds=n_folds, rng=rng, units=units) for _ in range(n_repeats)]
    )
    if not whole_path:
        lambdas = lambdas[: worthwhile(problem, lambdas, fold_of=folds[0], map=map)]
    mean, std_error = cross_validate(problem, lambdas, folds=folds, map=map)
    index = choose_lambda(mean, std_error, rule=rule)
    path = lasso_path(problem, lambdas, tolerance=_TOLERANCE)
    exact = lasso_path(problem, lambdas[: index + 1], tolerance=_TOLERANCE_CHOSEN)
    return LassoCox(
        # At the first penalty all features are exactly 0, which the solver reaches but nearly.
        coefficients=exact.coefficients[:, index] if index else np.zeros(x.shape[1]),
        lambda_=float(lambdas[index]),
        index=index,
        lambdas=lambdas,
        deviance_mean=mean,
        deviance_se=std_error,
        n_nonzero=np.count_nonzero(path.coefficients, axis=0) * (np.arange(lambdas.size) > 0),
    )


def cross_validate(
    problem: LassoProblem,
    lambdas: FloatArray,
    *,
    folds: IntArray,
    tolerance: float = _TOLERANCE,
    map: FoldMap = builtins.map,  # noqa: A002 -- as in lasso_cox
) -> tuple[FloatArray, FloatArray]:
    """Cross-validated deviance a death (m,) and its standard error (m,).

    Per draw: the folds' deviances over their deaths, weighed by these (mean and, over K - 1, the
    standard error); then the mean over the draws. Folds are fitted at the common penalties.

    Args:
        problem: Of all n patients.
        lambdas: (m,) penalties.
        folds: (n_repeats, n) fold numbers of each draw; every fold holds a death.
        tolerance: Coxnet's squared step at which a fit stops.
        map: Runs the folds' fits.
    """
    event = problem.target.event
    draws = [(fold_of, np.unique(fold_of)) for fold_of in folds]
    tasks = [
        FoldTask(problem, fold_of != fold, lambdas, tolerance)
        for fold_of, numbers in draws
        for fold in numbers
    ]
    deviances = iter(map(fold_deviance, tasks))
    means, std_errors = [], []
    for fold_of, numbers in draws:
        deaths = np.array([np.sum(event[fold_of == fold]) for fold in numbers])
        per_death = np.stack([next(deviances) for _ in numbers]) / deaths[:, None]
        mean = np.average(per_death, axis=0, weights=deaths)
        variance = np.average((per_death - mean) ** 2, axis=0, weights=deaths)
        means.append(mean)
        std_errors.append(np.sqrt(variance / (numbers.size - 1)))
    return np.mean(means, axis=0), np.mean(std_errors, axis=0)


def worthwhile(
    problem: LassoProblem,
    lambdas: FloatArray,
    *,
    fold_of: IntArray,
    map: FoldMap = builtins.map,  # noqa: A002 -- as in lasso_cox
) -> int:
    """How many penalties to fit: up to where the deviance exceeds the empty model's by a twentieth.

    There the fits have long been too free, and weaker penalties make it worse. The penalties are
    tried part by part on one draw of the folds (n,); all of them where no part ends so.
    """
    for share in _PARTS:
        n = round(share * lambdas.size)
        mean, _ = cross_validate(problem, lambdas[:n], folds=fold_of[None], map=map)
        if mean[-1] > _HOPELESS * mean[0]:
            return n
    return int(lambdas.size)


def fold_deviance(task: FoldTask) -> FloatArray:
    """Deviance (m,) of all patients minus that of those kept, at the fit to those kept.

    van Houwelingen et al. 2006, doi:10.1002/sim.2353; glmnet's `grouped = TRUE`.
    """
    everyone, part = task.problem, task.problem.subset(task.kept)
    path = lasso_path(part, task.lambdas, tolerance=task.tolerance)
    lp = everyone.x @ path.coefficients + everyone.unpenalised @ path.unpenalised
    return deviance(lp, everyone.target) - deviance(lp[task.kept], part.target)


def deviance(linear_predictor: FloatArray, target: SurvivalTarget) -> FloatArray:
    """Twice the saturated minus the Breslow log partial likelihood, one a column of (n, m)."""
    tied = np.unique(target.time_days[target.event], return_counts=True)[1]
    saturated = -float(np.sum(tied * np.log(tied)))
    return 2.0 * (saturated - log_likelihood(linear_predictor, target, ties="breslow"))


def choose_lambda(mean: FloatArray, std_error: FloatArray, *, rule: LambdaRule) -> int:
    """Index of the penalty of least deviance, or of the largest within its standard error."""
    best = int(np.argmin(mean))
    if rule == "lambda_min":
        return best
    return int(np.flatnonzero(mean <= mean[best] + std_error[best])[0])
