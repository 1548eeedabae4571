"""What the outer folds of a nested cross-validation of networks say together."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from components.networks.honesty_records import NestedNetworks
from components.networks.records import TuningPlan
from components.networks.training_set import TrainingSet
from components.study.protocol.evaluation import NestedNetworksSection
from components.study.results import Estimate
from components.study.vocabulary import TreatmentArm
from components.survival.intervals import repeated_cv_estimate
from components.survival.target import SurvivalTarget

_METHOD = (
    "mean over the folds of repeated nested cross-validation of {what}, interval with the variance "
    "corrected for shared patients (Nadeau and Bengio), Student's t"
)
_FIGURES = {"auc_cd": "the cumulative/dynamic AUC by IPCW", "c_uno": "Uno's C"}


@dataclass(frozen=True)
class FoldOutcome:
    """What one fold's own patients say of the network that was chosen without them."""

    by_arm: dict[TreatmentArm, float | None]
    chosen: str | None = None
    why: str | None = None

    @property
    def mean(self) -> float | None:
        """The mean over arms; None if one of them has no figure."""
        values = [value for value in self.by_arm.values() if value is not None]
        return float(np.mean(values)) if values and len(values) == len(self.by_arm) else None


def sum_up(
    outcomes: Sequence[FoldOutcome],
    patients: TrainingSet,
    tuning: TuningPlan,
    section: NestedNetworksSection,
    *,
    epochs: int,
    merged: tuple[str, ...],
    level: float,
    seed: int,
) -> NestedNetworks:
    """The record of the folds of all draws, draw by draw.

    Args:
        outcomes: Of each fold.
        patients: All of them.
        tuning: What was estimated in each arm.
        section: Protocol section.
        epochs: Of every training.
        merged: Strata that were drawn as one.
        level: Confidence level.
        seed: The study's.
    """
    target, arms, n_folds = patients.target, patients.arms, section.folds
    means = [one.mean for one in outcomes]
    draws = [tuple(means[at : at + n_folds]) for at in range(0, len(means), n_folds)]
    by_arm = {
        arm: _estimate(
            target.subset(arms == arm.value),
            [one.by_arm[arm] for one in outcomes],
            _FIGURES[figure.estimator],
            n_folds=n_folds,
            level=level,
        ).model_copy(update={"horizon_days": figure.horizon_days})
        for arm, figure in tuning.arms.items()
    }
    of_draws = [float(np.mean(known)) for draw in draws if (known := _known(draw))]
    return NestedNetworks(
        estimate=_estimate(target, means, "the tuning target", n_folds=n_folds, level=level),
        by_arm=by_arm,
        values=tuple(draws),
        sd_folds=_sd(_known(means)),
        sd_repeats=_sd(of_draws),
        chosen=dict(Counter(one.chosen for one in outcomes if one.chosen is not None)),
        missing=dict(Counter(one.why for one in outcomes if one.why is not None)),
        n_folds=n_folds,
        n_repeats=section.repeats,
        inner_folds=section.inner_folds,
        n_configurations=section.configurations,
        epochs=epochs,
        level=level,
        seed=seed,
        merged_strata=merged,
    )


def _estimate(
    target: SurvivalTarget,
    values: Sequence[float | None],
    what: str,
    *,
    n_folds: int,
    level: float,
) -> Estimate:
    return repeated_cv_estimate(
        target,
        np.array(_known(values)),
        n_folds=n_folds,
        method=_METHOD.format(what=what),
        level=level,
    )


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _sd(values: Sequence[float]) -> float | None:
    return float(np.std(values, ddof=1)) if len(values) > 1 else None
