"""The area under a binary ROC curve by DeLong's method: variance, interval, differences, tests.

Own code because scikit-learn gives the area alone and scipy no variance of it. Areas count ties
half; placements come from mid-ranks, in O(n log n) (Sun and Xu 2014, doi:10.1109/LSP.2014.2337313).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri, stdtr, stdtrit
from scipy.stats import mannwhitneyu, rankdata

from components.errors import DataError
from components.study.results import Estimate, Record
from components.survival.target import BoolArray, FloatArray

_METHOD = "AUC, DeLong"
# Up to this many cases and controls, without ties, R's Mann-Whitney test is exact.
_EXACT_BELOW = 50


@dataclass(frozen=True, eq=False)
class DeLong:
    """The area of a score, higher in cases, and where each patient stands in the other group.

    Attributes:
        auc: The share of pairs in which the case has the higher score, ties counting half.
        cases: (n_cases,) share of the controls below each case; `controls` (n_controls,) share of
            the cases above each control.
    """

    auc: float
    cases: FloatArray
    controls: FloatArray

    @classmethod
    def of(cls, is_case: BoolArray, score: FloatArray) -> "DeLong":
        """The area of a score (n,).

        Raises:
            DataError: A score is not finite, or there is no case or no control.
        """
        check_labels(is_case, score)
        case, control = score[is_case], score[~is_case]
        ranks = rankdata(np.concatenate([case, control]))
        cases = (ranks[: case.size] - rankdata(case)) / control.size
        controls = 1.0 - (ranks[case.size :] - rankdata(control)) / case.size
        return cls(float(cases.mean()), cases, controls)

    @property
    def n(self) -> int:
        """Number of patients."""
        return int(self.cases.size + self.controls.size)

    @property
    def variance(self) -> float:
        """Variance of the area (doi:10.2307/2531595); NaN with one case or one control."""
        return self.covariance(self)

    def covariance(self, other: "DeLong") -> float:
        """Covariance with the area of another score in the same patients."""
        if min(self.cases.size, self.controls.size) < 2:
            return float("nan")
        parts = (
            np.cov(a, b)[0, 1] / a.size
            for a, b in ((self.cases, other.cases), (self.controls, other.controls))
        )
        return float(sum(parts))


class AucTest(Record):
    """A test of equal areas; `difference` is the first area minus the second.

    `degrees_of_freedom` of Student's t in two groups of patients; None for the normal of one group.
    """

    first: Estimate
    second: Estimate
    difference: Estimate
    statistic: float | None
    degrees_of_freedom: float | None
    p_value: float | None


def auc_delong(is_case: ArrayLike, score: ArrayLike, *, level: float = 0.95) -> Estimate:
    """The area under the ROC curve with DeLong's interval, cut off at 0 and 1, as pROC.

    Raises:
        DataError: A score is not finite, or there is no case or no control.
    """
    return _estimate(DeLong.of(*_arrays(is_case, score)), level)


def mann_whitney_p(is_case: ArrayLike, score: ArrayLike) -> float:
    """Two-sided p of equal scores in cases and controls, R's `wilcox.test` (exact if small).

    Raises:
        DataError: A score is not finite, or there is no case or no control.
    """
    cases, scores = _arrays(is_case, score)
    check_labels(cases, scores)
    small = max(np.sum(cases), np.sum(~cases)) < _EXACT_BELOW
    if np.ptp(scores) == 0:
        return 1.0
    exact = small and np.unique(scores).size == scores.size
    method = "exact" if exact else "asymptotic"
    return float(mannwhitneyu(scores[cases], scores[~cases], method=method).pvalue)


def paired_auc_test(
    is_case: ArrayLike, first: ArrayLike, second: ArrayLike, *, level: float = 0.95
) -> AucTest:
    """Two scores in the same patients, whose areas vary together (doi:10.2307/2531595).

    Raises:
        DataError: A score is not finite, or there is no case or no control.
    """
    one, other = (DeLong.of(*_arrays(is_case, score)) for score in (first, second))
    variance = one.variance + other.variance - 2 * one.covariance(other)
    return _test(one, other, variance, level, n=one.n, n_cases=one.cases.size)


def unpaired_auc_test(
    first: tuple[ArrayLike, ArrayLike],
    second: tuple[ArrayLike, ArrayLike],
    *,
    level: float = 0.95,
) -> AucTest:
    """Areas in two groups of patients, each given as (is_case, score).

    Student's t with Satterthwaite's degrees of freedom, as pROC's `roc.test`.

    Raises:
        DataError: A score is not finite, or a group has no case or no control.
    """
    one, other = (DeLong.of(*_arrays(*group)) for group in (first, second))
    variance = one.variance + other.variance
    parts = [part.variance**2 / (part.n - 1) for part in (one, other)]
    freedom = variance**2 / sum(parts) if variance > 0 else None
    return _test(
        one,
        other,
        variance,
        level,
        n=one.n + other.n,
        n_cases=one.cases.size + other.cases.size,
        freedom=freedom,
    )


def check_labels(is_case: BoolArray, score: FloatArray) -> None:
    """Refuse what has no ROC curve.

    Raises:
        DataError: A score is not finite, there is no case or no control, or lengths differ.
    """
    if is_case.shape != score.shape or is_case.ndim != 1:
        msg = f"expected as many labels as scores, came {is_case.shape} and {score.shape}"
        raise DataError(msg)
    bad = int(np.sum(~np.isfinite(score)))
    n_cases = int(np.sum(is_case))
    if bad or n_cases in (0, is_case.size):
        msg = (
            f"a ROC curve needs cases, controls and finite scores, came {n_cases} cases, "
            f"{is_case.size - n_cases} controls and {bad} scores that are not finite"
        )
        raise DataError(msg)


def _arrays(is_case: ArrayLike, score: ArrayLike) -> tuple[BoolArray, FloatArray]:
    return np.asarray(is_case, dtype=np.bool_), np.asarray(score, dtype=np.float64)


def _estimate(area: DeLong, level: float) -> Estimate:
    half = _half_width(area.variance, level)
    return Estimate(
        value=area.auc,
        lower=None if half is None else max(area.auc - half, 0.0),
        upper=None if half is None else min(area.auc + half, 1.0),
        level=level,
        n=area.n,
        n_events=area.cases.size,
        method=_METHOD,
        note=None if half else _why_no_width(area),
    )


def _why_no_width(area: DeLong) -> str:
    if min(area.cases.size, area.controls.size) < 2:
        return "one case or one control gives no variance"
    if area.auc not in (0.0, 1.0):
        return "the score is the same for all patients"
    return "the score parts cases from controls, so DeLong's interval has no width"


def _half_width(variance: float, level: float, freedom: float | None = None) -> float | None:
    if np.isnan(variance):
        return None
    quantile = ndtri((1 + level) / 2) if freedom is None else stdtrit(freedom, (1 + level) / 2)
    return float(quantile * np.sqrt(max(variance, 0.0)))


def _test(
    one: DeLong,
    other: DeLong,
    variance: float,
    level: float,
    *,
    n: int,
    n_cases: int,
    freedom: float | None = None,
) -> AucTest:
    """Equal scores differ by 0 with certainty (p 1); without a variance there is no test."""
    value, half = one.auc - other.auc, _half_width(variance, level, freedom)
    statistic = p_value = None
    if variance > 0:
        statistic = float(value / np.sqrt(variance))
        below = ndtr(-abs(statistic)) if freedom is None else stdtr(freedom, -abs(statistic))
        p_value = float(2 * below)
    elif variance == 0 and value == 0:
        statistic, p_value = 0.0, 1.0
    difference = Estimate(
        value=value,
        lower=None if half is None else value - half,
        upper=None if half is None else value + half,
        level=level,
        n=n,
        n_events=n_cases,
        method=f"difference of: {_METHOD}",
        note=None if half else "the difference has no variance, so there is no interval",
    )
    return AucTest(
        first=_estimate(one, level),
        second=_estimate(other, level),
        difference=difference,
        statistic=statistic,
        degrees_of_freedom=freedom,
        p_value=p_value,
    )
