"""Step `arms`: the three Cox models of each arm and how good they are."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from components.arms.arm_patients import ArmPatients, arm_patients
from components.arms.fitting import fit_arm
from components.arms.records import ArmModels
from components.cohort.schema import Variable
from components.study.protocol import Protocol
from components.study.results import ArtifactRef
from components.study.vocabulary import SignatureState, Split, TreatmentArm
from flows.steps import Result, step_task
from flows.tasks.cohort import read_cohort
from flows.terminal import current_display


@step_task
def fit_arms(
    step: str,
    key: str,
    *,
    cohort: Result,
    signature: Result,
    protocol: Protocol,
    codebook: Mapping[str, Variable],
) -> Result:
    """The models of every arm, by arm."""
    del step, key
    with current_display().step("Models of the arms") as progress:
        table = with_scores(read_cohort(cohort), signature)
        models: dict[str, Any] = {}
        n_models = 0
        for done, arm in enumerate(protocol.study.arms, start=1):
            fitted = fit_arm(
                arm,
                part(table, arm, Split.TRAIN),
                part(table, arm, Split.TEST),
                clinical=protocol.clinical,
                evaluation=protocol.evaluation,
                study=protocol.study,
                signature=state_of(signature),
                seed=protocol.study.seed,
                codebook=codebook,
            )
            n_models += len(fitted.kinds)
            models[arm.value] = fitted.model_dump(mode="json", by_alias=True)
            progress.update(done, len(protocol.study.arms), arm.label)
        progress.note = f"{n_models} Cox models"
    return {"arms": models}


def state_of(signature: Result) -> SignatureState:
    """Whether there is a signature, by the result of step `signature`."""
    return SignatureState(signature["state"])


def read_arms(result: Result) -> dict[TreatmentArm, ArmModels]:
    """The records of an `arms` result."""
    return {
        TreatmentArm(arm): ArmModels.model_validate(models)
        for arm, models in result["arms"].items()
    }


def with_scores(table: pd.DataFrame, signature: Result) -> pd.DataFrame:
    """The cohort with `dl_signature`: cross-fitted in training patients, deployed in test ones.

    Without features there is no such column.
    """
    if state_of(signature) is SignatureState.ABSENT:
        return table
    scores = pd.read_parquet(ArtifactRef.model_validate(signature["scores"]).verified())
    return table.join(scores.set_index("patient_id")[["dl_signature"]])


def patients_of(
    arm: TreatmentArm,
    table: pd.DataFrame,
    *,
    signature: Result,
    protocol: Protocol,
    codebook: Mapping[str, Variable],
) -> ArmPatients:
    """The models of an arm once more, with the patients of a cohort with scores whom they score."""
    return arm_patients(
        arm,
        part(table, arm, Split.TRAIN),
        part(table, arm, Split.TEST),
        protocol=protocol,
        signature=state_of(signature),
        codebook=codebook,
    )


def part(table: pd.DataFrame, arm: TreatmentArm, split: Split) -> pd.DataFrame:
    """The patients of an arm in a split."""
    return table[(table["arm"] == arm.value) & (table["split"] == split.value)]
