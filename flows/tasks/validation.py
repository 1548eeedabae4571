"""Step `validation`: the gate on the clinical table, the image manifest and the follow-up."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from components.cohort.clinical_table import read_clinical
from components.cohort.dataset import Dataset, read_table
from components.cohort.followup_checks import follow_up_of_arms
from components.cohort.gate_records import ValidationReport
from components.cohort.stored_split import read_split
from components.platform.data_quality import validate_clinical, validate_manifest
from components.platform.figures_quality import validate_follow_up
from components.study.protocol import Protocol
from components.study.results import Quarantined
from flows.gate_answers import gate_line
from flows.steps import Result, step_task
from flows.tasks.cohort import protocol_predictors
from flows.terminal import current_display


@step_task
def validate_data(
    step: str, key: str, *, dataset: Dataset, protocol: Protocol, folder: Path, images: bool = True
) -> Result:
    """Who is set aside and why, and where the Data Docs are.

    Whom the import of the data set aside stays so, and what it assumed is an adaptation of the run.

    `images` says whether the study has any: their manifest is then judged as well.

    Nothing is raised for what the gate finds: the flow first links the Data Docs, then stops.

    Raises:
        CohortRejected: A table cannot be read at all.
    """
    del step, key
    display = current_display()
    with display.step("Validation") as progress:
        dataset.card()
        if dataset.split_path.exists():
            read_split(dataset.split_path)
        table = read_clinical(dataset, predictors=protocol_predictors(protocol))
        intake = dataset.intake()
        with display.platform("Great Expectations"):
            reports = [_clinical(table, dataset, protocol, folder)]
            if images:
                reports.append(
                    validate_manifest(
                        read_table(dataset.manifest_path),
                        protocol.cohort,
                        patient_ids=list(table.index),
                        clinical=table,
                        quarantined=(*intake.quarantined, *reports[0].quarantined),
                        docs_dir=folder,
                    )
                )
            held = _first_reasons(intake.quarantined, reports)
            reports.append(
                _follow_up(table, dataset, protocol, folder, {one.patient_id for one in held})
            )
        progress.note = gate_line(reports)
    return {
        "reports": [report.model_dump(mode="json") for report in reports],
        "patients": list(dict.fromkeys(table.index)),
        "quarantined": [entry.model_dump() for entry in held],
        "adaptations": [said.model_dump() for said in intake.adaptations],
        "notes": list(intake.notes),
        "docs": str(folder),
    }


def _first_reasons(
    before: Sequence[Quarantined], reports: Sequence[ValidationReport]
) -> list[Quarantined]:
    """Everybody set aside, once: whom the import set aside lacks images for that reason alone."""
    entries = [*before, *(entry for report in reports for entry in report.quarantined)]
    first: dict[str, Quarantined] = {}
    for entry in entries:
        first.setdefault(entry.patient_id, entry)
    return list(first.values())


def _clinical(
    table: pd.DataFrame, dataset: Dataset, protocol: Protocol, folder: Path
) -> ValidationReport:
    return validate_clinical(
        table,
        protocol.cohort,
        predictors=protocol_predictors(protocol),
        arms=[arm.value for arm in protocol.study.arms],
        codebook=dataset.codebook(),
        maximum_days_ct=protocol.eligibility.maximum_days_ct_before_treatment,
        docs_dir=folder,
    )


def _follow_up(
    table: pd.DataFrame, dataset: Dataset, protocol: Protocol, folder: Path, held: set[str]
) -> ValidationReport:
    arms = follow_up_of_arms(
        table,
        arms=[arm.value for arm in protocol.study.arms],
        predictors={arm.value: protocol.clinical.predictors[arm] for arm in protocol.study.arms},
        horizon_days=protocol.label.horizon_days,
        codebook=dataset.codebook(),
        without=held,
    )
    return validate_follow_up(arms, protocol.cohort, docs_dir=folder)


def require_passed(result: Result) -> None:
    """Stops the flow where the gate says so.

    Raises:
        CohortRejected: The message names columns and patients.
    """
    for report in result["reports"]:
        ValidationReport.model_validate(report).require()
