"""Step `tables`: spreadsheets, read by a column mapping, as a dataset of armwise."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from components.cohort.dataset import Dataset, DatasetCard
from components.cohort.split_rules import rule_text
from components.cohort.splitting import first_split
from components.errors import CohortRejected
from components.intake.clinical_import import ClinicalImport, import_clinical
from components.intake.feature_import import FeatureImport, import_features, unmatched
from components.study.protocol import Protocol
from components.study.results import Adaptation, ArtifactRef
from components.study.vocabulary import TreatmentArm
from flows.steps import Result, step_task
from flows.table_inputs import TableInputs
from flows.terminal import current_display


@step_task
def import_tables(
    step: str, key: str, *, inputs: TableInputs, protocol: Protocol, folder: Path
) -> Result:
    """The dataset that the tables make, and what was substituted, set aside or seen on the way.

    Raises:
        CohortRejected: A table as a whole cannot be used, no arm of the protocol has a patient, or
            the two tables share none.
    """
    del step, key
    with current_display().step("Tables") as progress:
        clinical = import_clinical(inputs.clinical, inputs.mapping)
        features = import_features(inputs.features, inputs.mapping) if inputs.features else None
        strangers = unmatched(features, clinical.table.index) if features is not None else ()
        radiomics = _radiomics(inputs, clinical)
        arms = _arms_present(clinical, protocol)
        dataset = Dataset(folder)
        folder.mkdir(parents=True, exist_ok=True)
        _write(dataset, clinical, inputs, protocol, arms)
        imports: list[ClinicalImport | FeatureImport] = [clinical]
        imports += [one for one in (features, radiomics) if one is not None]
        progress.note = f"{len(clinical.table)} rows, {len(clinical.variables)} predictors"
        if features is not None:
            progress.note += f", {features.features.shape[1]} features"
    return {
        "dataset": str(folder),
        "clinical": ArtifactRef.of(dataset.clinical_path).model_dump(),
        "arms": [arm.value for arm in arms],
        "predictors": {arm.value: list(clinical.predictors[arm.value]) for arm in arms},
        "quarantined": [
            one.model_dump()
            for one in (*clinical.quarantined, *(features.left_out if features else ()))
        ],
        "adaptations": [
            said.model_dump()
            for said in (
                *(one for each in imports for one in each.adaptations),
                *_departures(clinical, protocol, arms),
            )
        ],
        "notes": [*(note for each in imports for note in each.notes), *strangers],
        **(_write_features(features, folder) if features is not None else {}),
        **(_write_radiomics(radiomics, folder) if radiomics is not None else {}),
    }


def protocol_of_tables(protocol: Protocol, tables: Result) -> Protocol:
    """The protocol as far as the tables can follow it: their arms, their predictors, their split.

    Each departure stands in the step's adaptations.
    """
    arms = tuple(TreatmentArm(arm) for arm in tables["arms"])
    predictors = {arm: tuple(tables["predictors"][arm.value]) for arm in arms}
    return protocol.model_copy(
        update={
            "study": protocol.study.model_copy(update={"arms": arms}),
            "clinical": protocol.clinical.model_copy(update={"predictors": predictors}),
            "split": protocol.split.model_copy(update={"test_patients": None}),
        }
    )


def _arms_present(clinical: ClinicalImport, protocol: Protocol) -> tuple[TreatmentArm, ...]:
    present = tuple(arm for arm in protocol.study.arms if _has(clinical.table, arm))
    if not present:
        named = ", ".join(arm.value for arm in protocol.study.arms)
        msg = f"no patient of the table belongs to an arm of the protocol ({named})"
        raise CohortRejected(msg)
    return present


def _has(table: pd.DataFrame, arm: TreatmentArm) -> bool:
    return bool((table["arm"] == arm.value).any())


def _departures(
    clinical: ClinicalImport, protocol: Protocol, arms: tuple[TreatmentArm, ...]
) -> list[Adaptation]:
    """Where the tables cannot follow the protocol, or say something else."""
    said = [
        Adaptation(
            step="tables",
            asked=f"the arm {arm.label}",
            done=f"the run goes on without the arm {arm.label}",
            why="it is empty: the table has no patient in it",
        )
        for arm in protocol.study.arms
        if arm not in arms
    ]
    for arm in arms:
        named, asked = clinical.predictors[arm.value], protocol.clinical.predictors[arm]
        if named != asked:
            said.append(
                Adaptation(
                    step="tables",
                    asked=f"{arm.label}: predictors {', '.join(asked)}",
                    done=f"{arm.label}: predictors {', '.join(named) or 'none'}",
                    why="the mapping says what the table holds",
                )
            )
    if "split" in clinical.table:
        said.append(
            Adaptation(
                step="tables",
                asked=f"split by {protocol.split.by}: {rule_text(protocol.split)}",
                done="training and test patients as the sheet has them",
                why="the mapping names a column for it (split)",
            )
        )
    elif protocol.split.test_patients is not None:
        said.append(
            Adaptation(
                step="tables",
                asked="exact numbers of test patients",
                done=f"{protocol.split.test_share:.0%} of each arm, drawn with the study's seed",
                why="the protocol's numbers are those of another cohort",
            )
        )
    return said


def _write(
    dataset: Dataset,
    clinical: ClinicalImport,
    inputs: TableInputs,
    protocol: Protocol,
    arms: tuple[TreatmentArm, ...],
) -> None:
    table = clinical.table
    card = DatasetCard(
        name=inputs.clinical.name,
        origin=inputs.mapping.study.origin,
        arms=arms,
        units={name: one.unit for name, one in clinical.variables.items() if one.unit},
        description=f"Read from {inputs.clinical.name} by the mapping {inputs.columns.name}.",
    )
    dataset.card_path.write_text(card.to_json(), encoding="utf-8")
    dataset.write_codebook(clinical.variables.values())
    table.rename_axis("patient_id").reset_index().to_parquet(dataset.clinical_path)
    split = _split(clinical, protocol).rename_axis("patient_id").reset_index()
    split.to_parquet(dataset.split_path)


def _split(clinical: ClinicalImport, protocol: Protocol) -> pd.Series:
    """The mapping's own split, or the first split of everyone who can be analysed."""
    held = {one.patient_id for one in clinical.quarantined}
    usable = clinical.table[~clinical.table.index.isin(held)]
    if "split" in usable:
        return usable["split"].dropna()
    section = protocol.split.model_copy(update={"test_patients": None})
    return first_split(usable, section=section, seed=protocol.study.seed)


def _radiomics(inputs: TableInputs, clinical: ClinicalImport) -> FeatureImport | None:
    """Hand-crafted features, where they are given; patients without any lose nothing else."""
    if inputs.radiomics is None:
        return None
    # The list of ids that a mapping may name belongs to the other table.
    found = import_features(
        inputs.radiomics, inputs.mapping.model_copy(update={"feature_ids": None})
    )
    notes = [f"Radiomics, {note}" for note in unmatched(found, clinical.table.index)]
    left_out = [f"Radiomics: {one.patient_id} {one.reason}." for one in found.left_out]
    return replace(found, notes=(*found.notes, *notes, *left_out))


def _write_radiomics(radiomics: FeatureImport, folder: Path) -> dict[str, Any]:
    path = folder / "radiomics.parquet"
    radiomics.features.to_parquet(path)
    return {
        "radiomics": ArtifactRef.of(path).model_dump(),
        "radiomics_source": radiomics.network_id,
    }


def _write_features(features: FeatureImport, folder: Path) -> dict[str, Any]:
    path = folder / "features.parquet"
    features.features.to_parquet(path)
    return {
        "features": ArtifactRef.of(path).model_dump(),
        "network_id": features.network_id,
        "with_features": list(features.features.index),
    }
