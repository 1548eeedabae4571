"""Why a Cox estimate may not exist: each reason with its column, counts and remedy."""

from collections.abc import Sequence

import numpy as np

from components.errors import CohortRejected, FitFailed, NoEventsInArm, UsageError
from components.survival.risk_sets import Ties
from components.survival.target import FloatArray, IntArray, SurvivalTarget

# How much of a column's information may be lost between zero and the estimate. A maximum at
# infinity loses all of it (some 1e-9 is left when Newton stops); real effects keep over a tenth.
_INFORMATION_LEFT = 1e-4
_ALL_LOST = 1e30
_SMALLEST_EIGENVALUE = 1e-10


def check_input(
    x: FloatArray,
    target: SurvivalTarget,
    weights: FloatArray | None,
    ties: Ties,
    names: tuple[str, ...],
) -> None:
    """Refuse arrays that do not fit together, that are not finite, or in which nobody dies.

    Raises:
        CohortRejected: The rows differ in number, or a weight is missing, infinite or negative.
        NoEventsInArm: Nobody of weight above 0 has died.
        FitFailed: A column is not finite.
        UsageError: Case weights are asked of the exact likelihood.
    """
    if x.ndim != 2 or len(x) != target.n or x.shape[1] != len(names):
        msg = (
            f"expected a design matrix of {target.n} patients and {len(names)} columns, "
            f"came {x.shape}"
        )
        raise CohortRejected(msg)
    if weights is not None:
        check_weights(weights, target.n)
        if ties == "exact" and np.any(weights[weights > 0] != 1):
            msg = "the exact likelihood knows no case weights; use Efron or Breslow ties"
            raise UsageError(msg)
    died = target.event if weights is None else target.event & (weights > 0)
    if not died.any():
        whom = "patients" if weights is None else "patients of weight above 0"
        n = target.n if weights is None else int(np.sum(weights > 0))
        msg = f"expected deaths, none of the {n} {whom} has died; no Cox model exists"
        raise NoEventsInArm(msg)
    bad = np.flatnonzero(~np.isfinite(x).all(axis=0))
    if bad.size:
        column = x[:, bad[0]]
        msg = (
            f"expected finite values, column '{names[bad[0]]}' holds others "
            f"({int(np.isnan(column).sum())} missing, {int(np.isinf(column).sum())} infinite of "
            f"{target.n}); impute or exclude"
        )
        raise FitFailed(msg)


def check_weights(weights: FloatArray, n: int) -> None:
    """Refuse case weights (n,) that are missing, infinite, negative or all 0.

    Raises:
        CohortRejected: They are.
    """
    if weights.shape != (n,):
        msg = f"expected a case weight for each of {n} patients, came an array of {weights.shape}"
        raise CohortRejected(msg)
    bad = int(np.sum(~np.isfinite(weights)))
    negative = int(np.sum(weights < 0))
    if bad or negative:
        msg = (
            f"expected finite case weights of at least 0, {negative} of {n} are negative and "
            f"{bad} missing or infinite"
        )
        raise CohortRejected(msg)
    if not np.any(weights > 0):
        msg = f"expected case weights above 0, all {n} are 0: nobody is left to fit a model on"
        raise CohortRejected(msg)


def check_count(n: int, n_events: int, n_columns: int) -> None:
    """Refuse more parameters than deaths where no penalty decides between them.

    Raises:
        FitFailed: There are more.
    """
    if n_columns > n_events:
        msg = (
            f"{n_columns} parameters cannot be estimated from {n_events} deaths among {n} "
            "patients; use fewer predictors or a ridge penalty"
        )
        raise FitFailed(msg)


def check_identified(x: FloatArray, information: FloatArray, names: tuple[str, ...]) -> None:
    """Refuse columns of `x` (n, p) that are constant or repeat others, where no penalty decides.

    `information` (p, p) is that of the standardised columns at coefficients of 0.

    Raises:
        FitFailed: A column is constant, or columns are linear combinations of each other.
    """
    diagonal = np.diag(information)
    if not diagonal.size:
        return
    flat = np.flatnonzero(diagonal < _SMALLEST_EIGENVALUE)
    if flat.size:
        column = x[:, flat[0]]
        where = (
            f"among all {column.size} patients"
            if np.ptp(column) == 0
            else "among the patients at risk when deaths occur"
        )
        msg = f"column '{names[flat[0]]}' is constant {where}; leave it out"
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


def check_separation(
    x: FloatArray,
    target: SurvivalTarget,
    strata: IntArray | None,
    start: FloatArray,
    covariance: FloatArray,
    names: tuple[str, ...],
) -> None:
    """Refuse a maximum at infinity: the information at the estimate is all but lost.

    Args:
        x: (n, p) columns of the patients used.
        target: Their follow-up.
        strata: (n,) their strata.
        start: (p, p) information of the standardised columns at coefficients of 0.
        covariance: (p, p) of the standardised columns at the estimate.
        names: Of the columns.

    Raises:
        FitFailed: A column, or several together, separate the deaths from the others.
    """
    spread = np.diag(covariance)
    is_sound = np.isfinite(spread) & (spread > 0)
    # The covariance at 0 is at least 1/information, so this cheap bound clears nearly every fit.
    bound = 1.0 / _INFORMATION_LEFT
    if is_sound.all() and np.max(spread * np.diag(start), initial=0.0) < bound:
        return
    at_zero = np.diag(np.linalg.inv(start))
    inflation = np.where(is_sound, spread / at_zero, _ALL_LOST)
    if inflation.max() < bound:
        return
    worst = int(np.argmax(inflation))
    together = [
        name for name, lost in zip(names, inflation, strict=True) if lost > 0.01 * inflation.max()
    ]
    also = "" if len(together) == 1 else f" (together with {_others(together, names[worst])})"
    within = "" if strata is None else " within the strata"
    msg = (
        f"column '{names[worst]}'{also} separates the deaths from the others{within}"
        f"{_counts(x[:, worst], target)}, so its coefficient has no finite estimate; merge its "
        "levels, leave it out or use a ridge penalty"
    )
    raise FitFailed(msg)


def _others(names: Sequence[str], one: str) -> str:
    return ", ".join(f"'{name}'" for name in names if name != one)


def _counts(column: FloatArray, target: SurvivalTarget) -> str:
    low = column.min()
    if np.unique(column).size > 2:
        return f" ({target.n_events} of {target.n} patients died)"
    one = column != low
    return (
        f" ({int(target.event[one].sum())} of {int(one.sum())} with it died, "
        f"{int(target.event[~one].sum())} of {int((~one).sum())} without)"
    )
