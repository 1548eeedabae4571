"""Which predictors the models of an arm have: named beforehand, or chosen by p-values."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pandas as pd

from components.arms.preparation import PreparedArm, prepare_arm
from components.arms.two_step import Selection, reselect, two_step
from components.cohort.endpoint import survival_target
from components.cohort.schema import Variable
from components.study.protocol import ClinicalSection
from components.study.vocabulary import ModelKind, SignatureState, TreatmentArm
from components.survival.design import Predictor

Wanted = dict[ModelKind, tuple[Predictor, ...]]


@dataclass(frozen=True, eq=False)
class ChosenArm:
    """The arm's patients and what goes into each model that has a predictor to be fitted with.

    `tried` counts for the sample size: with a selection all candidates, else what is `wanted`.
    """

    prepared: PreparedArm
    wanted: Wanted
    tried: Wanted
    selection: Selection | None


def choose_predictors(
    arm: TreatmentArm,
    train: pd.DataFrame,
    test: pd.DataFrame,
    *,
    clinical: ClinicalSection,
    signature: SignatureState,
    codebook: Mapping[str, Variable],
) -> ChosenArm:
    """The arm prepared for its models; arguments and faults as those of `fit_arm`.

    With a selection the training patients are those complete in all candidates; test patients need
    to be complete in what was selected.
    """
    names = clinical.predictors[arm]
    if clinical.two_step is None:
        prepared = prepare_arm(
            arm, train, test, names=names, signature=signature, codebook=codebook
        )
        wanted = _wanted(prepared, prepared.clinical)
        return ChosenArm(prepared, wanted, wanted, None)
    nobody = test.iloc[:0]
    first = prepare_arm(arm, train, nobody, names=names, signature=signature, codebook=codebook)
    target = survival_target(first.train)
    kept, selection = two_step(first.train, first.clinical, target, clinical.two_step)
    prepared = prepare_arm(
        arm,
        first.train,
        test,
        names=[one.name for one in kept],
        signature=signature,
        codebook=codebook,
    )
    wanted = _wanted(prepared, kept)
    if prepared.signature is not None and clinical.two_step.combined == "reselect":
        wanted[ModelKind.COMBINED] = reselect(
            first.train,
            kept,
            target,
            signature=prepared.signature,
            p_value=clinical.two_step.multivariable_p_value,
        )
    notes = dict.fromkeys([*first.notes, *prepared.notes, f"{arm.label}: {selection.sentence}."])
    said = (*first.adaptations, *prepared.adaptations)
    prepared = replace(prepared, notes=tuple(notes), adaptations=said)
    return ChosenArm(prepared, wanted, _wanted(prepared, first.clinical), selection)


def _wanted(prepared: PreparedArm, clinical: tuple[Predictor, ...]) -> Wanted:
    wanted: Wanted = {ModelKind.CLINICAL: clinical}
    if prepared.signature is not None:
        wanted[ModelKind.DLRADIOMICS] = (prepared.signature,)
        wanted[ModelKind.COMBINED] = (*clinical, prepared.signature)
    return wanted
