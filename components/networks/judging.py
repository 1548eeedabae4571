"""Who the figures of a network's scores are computed on, and with which weights."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from components.study.protocol.label import LabelSection
from components.survival.ipcw import UNKNOWN, label_weights, risk_labels
from components.survival.target import BoolArray, FloatArray, SurvivalTarget


@dataclass(frozen=True, eq=False)
class Judged:
    """Patients (m,) with the weights (m,) of their labels; `where` (n,) finds them among all.

    With `unknown: drop` only patients whose label is known are judged: none of them is censored
    before the horizon, so all weigh 1, as the study printed its figures. Otherwise all patients
    are, by 1/G with G estimated within each arm; the unknown weigh 0.
    """

    where: BoolArray
    target: SurvivalTarget
    arms: NDArray[np.str_]
    weights: FloatArray

    @classmethod
    def of(cls, target: SurvivalTarget, arms: NDArray[np.str_], label: LabelSection) -> Self:
        """The judged of n patients."""
        where = np.ones(target.n, dtype=np.bool_)
        if label.unknown == "drop":
            where = risk_labels(target, label.horizon_days) != UNKNOWN
        target, arms = target.subset(where), arms[where]
        weights = np.zeros(target.n)
        for arm in np.unique(arms):
            part = target.subset(arms == arm)
            weights[arms == arm] = label_weights(
                part, label.horizon_days, fitted_on=part, cap=label.weight_cap
            )
        return cls(where, target, arms, weights)
