"""The ROC curve of a score against a plain yes or no, its cut-offs, and what they classify right.

For the label at a horizon under censoring see `time_roc`. Own code because scikit-learn's
thresholds are observed scores, on which patients lie: here they are midpoints, as pROC's.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv, ndtri

from components.errors import DataError
from components.study.results import Estimate, Record
from components.survival.delong import check_labels
from components.survival.target import FloatArray, IntArray

ShareInterval = Literal["wilson", "exact", "wald"]


@dataclass(frozen=True, eq=False)
class BinaryRoc:
    """ROC points by rising threshold, from (sensitivity 1, specificity 0) to (0, 1).

    Attributes:
        thresholds: (k,) midpoints between neighboring scores, -inf first and inf last; at or above
            a threshold predicts a case.
        true_positives: (k,) cases at or above each threshold; `true_negatives` controls below it.
    """

    thresholds: FloatArray
    true_positives: IntArray
    true_negatives: IntArray
    n_cases: int
    n_controls: int

    @property
    def sensitivity(self) -> FloatArray:
        """Share of the cases (k,) at or above each threshold."""
        return np.asarray(self.true_positives / self.n_cases)

    @property
    def specificity(self) -> FloatArray:
        """Share of the controls (k,) below each threshold."""
        return np.asarray(self.true_negatives / self.n_controls)

    def youden(self) -> FloatArray:
        """The thresholds of the largest sensitivity + specificity, ascending; mostly one."""
        return self._best(self.sensitivity + self.specificity)

    def closest_to_top_left(self) -> FloatArray:
        """The thresholds nearest to sensitivity and specificity 1, ascending; mostly one."""
        return self._best(-((1 - self.sensitivity) ** 2 + (1 - self.specificity) ** 2))

    def _best(self, gain: FloatArray) -> FloatArray:
        return np.asarray(self.thresholds[gain == gain.max()])


def binary_roc(is_case: ArrayLike, score: ArrayLike) -> BinaryRoc:
    """The ROC curve of a score (n,), higher in cases.

    Raises:
        DataError: A score is not finite, or there is no case or no control.
    """
    cases, scores = np.asarray(is_case, dtype=np.bool_), np.asarray(score, dtype=np.float64)
    check_labels(cases, scores)
    levels, index = np.unique(scores, return_inverse=True)
    middle = levels[:-1] / 2 + levels[1:] / 2
    # Between two neighboring doubles there is no midpoint: the upper one is the threshold.
    middle = np.where(middle > levels[:-1], middle, levels[1:])
    of_cases = np.bincount(index[cases], minlength=levels.size)
    of_controls = np.bincount(index[~cases], minlength=levels.size)
    return BinaryRoc(
        thresholds=np.concatenate([[-np.inf], middle, [np.inf]]),
        true_positives=of_cases.sum() - np.concatenate([[0], np.cumsum(of_cases)]),
        true_negatives=np.concatenate([[0], np.cumsum(of_controls)]),
        n_cases=int(of_cases.sum()),
        n_controls=int(of_controls.sum()),
    )


class BinaryClassification(Record):
    """What "at or above the threshold = case" gets right; PPV and NPV hold at this prevalence."""

    threshold: float
    true_positives: int
    false_positives: int
    true_negatives: int
    false_negatives: int
    sensitivity: Estimate
    specificity: Estimate
    accuracy: Estimate
    ppv: Estimate
    npv: Estimate


def classify(
    is_case: ArrayLike,
    score: ArrayLike,
    *,
    threshold: float,
    level: float = 0.95,
    interval: ShareInterval = "wilson",
) -> BinaryClassification:
    """The counts and shares at a threshold, fixed beforehand for the intervals to hold.

    Raises:
        DataError: A score is not finite, there is no case or no control, or the threshold is not
            finite.
    """
    cases, scores = np.asarray(is_case, dtype=np.bool_), np.asarray(score, dtype=np.float64)
    check_labels(cases, scores)
    if not np.isfinite(threshold):
        msg = f"expected a finite threshold, came {threshold:g}; the score may part nobody"
        raise DataError(msg)
    called = scores >= threshold
    tp, fp = int(np.sum(called & cases)), int(np.sum(called & ~cases))
    fn, tn = int(np.sum(~called & cases)), int(np.sum(~called & ~cases))
    shares = {
        "sensitivity": (tp, tp + fn),
        "specificity": (tn, tn + fp),
        "accuracy": (tp + tn, cases.size),
        "ppv": (tp, tp + fp),
        "npv": (tn, tn + fn),
    }
    return BinaryClassification(
        threshold=threshold,
        true_positives=tp,
        false_positives=fp,
        true_negatives=tn,
        false_negatives=fn,
        **{
            name: share_estimate(hits, n, name=name, level=level, interval=interval)
            for name, (hits, n) in shares.items()
        },
    )


def share_estimate(
    hits: int, n: int, *, name: str, level: float = 0.95, interval: ShareInterval = "wilson"
) -> Estimate:
    """A share of n with its interval (`n_events` are the hits).

    Wilson's (doi:10.1080/01621459.1927.10502953), the exact one of Clopper and Pearson
    (doi:10.1093/biomet/26.4.404), or Wald's, which has no width at 0 and 1.
    """
    method = f"{name}, {interval} interval"
    if n == 0:
        return Estimate.not_estimable("nobody is counted", n=0, n_events=0, method=method)
    lower, upper = _share_limits(hits, n, level, interval)
    return Estimate(
        value=hits / n,
        lower=lower,
        upper=upper,
        level=level,
        n=n,
        n_events=hits,
        method=method,
    )


def _share_limits(hits: int, n: int, level: float, interval: ShareInterval) -> tuple[float, float]:
    tail, share = (1 - level) / 2, hits / n
    if interval == "exact":
        lower = betaincinv(hits, n - hits + 1, tail) if hits else 0.0
        upper = betaincinv(hits + 1, n - hits, 1 - tail) if hits < n else 1.0
        return float(lower), float(upper)
    z = float(ndtri(1 - tail))
    if interval == "wald":
        center, half = share, z * np.sqrt(share * (1 - share) / n)
    else:
        center = (share + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(float(center - half), 0.0), min(float(center + half), 1.0)
