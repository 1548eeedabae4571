"""Fitting a Cox model to arrays by Newton's method."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import lapack

from components.errors import FitFailed
from components.survival.cox_fit import ChiSquareTest, CoxFit
from components.survival.identification import (
    check_count,
    check_identified,
    check_input,
    check_separation,
)
from components.survival.partial_likelihood import Likelihood, sorted_likelihood
from components.survival.residuals import dfbeta, score_residuals
from components.survival.risk_sets import RiskSets, SortedStrata, Ties, risk_sets
from components.survival.robust import robust_covariance, robust_score_test
from components.survival.target import FloatArray, IntArray, SurvivalTarget

__all__ = ["ChiSquareTest", "CoxFit", "fit_cox"]

_MAX_ITERATIONS = 60
# Twice the distance to the maximum of the likelihood before the last Newton step, which squares it.
_DECREMENT = 1e-11


@dataclass(frozen=True, eq=False)
class _Sample:
    """The patients of weight above 0, as given: columns (n, p), follow-up, weights, strata."""

    x: FloatArray
    target: SurvivalTarget
    weights: FloatArray | None
    strata: IntArray | None
    ties: Ties

    def residuals(self, coefficients: FloatArray) -> FloatArray:
        """Score residuals (n, p)."""
        return score_residuals(
            self.x,
            coefficients,
            self.target,
            strata=self.strata,
            ties=self.ties,
            weights=self.weights,
        )


@dataclass(frozen=True, eq=False)
class _Problem:
    """Standardised columns (n, p) in the order of `sample`, and their penalty (p,)."""

    z: FloatArray
    sample: SortedStrata
    ties: Ties
    penalty: FloatArray
    names: tuple[str, ...]

    @property
    def n_deaths(self) -> int:
        return int(self.sample.n_tied.sum())

    def at(self, coefficients: FloatArray) -> Likelihood:
        return sorted_likelihood(self.z, coefficients, self.sample, ties=self.ties)

    def penalised(self, there: Likelihood, coefficients: FloatArray) -> float:
        return there.value - 0.5 * float(self.penalty @ coefficients**2)

    def information(self, there: Likelihood) -> FloatArray:
        return np.asarray(there.information + np.diag(self.penalty))


def fit_cox(
    x: FloatArray,
    target: SurvivalTarget,
    *,
    strata: IntArray | None = None,
    ties: Ties = "efron",
    ridge: float = 0.0,
    scale: FloatArray | None = None,
    columns: Sequence[str] | None = None,
    weights: FloatArray | None = None,
    cluster: IntArray | None = None,
    robust: bool = False,
) -> CoxFit:
    """The Cox model of a design matrix (n, p); p may be 0.

    Args:
        x: Design matrix, uncentred; centring changes no coefficient.
        target: Follow-up of the n patients.
        strata: (n,) numbers of the strata, each with its own baseline hazard. One without a death
            adds nothing, and that is noted.
        ties: Efron (as R's `coxph`), Breslow, or exact, the discrete conditional likelihood, whose
            cost grows with tied deaths times patients at risk.
        ridge: Penalty: 0.5 * ridge * sum((b_j * scale_j)^2) is taken from the log likelihood.
        scale: (p,) scale of the columns in the penalty; by default their (weighted) 1/n standard
            deviation.
        columns: Names for messages.
        weights: (n,) case weights of at least 0. A patient of weight 0 is left out, and that is
            noted (R refuses him); a weight of 2 counts as two patients (with Efron ties all but so:
            as in R, the tied share their mean weight).
        cluster: (n,) numbers of the clusters that the robust covariance sums over.
        robust: Whether to give the robust covariance without clusters too.

    Raises:
        CohortRejected: Rows differ in number, or a weight is negative, missing or infinite.
        NoEventsInArm: Nobody of weight above 0 has died.
        UsageError: Weights, clusters or a robust covariance are asked of the exact likelihood.
        FitFailed: A column is not finite, is constant, repeats others or separates the deaths from
            the others, there are more columns than deaths, or Newton's method did not converge.
    """
    names = tuple(columns) if columns is not None else tuple(f"#{j}" for j in range(x.shape[1]))
    check_input(x, target, weights, ties, names)
    sample = _used(_Sample(x, target, weights, strata, ties))
    if ridge == 0:
        check_count(sample.target.n, sample.target.n_events, x.shape[1])
    sets = risk_sets(sample.target, strata=sample.strata, ties=ties, weights=sample.weights)
    problem, unit = _standardised(sample, sets, ridge, scale, names)
    start = problem.at(np.zeros(len(names)))
    check_identified(sample.x, problem.information(start), names)
    coefficients, end, iterations = _newton(problem, start)
    covariance = _inverse(problem.information(end))
    if ridge == 0:
        check_separation(
            sample.x, sample.target, sample.strata, start.information, covariance, names
        )
    if iterations is None:
        raise FitFailed(_not_converged(problem, coefficients))
    fit = CoxFit(
        coefficients=coefficients / unit,
        covariance=covariance / np.outer(unit, unit),
        log_likelihood_null=start.value,
        log_likelihood=end.value,
        score_test=_score_test(start),
        iterations=iterations,
        df=float(np.sum(covariance * end.information)) if ridge > 0 else float(len(names)),
        ties=ties,
        n=sample.target.n,
        n_events=sample.target.n_events,
        notes=_notes(sample, sets, target.n - sample.target.n),
    )
    if cluster is None and not robust:
        return fit
    if cluster is not None and weights is not None:
        cluster = cluster[weights > 0]
    return _with_robust(fit, sample, cluster)


def _used(sample: _Sample) -> _Sample:
    """Without the patients of weight 0."""
    if sample.weights is None or sample.weights.all():
        return sample
    kept = sample.weights > 0
    return _Sample(
        sample.x[kept],
        sample.target.subset(kept),
        sample.weights[kept],
        None if sample.strata is None else sample.strata[kept],
        sample.ties,
    )


def _standardised(
    sample: _Sample,
    sets: Sequence[RiskSets],
    ridge: float,
    scale: FloatArray | None,
    names: tuple[str, ...],
) -> tuple[_Problem, FloatArray]:
    """The problem in columns of mean 0, and the unit (p,) that each was divided by."""
    x, n = sample.x, sample.target.n
    share = np.full(n, 1.0 / n) if sample.weights is None else sample.weights / sample.weights.sum()
    centred = x - share @ x
    spread = np.sqrt(share @ centred**2)
    scale = spread if scale is None else scale
    unit = np.where(np.ptp(x, axis=0) > 0, spread, np.where(scale > 0, scale, 1.0))
    layout = SortedStrata.of(sets)
    penalty = ridge * (scale / unit) ** 2
    return _Problem(centred[layout.order] / unit, layout, sample.ties, penalty, names), unit


def _with_robust(fit: CoxFit, sample: _Sample, cluster: IntArray | None) -> CoxFit:
    weights = np.ones(fit.n) if sample.weights is None else sample.weights
    influence = dfbeta(sample.residuals(fit.coefficients), fit.covariance, weights=weights)
    at_zero = weights[:, None] * sample.residuals(np.zeros(fit.coefficients.size))
    return replace(
        fit,
        robust_covariance=robust_covariance(influence, cluster),
        robust_score_test=robust_score_test(at_zero, cluster),
    )


def _notes(sample: _Sample, sets: Sequence[RiskSets], n_without_weight: int) -> tuple[str, ...]:
    notes = []
    if n_without_weight:
        notes.append(f"{n_without_weight} patients of weight 0 were left out")
    if sample.strata is not None:
        for stratum in np.setdiff1d(sample.strata, [sample.strata[s.order[0]] for s in sets]):
            n = int(np.sum(sample.strata == stratum))
            notes.append(f"stratum {stratum} ({n} patients) holds no death and adds nothing")
    return tuple(notes)


def _newton(problem: _Problem, start: Likelihood) -> tuple[FloatArray, Likelihood, int | None]:
    """Where the steps ended and how many there were; None where they did not converge."""
    coefficients, now = np.zeros(problem.z.shape[1]), start
    for iteration in range(_MAX_ITERATIONS):
        gradient = now.gradient - problem.penalty * coefficients
        step = _solve(problem.information(now), gradient)
        close = float(step @ gradient) < _DECREMENT
        coefficients, now = _line_search(problem, coefficients, now, step)
        if close:
            return coefficients, now, iteration
    return coefficients, now, None


def _not_converged(problem: _Problem, coefficients: FloatArray) -> str:
    worst = int(np.argmax(np.abs(coefficients)))
    return (
        f"the Cox model of {problem.n_deaths} deaths among {len(problem.z)} patients did not "
        f"converge in {_MAX_ITERATIONS} iterations; the largest standardised coefficient is that "
        f"of column '{problem.names[worst]}' ({coefficients[worst]:.3g}): leave it out, merge its "
        "levels or use a ridge penalty"
    )


def _line_search(
    problem: _Problem, coefficients: FloatArray, now: Likelihood, step: FloatArray
) -> tuple[FloatArray, Likelihood]:
    """The first of the halved Newton steps that does not lower the penalised likelihood."""
    before = problem.penalised(now, coefficients)
    tolerance = 1e-10 * (1.0 + abs(before))
    for halving in range(30):
        tried = coefficients + step / 2**halving
        # A far too long step under- or overflows; it is then halved like any other bad one.
        with np.errstate(all="ignore"):
            there = problem.at(tried)
            after = problem.penalised(there, tried)
        finite = np.isfinite(after) and np.isfinite(there.information).all()
        if finite and after >= before - tolerance:
            return tried, there
    return coefficients, now


def _inverse(information: FloatArray) -> FloatArray:
    """The inverse; where all information of a column is lost, its variance is infinite."""
    try:
        return np.asarray(np.linalg.inv(information), dtype=np.float64)
    except np.linalg.LinAlgError:
        with np.errstate(divide="ignore"):
            return np.diag(1.0 / np.maximum(np.diag(information), 0.0))


def _score_test(start: Likelihood) -> float:
    if not start.gradient.size:
        return 0.0
    return float(start.gradient @ _solve(start.information, start.gradient))


def _solve(matrix: FloatArray, vector: FloatArray) -> FloatArray:
    """By Cholesky; least squares where, on the way to infinity, the information is singular."""
    if not vector.size:
        return vector
    _, solved, failed = lapack.dposv(matrix, vector, lower=1)
    if failed or not np.isfinite(solved).all():
        solved = np.linalg.lstsq(matrix, vector, rcond=None)[0]
    return np.asarray(solved, dtype=np.float64)
