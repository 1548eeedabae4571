"""LASSO and elastic-net Cox paths.

The objective is glmnet's: -(1/n) log PL (Breslow ties) + lambda (a |b|_1 + (1-a)/2 |b|^2) over
columns scaled by their 1/n standard deviation, a the `l1_ratio`. The path is scikit-survival's
Coxnet; its own largest penalty is not glmnet's where columns are unpenalised.
"""

import warnings
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sksurv.linear_model import CoxnetSurvivalAnalysis

from components.errors import FitFailed
from components.survival.newton import fit_cox
from components.survival.partial_likelihood import martingale_residuals
from components.survival.target import BoolArray, FloatArray, SurvivalTarget


@dataclass(frozen=True, eq=False)
class LassoProblem:
    """What is fitted: features `x` (n, p), and columns (n, k) whose penalty factor is 0."""

    x: FloatArray
    target: SurvivalTarget
    unpenalised: FloatArray
    l1_ratio: float

    def subset(self, kept: BoolArray) -> Self:
        """The same problem in some of the patients."""
        return replace(
            self,
            x=self.x[kept],
            target=self.target.subset(kept),
            unpenalised=self.unpenalised[kept],
        )


@dataclass(frozen=True, eq=False)
class LassoPath:
    """Coefficients along m penalties, on the scale of the columns.

    `coefficients` (p, m) of the features, `unpenalised` (k, m) of the unpenalised columns.
    """

    lambdas: FloatArray
    coefficients: FloatArray
    unpenalised: FloatArray


def lambda_sequence(
    problem: LassoProblem, *, n_lambdas: int, lambda_min_ratio: float
) -> FloatArray:
    """Penalties (n_lambdas,) from the smallest at which no feature enters, as glmnet's.

    That is the largest gradient of the likelihood once the unpenalised columns are fitted.

    Raises:
        FitFailed: An unpenalised column is constant or separates the deaths from the others.
    """
    x, target, columns = problem.x, problem.target, problem.unpenalised
    fit = fit_cox(columns, target, ties="breslow")
    residuals = martingale_residuals(columns @ fit.coefficients, target, ties="breslow")
    gradient = ((x - x.mean(axis=0)) / x.std(axis=0)).T @ residuals
    largest = float(np.abs(gradient).max()) / target.n / problem.l1_ratio
    return np.asarray(largest * np.geomspace(1.0, lambda_min_ratio, n_lambdas))


def lasso_path(problem: LassoProblem, lambdas: FloatArray, *, tolerance: float) -> LassoPath:
    """The path at given penalties (m,), until Coxnet's squared step falls below the tolerance.

    Raises:
        FitFailed: Coxnet did not converge.
    """
    n_free, p = problem.unpenalised.shape[1], problem.x.shape[1]
    stacked = np.column_stack([problem.unpenalised, problem.x])
    # A feature may be constant among a fold's patients; it then stays at 0 whatever its scale.
    scale = np.where(np.ptp(stacked, axis=0) > 0, stacked.std(axis=0), 1.0)
    solver = CoxnetSurvivalAnalysis(
        l1_ratio=problem.l1_ratio,
        penalty_factor=np.concatenate([np.zeros(n_free), np.ones(p)]),
        tol=tolerance,
    )
    z = (stacked - stacked.mean(axis=0)) / scale
    # Coxnet rescales penalty factors to a mean of 1, which would raise the features' penalty.
    alphas, blocks = lambdas * p / (p + n_free), []
    while alphas.size:
        coefficients = _solve(solver.set_params(alphas=alphas), z, problem.target)
        blocks.append(coefficients)
        # With tied deaths Coxnet may take an early penalty for the path's end: go on from there.
        alphas = alphas[coefficients.shape[1] :]
    path = np.hstack(blocks) / scale[:, None]
    return LassoPath(lambdas=lambdas, coefficients=path[n_free:], unpenalised=path[:n_free])


def _solve(solver: CoxnetSurvivalAnalysis, z: FloatArray, target: SurvivalTarget) -> FloatArray:
    """Coefficients (columns, at most m) of one call of Coxnet."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        # An empty selection is a result here.
        warnings.filterwarnings("ignore", message="all coefficients are zero")
        try:
            solver.fit(z, target.structured())
        except ConvergenceWarning as error:
            msg = "the LASSO path did not converge; raise lambda_min_ratio"
            raise FitFailed(msg) from error
    return np.asarray(solver.coef_)
