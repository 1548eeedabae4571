"""LASSO and elastic-net Cox paths, stratified.

The objective is glmnet's: -(1/n) log PL (Breslow ties) + lambda (a |b|_1 + (1-a)/2 |b|^2), a the
`l1_ratio`, over columns scaled by their 1/n standard deviation; the likelihood is the product over
the strata. A fit ends when the conditions of its minimum hold in every feature, so unlike
glmnet's, whose default leaves 15 to 370% of lambda at a path's end, it is the minimum.
Simon et al. 2011, doi:10.18637/jss.v039.i05.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import Self

import numpy as np
import scipy.linalg  # noqa: F401  loads the BLAS that compiled kernels call
from threadpoolctl import ThreadpoolController

from components.errors import FitFailed
from components.survival.lasso_kernels import breslow, follow_path
from components.survival.lasso_state import Curvature, RiskOrder
from components.survival.target import BoolArray, FloatArray, IntArray, SurvivalTarget

# Largest violation of the conditions of a minimum, as a share of the penalty.
_TOLERANCE = 1e-8
_MOST_STEPS = 1000


@dataclass(frozen=True, eq=False)
class LassoProblem:
    """What is fitted: features `x` (n, p), follow-up and strata (n,) of n patients.

    Where not `standardize`, the penalty is on the coefficients of the columns as they are.
    """

    x: FloatArray
    target: SurvivalTarget
    strata: IntArray
    l1_ratio: float
    standardize: bool = True

    def subset(self, kept: BoolArray) -> Self:
        """The same problem in some of the patients."""
        return replace(
            self, x=self.x[kept], target=self.target.subset(kept), strata=self.strata[kept]
        )

    def columns(self, which: IntArray) -> Self:
        """The same problem with some of the features."""
        return replace(self, x=self.x[:, which])

    def scale(self) -> FloatArray:
        """What the columns (p,) are divided by; 1 where a column is constant."""
        if not self.standardize:
            return np.ones(self.x.shape[1])
        # A feature may be constant among a fold's patients; it then stays at 0 whatever its scale.
        return np.where(np.ptp(self.x, axis=0) > 0, self.x.std(axis=0), 1.0)


@dataclass(frozen=True, eq=False)
class LassoPath:
    """Coefficients (p, m) along m penalties, on the scale of the columns."""

    lambdas: FloatArray
    coefficients: FloatArray

    @property
    def n_nonzero(self) -> IntArray:
        """Features selected (m,)."""
        return np.asarray(np.count_nonzero(self.coefficients, axis=0))

    def at(self, lambdas: FloatArray) -> FloatArray:
        """Coefficients (p, k) at other penalties, linear between the path's, its ends outside.

        As glmnet predicts at penalties that were not fitted.
        """
        inside = np.clip(lambdas, self.lambdas[-1], self.lambdas[0])
        right = np.searchsorted(-self.lambdas, -inside)
        left = np.maximum(right - 1, 0)
        width = np.where(left == right, 1.0, self.lambdas[left] - self.lambdas[right])
        share = (inside - self.lambdas[right]) / width
        return share * self.coefficients[:, left] + (1.0 - share) * self.coefficients[:, right]


def lambda_sequence(
    problem: LassoProblem, *, n_lambdas: int, lambda_min_ratio: float
) -> FloatArray:
    """Penalties (n_lambdas,) from the smallest at which no feature enters, evenly by their log.

    Raises:
        FitFailed: Nobody has died, no feature varies, or one is not finite.
    """
    rows, order = risk_order(problem.target, problem.strata)
    residual = np.empty(rows.size)
    breslow(np.zeros(rows.size), order, residual, Curvature.empty(order))
    z = _centered(problem)[rows]
    largest = float(np.abs(residual @ z).max(initial=0.0)) / rows.size / problem.l1_ratio
    if not largest > 0:
        msg = (
            f"no penalty leaves a feature out of {z.shape[1]}, as none is associated with "
            f"survival: {problem.target.n_events} of {rows.size} patients have died"
        )
        raise FitFailed(msg)
    return np.asarray(largest * np.geomspace(1.0, lambda_min_ratio, n_lambdas))


def lasso_path(
    problem: LassoProblem, lambdas: FloatArray, *, tolerance: float = _TOLERANCE
) -> LassoPath:
    """The path at given descending penalties (m,), each fit the minimum within the tolerance.

    Raises:
        FitFailed: A feature is not finite, or a minimum was not reached.
    """
    rows, order = risk_order(problem.target, problem.strata)
    z = np.ascontiguousarray(_centered(problem)[rows].T)
    ratio = float(problem.l1_ratio)
    with one_thread():
        path, reached = follow_path(z, order, lambdas, ratio, tolerance, _MOST_STEPS)
    if reached < lambdas.size:
        msg = (
            f"the LASSO path did not converge at penalty {lambdas[reached]:.3g}, the "
            f"{reached + 1}th of {lambdas.size}; raise lambda_min_ratio"
        )
        raise FitFailed(msg)
    return LassoPath(lambdas, path.T / problem.scale()[:, None])


def _centered(problem: LassoProblem) -> FloatArray:
    bad = np.flatnonzero(~np.isfinite(problem.x).all(axis=0))
    if bad.size:
        msg = f"expected finite features, column {bad[0]} (and {bad.size - 1} more) is not"
        raise FitFailed(msg)
    return np.asarray((problem.x - problem.x.mean(axis=0)) / problem.scale())


def risk_order(target: SurvivalTarget, strata: IntArray) -> tuple[IntArray, RiskOrder]:
    """Rows (n,) of the patients by stratum and time, and their groups of equal times."""
    rows = np.lexsort((target.time_days, strata))
    time, stratum = target.time_days[rows], strata[rows]
    event = target.event[rows].astype(np.float64)
    opens = np.r_[True, stratum[1:] != stratum[:-1]]
    start = np.flatnonzero(opens | np.r_[True, time[1:] != time[:-1]])
    order = RiskOrder(
        event=event,
        start=np.r_[start, rows.size],
        deaths=np.add.reduceat(event, start),
        strata=np.r_[np.flatnonzero(opens[start]), start.size],
    )
    return rows, order


@contextmanager
def one_thread() -> Iterator[None]:
    """One BLAS thread: small products are faster so, and the digits do not depend on the cores."""
    with _controller().limit(limits=1, user_api="blas"):
        yield


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()
