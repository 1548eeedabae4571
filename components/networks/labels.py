"""What the networks of each fold learn: labels and weights of the patients they may see."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.errors import FitFailed
from components.study.protocol.label import LabelSection
from components.survival.ipcw import label_weights, risk_labels
from components.survival.target import BoolArray, FloatArray, IntArray, SurvivalTarget


@dataclass(frozen=True, eq=False)
class Lesson:
    """The patients that a network learns from.

    `rows` (m,) number them in the cohort, `labels` (m,) are 1 for high risk and 0 for low,
    `weights` (m,) are positive with mean 1. Who weighs nothing is left out: they would cost
    time and change no gradient.
    """

    rows: IntArray
    labels: FloatArray
    weights: FloatArray


def lesson(
    target: SurvivalTarget, arms: NDArray[np.str_], *, seen: BoolArray, section: LabelSection
) -> Lesson:
    """The lesson of a network that may see the patients of a mask (n,).

    With `ipcw` the weights are 1/G, with G estimated within each arm among those patients alone.

    Raises:
        FitFailed: All of them share one label, or fewer than two have one.
    """
    labels = risk_labels(target, section.horizon_days).astype(np.int64)
    if section.unknown == "naive":
        labels[labels < 0] = 1
    weights = (labels >= 0).astype(np.float64)
    if section.unknown == "ipcw":
        weights = _ipcw(target, arms, seen=seen, section=section)
    rows = np.flatnonzero(seen & (weights > 0))
    if len(np.unique(labels[rows])) < 2:
        msg = (
            f"expected patients of high and of low risk at {section.horizon_days} days among the "
            f"{int(seen.sum())} that a network learns from, {len(rows)} are labelled and all "
            "alike; choose another label horizon or fewer folds"
        )
        raise FitFailed(msg)
    chosen = weights[rows]
    return Lesson(rows, labels[rows].astype(np.float64), chosen / chosen.mean())


def _ipcw(
    target: SurvivalTarget, arms: NDArray[np.str_], *, seen: BoolArray, section: LabelSection
) -> FloatArray:
    weights = np.zeros(target.n)
    for arm in np.unique(arms[seen]):
        members = np.flatnonzero(seen & (arms == arm))
        part = target.subset(members)
        weights[members] = label_weights(
            part, section.horizon_days, fitted_on=part, cap=section.weight_cap
        )
    return weights


def fold_lessons(
    target: SurvivalTarget, arms: NDArray[np.str_], *, fold_of: IntArray, section: LabelSection
) -> tuple[Lesson, ...]:
    """The lesson of each fold's network: everyone outside the fold.

    Raises:
        FitFailed: The patients outside a fold share one label.
    """
    return tuple(
        lesson(target, arms, seen=fold_of != fold, section=section)
        for fold in range(int(fold_of.max()) + 1)
    )
