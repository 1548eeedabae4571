"""An arm's models beside the patients of each split whom all of them can score."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import pandas as pd

from components.arms.evaluation import ScoredPatients
from components.arms.fitting import FittedModels, fit_models
from components.cohort.endpoint import survival_target
from components.cohort.schema import Variable
from components.study.protocol import Protocol
from components.study.vocabulary import ModelKind, SignatureState, Split, TreatmentArm


@dataclass(frozen=True, eq=False)
class ArmPatients:
    """The models of an arm and the patients of each split whom all of them can score."""

    fitted: FittedModels
    tables: dict[Split, pd.DataFrame]
    _known: dict[tuple[ModelKind, Split], pd.Series] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, fitted: FittedModels, test: pd.DataFrame) -> Self:
        """The models with their training patients and those of `test` whom all can score."""
        train, scorable = fitted.prepared.train, fitted.scorable(test)
        return cls(fitted, {Split.TRAIN: train, Split.TEST: scorable.table})

    def linear_predictor(self, kind: ModelKind, split: Split) -> pd.Series:
        """A model's linear predictor of the patients of a split, by pseudonym; computed once."""
        if (kind, split) not in self._known:
            table = self.tables[split]
            lp = self.fitted.linear_predictor(kind, table)
            self._known[kind, split] = pd.Series(lp, index=table.index)
        return self._known[kind, split]

    @property
    def arm(self) -> TreatmentArm:
        """The arm."""
        return self.fitted.arm


def arm_patients(
    arm: TreatmentArm,
    train: pd.DataFrame,
    test: pd.DataFrame,
    *,
    protocol: Protocol,
    signature: SignatureState,
    codebook: Mapping[str, Variable],
) -> ArmPatients:
    """The arm's models again (the same seed: the same models) and their patients.

    Arguments and faults are those of `fit_arm`.
    """
    fitted = fit_models(
        arm,
        train,
        clinical=protocol.clinical,
        signature=signature,
        seed=protocol.study.seed,
        codebook=codebook,
    )
    return ArmPatients.of(fitted, test)


def scored(
    patients: ArmPatients, kind: ModelKind, split: Split, protocol: Protocol
) -> ScoredPatients:
    """A model's predictions for the patients of a split, as the arm's own are judged."""
    return ScoredPatients.of(
        patients.fitted.models[kind],
        patients.tables[split],
        patients.linear_predictor(kind, split).to_numpy(),
        arm=patients.arm,
        kind=kind,
        split=split,
        train=survival_target(patients.tables[Split.TRAIN]),
        horizons_days=protocol.study.horizons_days,
        section=protocol.evaluation,
        seed=protocol.study.seed,
    )
