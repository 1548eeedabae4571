"""The ROC curve of a score at a horizon, its cut-off, and what a cut-off classifies right.

A score above the cut-off predicts death by the horizon.
"""

from dataclasses import dataclass

import numpy as np

from components.errors import DataError
from components.study.results import Estimate, Record
from components.survival.intervals import wilson_estimate
from components.survival.ipcw import HIGH, LOW, CaseRule, label_weights, risk_labels
from components.survival.scores import check_score
from components.survival.target import BoolArray, FloatArray, SurvivalTarget


class RocCurve(Record):
    """ROC points by descending threshold, from (0, 0) to (1, 1).

    Thresholds are midpoints between neighboring scores (as pROC), so no patient lies on one but
    for the first, which nobody exceeds.
    """

    horizon_days: float
    false_positive_rate: tuple[float, ...]
    true_positive_rate: tuple[float, ...]
    thresholds: tuple[float, ...]


def roc_ipcw(
    target: SurvivalTarget,
    score: FloatArray,
    *,
    horizon_days: float,
    weights: FloatArray | None = None,
    cases: CaseRule = "by",
) -> RocCurve:
    """The cumulative/dynamic ROC curve at a horizon; `weights` (n,) and `cases` as in `auc_ipcw`.

    Raises:
        DataError: Nobody has died by the horizon, nobody is seen beyond it, or a score is missing.
    """
    check_score(target, score)
    case, control, weights = _weighted(target, horizon_days, weights, cases)
    known = case | control
    levels = np.unique(score[known])
    thresholds = np.concatenate(
        [levels[-1:], ((levels[:-1] + levels[1:]) / 2)[::-1], [np.nextafter(levels[0], -np.inf)]]
    )
    return RocCurve(
        horizon_days=horizon_days,
        false_positive_rate=_share_above(score[control], weights[control], thresholds),
        true_positive_rate=_share_above(score[case], weights[case], thresholds),
        thresholds=tuple(thresholds.tolist()),
    )


def youden_cutoff(curve: RocCurve) -> float:
    """The cut-off of the largest sensitivity + specificity; of several the highest."""
    gain = np.subtract(curve.true_positive_rate, curve.false_positive_rate)
    return curve.thresholds[int(np.argmax(gain))]


@dataclass(frozen=True)
class Classification:
    """What a cut-off classifies right among the patients whose label is known, by IPCW."""

    accuracy: Estimate
    sensitivity: Estimate
    specificity: Estimate


def classification_at(
    target: SurvivalTarget,
    score: FloatArray,
    *,
    cutoff: float,
    horizon_days: float,
    level: float = 0.95,
    weights: FloatArray | None = None,
) -> Classification:
    """Accuracy, sensitivity and specificity of "score above the cut-off = dead by the horizon".

    Intervals are Wilson's at the effective number of patients; `weights` (n,) as in `auc_ipcw`.

    Raises:
        DataError: Nobody has died by the horizon, nobody is seen beyond it, or a score is missing.
    """
    check_score(target, score)
    case, control, weights = _weighted(target, horizon_days, weights, "by")
    right = np.where(case, score > cutoff, score <= cutoff).astype(np.float64)
    estimates = {
        name: wilson_estimate(
            target,
            right[among],
            weights[among],
            method=f"{name} by IPCW, Wilson interval at the effective n",
            level=level,
            horizon_days=horizon_days,
        )
        for name, among in (
            ("accuracy", case | control),
            ("sensitivity", case),
            ("specificity", control),
        )
    }
    return Classification(**estimates)


def _weighted(
    target: SurvivalTarget, horizon_days: float, weights: FloatArray | None, cases: CaseRule
) -> tuple[BoolArray, BoolArray, FloatArray]:
    """Masks of cases and controls, and the weights of the labels."""
    labels = risk_labels(target, horizon_days, cases=cases)
    case, control = labels == HIGH, labels == LOW
    if not case.any() or not control.any():
        msg = (
            f"expected deaths by and survivors beyond {horizon_days:g} days, came "
            f"{int(case.sum())} and {int(control.sum())}; choose another horizon"
        )
        raise DataError(msg)
    if weights is None:
        weights = label_weights(target, horizon_days, fitted_on=target, cases=cases)
    return case, control, weights


def _share_above(
    among: FloatArray, weights: FloatArray, thresholds: FloatArray
) -> tuple[float, ...]:
    order = np.argsort(among, kind="stable")
    total = np.concatenate([[0.0], np.cumsum(weights[order])])
    until = total[np.searchsorted(among[order], thresholds, side="right")]
    return tuple((1.0 - until / total[-1]).tolist())
