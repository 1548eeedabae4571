"""What the networks of each fold learn: labels and weights of the patients they may see."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from components.errors import FitFailed
from components.study.protocol.label import LabelSection
from components.survival.ipcw import label_weights, risk_labels
from components.survival.target import BoolArray, FloatArray, IntArray, SurvivalTarget

Loss = Literal["binary", "discrete_hazard", "cox"]


@dataclass(frozen=True, eq=False)
class FollowUp:
    """Time (m,) in days, whether it ended in death (m,), and the arm (m,) of m patients."""

    time_days: FloatArray
    event: BoolArray
    arm: NDArray[np.str_]
    horizon_days: float

    def of(self, rows: IntArray) -> "FollowUp":
        """That of some of the patients."""
        return replace(
            self, time_days=self.time_days[rows], event=self.event[rows], arm=self.arm[rows]
        )


@dataclass(frozen=True, eq=False)
class Lesson:
    """The patients that a network learns from.

    `rows` (m,) number them in the cohort, `labels` (m,) are 1 for high risk and 0 for low,
    `weights` (m,) are positive with mean 1. Who weighs nothing is left out: they would cost
    time and change no gradient. `arms` (m,) are theirs. Where the loss is one of the follow-up it
    is there, everyone is a part, and a label may be -1, unknown.
    """

    rows: IntArray
    labels: FloatArray
    weights: FloatArray
    arms: NDArray[np.str_]
    follow_up: FollowUp | None = None


def lesson(
    target: SurvivalTarget,
    arms: NDArray[np.str_],
    *,
    seen: BoolArray,
    section: LabelSection,
    loss: Loss = "binary",
    learner: str = "a network",
) -> Lesson:
    """The lesson of a network that may see the patients of a mask (n,).

    With `ipcw` the weights are 1/G, with G estimated within each arm among those patients alone.
    A `loss` of the follow-up learns from everyone seen, alike. `learner` is named if it fails.

    Raises:
        FitFailed: All of them share one label, or fewer than two have one.
    """
    labels = risk_labels(target, section.horizon_days).astype(np.int64)
    if loss != "binary":
        _require_both(labels, arms, seen=seen, section=section, learner=learner)
        return _follow_up_lesson(target, arms, labels, seen=seen, section=section)
    if section.unknown == "naive":
        labels[labels < 0] = 1
    weights = (labels >= 0).astype(np.float64)
    if section.unknown == "ipcw":
        weights = _ipcw(target, arms, seen=seen, section=section)
    known = np.where(weights > 0, labels, -1)
    _require_both(known, arms, seen=seen, section=section, learner=learner)
    rows = np.flatnonzero(seen & (weights > 0))
    chosen = weights[rows]
    return Lesson(rows, labels[rows].astype(np.float64), chosen / chosen.mean(), arms[rows])


def _follow_up_lesson(
    target: SurvivalTarget,
    arms: NDArray[np.str_],
    labels: IntArray,
    *,
    seen: BoolArray,
    section: LabelSection,
) -> Lesson:
    rows = np.flatnonzero(seen)
    follow_up = FollowUp(target.time_days, target.event, arms, float(section.horizon_days))
    ones = np.ones(len(rows))
    return Lesson(rows, labels[rows].astype(np.float64), ones, arms[rows], follow_up.of(rows))


def _require_both(
    labels: IntArray,
    arms: NDArray[np.str_],
    *,
    seen: BoolArray,
    section: LabelSection,
    learner: str,
) -> None:
    """Refuses patients of one label (n,); -1 is none."""
    known = labels[seen & (labels >= 0)]
    if len(np.unique(known)) == 2:
        return
    alike = f"{len(known)} are labelled and all alike" if len(known) else "none is labelled"
    msg = (
        f"expected patients of high and of low risk at {section.horizon_days} days among the "
        f"{int(seen.sum())} that {learner} learns from, {alike} ({_counts(labels, arms, seen)}); "
        "choose another label horizon or fewer folds"
    )
    raise FitFailed(msg)


def _counts(labels: IntArray, arms: NDArray[np.str_], seen: BoolArray) -> str:
    """How many of each label are in each arm, in words."""
    parts = []
    for arm in np.unique(arms[seen]):
        found = labels[seen & (arms == arm)]
        high, low, unknown = (int(np.sum(found == label)) for label in (1, 0, -1))
        parts.append(f"{arm}: {high} of high risk, {low} of low, {unknown} of unknown")
    return "; ".join(parts)


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
    target: SurvivalTarget,
    arms: NDArray[np.str_],
    *,
    fold_of: IntArray,
    section: LabelSection,
    loss: Loss = "binary",
) -> tuple[Lesson, ...]:
    """The lesson of each fold's network: everyone outside the fold.

    Raises:
        FitFailed: The patients outside a fold share one label.
    """
    n_folds = int(fold_of.max()) + 1
    return tuple(
        lesson(
            target,
            arms,
            seen=fold_of != fold,
            section=section,
            loss=loss,
            learner=f"the network of fold {fold + 1} of {n_folds}",
        )
        for fold in range(n_folds)
    )
