"""The backbone that classifies most test patients right, as the study chose.

A test patient who has helped to choose a network is no test of it: with the profile `sound` the
choice is made out of fold. Where a protocol asks for this one, every reading is counted, the table
shows what was read, and the gate refuses the models.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from components.networks.bundle import load_network
from components.networks.features import predict
from components.networks.judging import Judged
from components.networks.records import BackboneChoice, BackboneRow, OnTestPatients
from components.networks.refit import refit
from components.networks.training import TrainingPlan
from components.networks.training_set import TrainingSet
from components.study.protocol.evaluation import EvaluationSection
from components.study.protocol.label import LabelSection
from components.survival.discrimination import auc_ipcw, classification_at
from components.survival.target import FloatArray, SurvivalTarget


@dataclass(frozen=True, eq=False)
class UnseenPatients:
    """Crops (n, 3, h, w), follow-up and arms (n,) of the test patients."""

    crops: NDArray[np.float32]
    target: SurvivalTarget
    arms: NDArray[np.str_]


def choose_by_test_accuracy(
    choice: BackboneChoice,
    patients: TrainingSet,
    test: UnseenPatients,
    *,
    label: LabelSection,
    evaluation: EvaluationSection,
    plan: TrainingPlan,
    on_test_reading: Callable[[str], object],
) -> BackboneChoice:
    """The choice with the backbone of the highest accuracy on the test patients.

    Each backbone's best configuration is refitted on all training patients and read at Youden's
    cut-off of its out-of-fold scores; of equal accuracies the one with fewer multiply-adds. The
    networks are not kept: the next step refits the chosen one, to the same weights.

    Args:
        choice: The out-of-fold comparison.
        patients: The training patients.
        test: The test patients.
        label: Protocol section.
        evaluation: Protocol section.
        plan: Of the networks' training.
        on_test_reading: Told of each reading of the test patients.
    """
    judged = Judged.of(test.target, test.arms, label)
    rows = []
    for row in choice.rows:
        on_test_reading(f"accuracy of {row.backbone}, by which the backbone is chosen")
        probability = _probability(row, patients, test, label=label, plan=plan)
        figures = _figures(
            probability[judged.where], judged, row.cutoff, label=label, evaluation=evaluation
        )
        rows.append(row.model_copy(update={"on_test": figures}))
    chosen = max(rows, key=lambda row: (_accuracy(row), -row.multiply_adds))
    return choice.model_copy(
        update={
            "backbone": chosen.backbone,
            "configuration": chosen.configuration,
            "reason": (
                f"{chosen.backbone} classifies most test patients right (accuracy "
                f"{_accuracy(chosen):.3f}): the test patients chose it, and are no test of it"
            ),
            "rows": tuple(row.model_copy(update={"is_chosen": row is chosen}) for row in rows),
        }
    )


def _probability(
    row: BackboneRow,
    patients: TrainingSet,
    test: UnseenPatients,
    *,
    label: LabelSection,
    plan: TrainingPlan,
) -> FloatArray:
    with tempfile.TemporaryDirectory(prefix="armwise-") as folder:
        refit(
            patients,
            row.configuration,
            label=label,
            plan=plan,
            imaging_hash="",
            channels=(),
            folder=Path(folder),
            stopped_epochs=row.stopped_epochs,
        )
        return predict(load_network(Path(folder)).network, test.crops).probability


def _figures(
    probability: FloatArray,
    judged: Judged,
    cutoff: float,
    *,
    label: LabelSection,
    evaluation: EvaluationSection,
) -> OnTestPatients:
    horizon, level = label.horizon_days, evaluation.confidence_level
    target, weights = judged.target, judged.weights
    classified = classification_at(
        target, probability, cutoff=cutoff, horizon_days=horizon, level=level, weights=weights
    )
    return OnTestPatients(
        auc=auc_ipcw(target, probability, horizon_days=horizon, level=level, weights=weights),
        accuracy=classified.accuracy,
        sensitivity=classified.sensitivity,
        specificity=classified.specificity,
    )


def _accuracy(row: BackboneRow) -> float:
    found = row.on_test.accuracy.value if row.on_test else None
    return found or 0.0
