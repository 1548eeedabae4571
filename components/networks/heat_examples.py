"""Whose heat maps a report shows: the highest and the lowest risk, and the most wrong."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from components.networks.heat_records import ExampleKind
from components.networks.judging import Judged
from components.study.protocol.label import LabelSection
from components.study.vocabulary import RiskLabel
from components.survival.ipcw import HIGH, UNKNOWN, risk_labels
from components.survival.target import FloatArray, SurvivalTarget


@dataclass(frozen=True, eq=False)
class Candidates:
    """Training patients (n,): out-of-fold probability, label, and the label's weighted error.

    The error is the label's weight times the distance of the probability from it; 0 where the
    label is unknown. Probabilities are NaN where training diverged.
    """

    oof_probability: FloatArray
    labels: tuple[RiskLabel, ...]
    weighted_error: FloatArray

    @classmethod
    def of(
        cls,
        oof_probability: FloatArray,
        target: SurvivalTarget,
        arms: NDArray[np.str_],
        *,
        label: LabelSection,
    ) -> Self:
        """The candidates of a label; weights as those of the search's own figures."""
        judged = Judged.of(target, arms, label)
        weights = np.zeros(target.n)
        weights[judged.where] = judged.weights
        known = risk_labels(target, label.horizon_days)
        words = {HIGH: RiskLabel.HIGH, UNKNOWN: RiskLabel.UNKNOWN}
        distance = np.where(known == UNKNOWN, 0.0, np.abs((known == HIGH) - oof_probability))
        return cls(
            oof_probability,
            tuple(words.get(int(one), RiskLabel.LOW) for one in known),
            weights * distance,
        )

    def chosen(self) -> dict[ExampleKind, int]:
        """The places of the examples; none where no patient has a probability."""
        there = np.flatnonzero(np.isfinite(self.oof_probability))
        if not len(there):
            return {}
        scores = self.oof_probability[there]
        found: dict[ExampleKind, int] = {
            "highest_risk": int(there[np.argmax(scores)]),
            "lowest_risk": int(there[np.argmin(scores)]),
        }
        error = self.weighted_error[there]
        if error.max() > 0:
            found["most_wrong"] = int(there[np.argmax(error)])
        return found
