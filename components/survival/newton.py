"""Fitting a Cox model to arrays: Newton's method, and why an estimate may not exist."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from components.errors import FitFailed, NoEventsInArm
from components.survival.partial_likelihood import Likelihood, likelihood
from components.survival.risk_sets import RiskSets, Ties, risk_sets
from components.survival.target import FloatArray, IntArray, SurvivalTarget

_MAX_ITERATIONS = 60
# Twice the distance to the maximum of the likelihood before the last Newton step, which squares it.
_DECREMENT = 1e-11
# How much of a column's information may be lost between zero and the estimate. A maximum at
# infinity loses all of it (some 1e-9 is left when Newton stops); real effects keep over a tenth.
_INFORMATION_LEFT = 1e-4
_SMALLEST_EIGENVALUE = 1e-10


@dataclass(frozen=True, eq=False)
class CoxFit:
    """A fitted Cox model of p columns.

    `covariance` is the inverse of the (penalised) information, the likelihoods are unpenalised,
    `score_test` is the chi-square with p degrees of freedom at coefficients of 0.
    """

    coefficients: FloatArray
    covariance: FloatArray
    log_likelihood_null: float
    log_likelihood: float
    score_test: float
    iterations: int

    @property
    def standard_errors(self) -> FloatArray:
        """Standard errors (p,)."""
        return np.sqrt(np.diag(self.covariance))


def fit_cox(
    x: FloatArray,
    target: SurvivalTarget,
    *,
    strata: IntArray | None = None,
    ties: Ties = "efron",
    ridge: float = 0.0,
    scale: FloatArray | None = None,
    columns: Sequence[str] | None = None,
) -> CoxFit:
    """The Cox model of a design matrix (n, p); p may be 0.

    Args:
        x: Design matrix, uncentred; centring changes no coefficient.
        target: Follow-up of the n patients.
        strata: (n,) numbers of the strata, each with its own baseline hazard.
        ties: Efron (as R's `coxph`) or Breslow.
        ridge: Penalty: 0.5 * ridge * sum((b_j * scale_j)^2) is taken from the log likelihood.
        scale: (p,) scale of the columns in the penalty; by default their 1/n standard deviation.
        columns: Names for messages.

    Raises:
        NoEventsInArm: Nobody has died.
        FitFailed: A column is constant, repeats others or separates the deaths from the others,
            or Newton's method did not converge.
    """
    if target.n_events == 0:
        msg = f"expected deaths, none of the {target.n} patients has died; no Cox model exists"
        raise NoEventsInArm(msg)
    names = tuple(columns) if columns is not None else tuple(f"#{j}" for j in range(x.shape[1]))
    _check_finite(x, names)
    scale = x.std(axis=0) if scale is None else scale
    unit = np.where(np.ptp(x, axis=0) > 0, x.std(axis=0), np.where(scale > 0, scale, 1.0))
    z = (x - x.mean(axis=0)) / unit
    penalty = ridge * (scale / unit) ** 2
    sets = risk_sets(target, strata=strata, ties=ties)
    start = likelihood(z, np.zeros(z.shape[1]), sets)
    _check_identified(start.information + np.diag(penalty), names)
    coefficients, end, iterations = _newton(z, sets, penalty, start, names)
    information = end.information + np.diag(penalty)
    covariance = np.linalg.inv(information)
    if ridge == 0:
        _check_separation(x, target, np.diag(covariance) * np.diag(start.information), names)
    return CoxFit(
        coefficients=coefficients / unit,
        covariance=covariance / np.outer(unit, unit),
        log_likelihood_null=start.value,
        log_likelihood=end.value,
        score_test=_score_test(start),
        iterations=iterations,
    )


def _newton(
    z: FloatArray,
    sets: Sequence[RiskSets],
    penalty: FloatArray,
    start: Likelihood,
    names: tuple[str, ...],
) -> tuple[FloatArray, Likelihood, int]:
    coefficients, now = np.zeros(z.shape[1]), start
    for iteration in range(_MAX_ITERATIONS):
        gradient = now.gradient - penalty * coefficients
        step = _solve(now.information + np.diag(penalty), gradient)
        close = float(step @ gradient) < _DECREMENT
        coefficients, now = _line_search(z, sets, penalty, coefficients, now, step)
        if close:
            return coefficients, now, iteration
    worst = names[int(np.argmax(np.abs(coefficients)))]
    msg = (
        f"the Cox model did not converge in {_MAX_ITERATIONS} iterations; the largest "
        f"standardised coefficient is that of column '{worst}': leave it out, merge its levels "
        "or use a ridge penalty"
    )
    raise FitFailed(msg)


def _line_search(
    z: FloatArray,
    sets: Sequence[RiskSets],
    penalty: FloatArray,
    coefficients: FloatArray,
    now: Likelihood,
    step: FloatArray,
) -> tuple[FloatArray, Likelihood]:
    """The first of the halved Newton steps that does not lower the penalised likelihood."""
    before = now.value - 0.5 * float(penalty @ coefficients**2)
    tolerance = 1e-10 * (1.0 + abs(before))
    for halving in range(30):
        tried = coefficients + step / 2**halving
        # A far too long step under- or overflows; it is then halved like any other bad one.
        with np.errstate(all="ignore"):
            there = likelihood(z, tried, sets)
        after = there.value - 0.5 * float(penalty @ tried**2)
        finite = np.isfinite(after) and np.isfinite(there.information).all()
        if finite and after >= before - tolerance:
            return tried, there
    return coefficients, now


def _score_test(start: Likelihood) -> float:
    if not start.gradient.size:
        return 0.0
    return float(start.gradient @ _solve(start.information, start.gradient))


def _solve(matrix: FloatArray, vector: FloatArray) -> FloatArray:
    """Least squares: on its way to a maximum at infinity the information becomes singular."""
    return np.asarray(np.linalg.lstsq(matrix, vector, rcond=None)[0], dtype=np.float64)


def _check_finite(x: FloatArray, names: tuple[str, ...]) -> None:
    bad = np.flatnonzero(~np.isfinite(x).all(axis=0))
    if bad.size:
        msg = f"expected finite values, column '{names[bad[0]]}' holds others; impute or exclude"
        raise FitFailed(msg)


def _check_identified(information: FloatArray, names: tuple[str, ...]) -> None:
    """Refuse columns that are constant, or that repeat others, where no penalty decides."""
    diagonal = np.diag(information)
    if not diagonal.size:
        return
    flat = np.flatnonzero(diagonal < _SMALLEST_EIGENVALUE)
    if flat.size:
        msg = (
            f"column '{names[flat[0]]}' is constant among the patients at risk when deaths occur; "
            "leave it out"
        )
        raise FitFailed(msg)
    root = np.sqrt(diagonal)
    values, vectors = np.linalg.eigh(information / np.outer(root, root))
    if values[0] < _SMALLEST_EIGENVALUE:
        involved = [name for name, v in zip(names, vectors[:, 0], strict=True) if abs(v) > 1e-3]
        msg = (
            f"columns {', '.join(involved)} repeat each other (one is a linear combination of "
            "the others); leave one out or use a ridge penalty"
        )
        raise FitFailed(msg)


def _check_separation(
    x: FloatArray, target: SurvivalTarget, inflation: FloatArray, names: tuple[str, ...]
) -> None:
    """Refuse a maximum at infinity; `inflation` (p,) is each column's loss of information."""
    if not inflation.size or inflation.max() < 1.0 / _INFORMATION_LEFT:
        return
    worst = int(np.argmax(inflation))
    column = x[:, worst]
    counts = ""
    if set(np.unique(column)) <= {0.0, 1.0}:
        one = column == 1
        counts = (
            f" ({int(target.event[one].sum())} of {int(one.sum())} with it died, "
            f"{int(target.event[~one].sum())} of {int((~one).sum())} without)"
        )
    msg = (
        f"column '{names[worst]}' separates the deaths from the others{counts}, so its coefficient "
        "has no finite estimate; merge its levels, leave it out or use a ridge penalty"
    )
    raise FitFailed(msg)
