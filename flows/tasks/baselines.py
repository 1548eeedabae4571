"""Step `baselines`: stage, arm, radiomics and the label's regression beside the arms' models."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from components.arms.arm_patients import ArmPatients
from components.arms.baseline_records import ArmBaselines, Baselines, RadiomicsSignature
from components.arms.baselines import arm_baselines
from components.arms.pooled_models import pooled_models
from components.arms.radiomics import radiomics_scores
from components.cohort.schema import Variable
from components.errors import FitFailed
from components.study.protocol import Protocol
from components.study.results import Adaptation, ArtifactRef
from flows.steps import Result, step_task
from flows.tasks.arms import patients_of, with_scores
from flows.tasks.cohort import read_cohort
from flows.terminal import current_display

_NOT_ASKED = "none asked for (evaluation.baselines)"
_NULL = "Radiomics: nothing survived the penalty, the signature is null and no model has it."


@step_task
def fit_baselines(
    step: str,
    key: str,
    *,
    cohort: Result,
    signature: Result,
    protocol: Protocol,
    codebook: Mapping[str, Variable],
    radiomics: Result | None = None,
) -> Result:
    """The baselines that the protocol asks for; none where its section is null.

    Args:
        step: Name of the step.
        key: Its key.
        cohort: Result of step `cohort`.
        signature: Result of step `signature`.
        protocol: The science.
        codebook: What the predictors are.
        radiomics: `table` and `source` of hand-crafted features, where they are given or computed;
            with `batches` by patient where they are to be harmonised, and the `adaptations` told.
    """
    del step, key
    with current_display().step("Baselines") as progress:
        section = protocol.evaluation.baselines
        if section is None:
            progress.note = _NOT_ASKED
            return {"baselines": None, "adaptations": []}
        table = with_scores(read_cohort(cohort), signature)
        table, radiomic, notes, harmonised = _with_radiomics(table, radiomics, protocol)
        arms: list[ArmPatients] = []
        found: list[ArmBaselines] = []
        for done, arm in enumerate(protocol.study.arms, start=1):
            patients = patients_of(
                arm, table, signature=signature, protocol=protocol, codebook=codebook
            )
            arms.append(patients)
            found.append(
                arm_baselines(patients, section=section, protocol=protocol, codebook=codebook)
            )
            progress.update(done, len(protocol.study.arms), arm.label)
        if len(arms) < 2:
            notes.append("One arm: no pooled figure, and no baseline of the arm alone.")
        baselines = Baselines(
            arms=tuple(found),
            pooled=pooled_models(arms, protocol),
            radiomics=radiomic,
            notes=tuple(notes),
        )
        progress.note = f"{sum(len(one.models) for one in found)} Cox models"
    return {
        "baselines": baselines.model_dump(mode="json", by_alias=True),
        "adaptations": [one.model_dump() for one in (*baselines.adaptations, *harmonised)],
    }


def read_baselines(results: Mapping[str, Result]) -> Baselines | None:
    """The record of the step among a run's results; None where the protocol asks for none."""
    found = results.get("baselines", {}).get("baselines")
    return None if found is None else Baselines.model_validate(found)


def given_radiomics(results: Mapping[str, Result]) -> dict[str, Any] | None:
    """The hand-crafted features among a run's results, where tables brought some."""
    tables = results.get("tables", {})
    if "radiomics" not in tables:
        return None
    return {"table": tables["radiomics"], "source": tables["radiomics_source"]}


def _with_radiomics(
    table: pd.DataFrame, radiomics: Result | None, protocol: Protocol
) -> tuple[pd.DataFrame, RadiomicsSignature | None, list[str], list[Adaptation]]:
    """The cohort with the radiomics signature as a column, unless it is null or there is none."""
    if radiomics is None:
        return table, None, [], []
    features = pd.read_parquet(ArtifactRef.model_validate(radiomics["table"]).verified())
    asked, batches = protocol.radiomics, radiomics.get("batches")
    try:
        found = radiomics_scores(
            features,
            table,
            source=radiomics["source"],
            section=protocol.signature,
            seed=protocol.study.seed,
            batches=None if batches is None else pd.Series(batches),
            by=None if batches is None or asked is None else asked.harmonise_by,
        )
    except FitFailed as error:
        return table, None, [f"Radiomics: no signature could be fitted: {error}."], []
    told = radiomics.get("adaptations", [])
    said = [one for one in found.adaptations if one.model_dump() not in told]
    if found.signature.is_null:
        return table, found.signature, [_NULL], said
    return table.join(found.scores), found.signature, [], said
