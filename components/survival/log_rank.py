"""The log-rank test of two or more groups: weighted, stratified, and of every two groups.

Own code because lifelines' test knows no strata, weighs by other survival estimates than R, and
does not return the expected deaths.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc

from components.errors import DataError
from components.study.results import Record
from components.survival.multiplicity import benjamini_hochberg, bonferroni
from components.survival.target import BoolArray, FloatArray, IntArray, SurvivalTarget


class LogRank(Record):
    """A log-rank test of equal survival in k groups, as R's `survdiff`.

    Of each group of `groups` its patients, its deaths, and those expected were survival equal (of
    a weighted test weighted sums); `variance` (k, k) of their difference. The degrees of freedom
    are one less than the groups in which deaths are expected.
    """

    statistic: float
    degrees_of_freedom: int
    p_value: float
    groups: tuple[str, ...]
    n: tuple[int, ...]
    observed: tuple[float, ...]
    expected: tuple[float, ...]
    variance: tuple[tuple[float, ...], ...]
    rho: float = 0.0
    is_stratified: bool = False


class PairwiseLogRank(Record):
    """The log-rank test of two of several groups, its p-value as it is and adjusted."""

    first: str
    second: str
    test: LogRank
    p_benjamini_hochberg: float
    p_bonferroni: float


def log_rank(
    target: SurvivalTarget,
    groups: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    rho: float = 0.0,
) -> LogRank:
    """The test between the groups (n,) of any labels, within the strata (n,) of any labels.

    Args:
        target: Follow-up of the n patients.
        groups: Whose survival is compared.
        strata: Deaths are compared with those at risk in the same stratum.
        rho: Weight S(t-)^rho of the deaths at t: 0 the log-rank test, 1 Peto and Peto's, which
            heeds early deaths more (Harrington and Fleming 1982, doi:10.1093/biomet/69.3.553).

    Raises:
        DataError: There are fewer than two groups, nobody has died, or nobody who died had one of
            another group beside him at risk.
    """
    labels, member = np.unique(np.asarray(groups), return_inverse=True)
    if labels.size < 2 or target.n_events == 0:
        msg = (
            f"a log-rank test needs at least two groups and one death, came {labels.size} groups "
            f"and {target.n_events} deaths"
        )
        raise DataError(msg)
    stratum = np.zeros(target.n) if strata is None else np.asarray(strata)
    k = labels.size
    observed, expected, variance = np.zeros(k), np.zeros(k), np.zeros((k, k))
    for one in np.unique(stratum):
        rows = stratum == one
        parts = _stratum(target.subset(rows), member[rows], k, rho)
        observed, expected, variance = (
            observed + parts[0],
            expected + parts[1],
            variance + parts[2],
        )
    statistic, df = _chi_square(observed - expected, expected > 0, variance)
    return LogRank(
        statistic=statistic,
        degrees_of_freedom=df,
        p_value=float(chdtrc(df, statistic)),
        groups=tuple(str(label) for label in labels),
        n=tuple(np.bincount(member, minlength=k).tolist()),
        observed=tuple(observed.tolist()),
        expected=tuple(expected.tolist()),
        variance=tuple(tuple(row) for row in variance.tolist()),
        rho=rho,
        is_stratified=strata is not None,
    )


def pairwise_log_rank(
    target: SurvivalTarget, groups: ArrayLike, *, order: Sequence[str] | None = None
) -> tuple[PairwiseLogRank, ...]:
    """The test of every two groups, in the order of their labels (or of `order`).

    A pair that cannot be compared (nobody in it has died) is left out.

    Raises:
        DataError: No pair can be compared.
    """
    labels = np.asarray(groups).astype(str)
    tests, reason = [], ""
    for first, second in combinations(np.unique(labels) if order is None else order, 2):
        among = (labels == first) | (labels == second)
        try:
            tests.append((str(first), str(second), log_rank(target.subset(among), labels[among])))
        except DataError as error:
            reason = str(error)
    if not tests:
        msg = f"expected two groups that can be compared, there are none: {reason or 'one group'}"
        raise DataError(msg)
    p_values = [test.p_value for _, _, test in tests]
    adjusted = zip(tests, benjamini_hochberg(p_values), bonferroni(p_values), strict=True)
    return tuple(
        PairwiseLogRank(
            first=first,
            second=second,
            test=test,
            p_benjamini_hochberg=float(by_rate),
            p_bonferroni=float(by_number),
        )
        for (first, second, test), by_rate, by_number in adjusted
    )


def _stratum(
    target: SurvivalTarget, member: IntArray, k: int, rho: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Weighted deaths observed and expected (k,), and their variance (k, k), in one stratum."""
    times = np.unique(target.time_days[target.event])
    at = np.searchsorted(times, target.time_days[target.event])
    deaths = np.zeros((times.size, k))
    np.add.at(deaths, (at, member[target.event]), 1.0)
    at_risk = np.column_stack(
        [
            np.sum(member == group)
            - np.searchsorted(np.sort(target.time_days[member == group]), times, side="left")
            for group in range(k)
        ]
    ).astype(np.float64)
    d, n = deaths.sum(axis=1), at_risk.sum(axis=1)
    survival = np.concatenate([[1.0], np.cumprod(1.0 - d / n)])[:-1]
    weight, share = survival**rho, at_risk / n[:, None]
    spread = weight**2 * d * (n - d) / np.maximum(n - 1.0, 1.0)
    variance = np.diag(spread @ share) - share.T @ (spread[:, None] * share)
    return weight @ deaths, (weight * d) @ share, variance


def _chi_square(
    excess: FloatArray, is_expected: BoolArray, variance: FloatArray
) -> tuple[float, int]:
    """The statistic and its degrees of freedom; the first group follows from the others."""
    used = np.flatnonzero(is_expected)[1:]
    part = variance[np.ix_(used, used)]
    if not used.size or np.linalg.matrix_rank(part, hermitian=True) < used.size:
        msg = (
            "a log-rank test needs deaths while patients of another group are still at risk; these "
            "groups are never at risk together"
        )
        raise DataError(msg)
    return float(excess[used] @ np.linalg.solve(part, excess[used])), int(used.size)
