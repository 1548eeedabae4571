"""Step `validation`: the gate on the clinical table and the image manifest."""

from pathlib import Path

from components.cohort.clinical_table import read_clinical
from components.cohort.dataset import Dataset, read_table
from components.platform.data_quality import ValidationReport, validate_clinical, validate_manifest
from components.study.protocol import Protocol
from flows.steps import Result, step_task
from flows.tasks.cohort import protocol_predictors
from flows.terminal import current_display


@step_task
def validate_data(
    step: str, key: str, *, dataset: Dataset, protocol: Protocol, folder: Path, images: bool = True
) -> Result:
    """Who is set aside and why, and where the Data Docs are.

    `images` says whether the study has any: their manifest is then judged as well.

    Nothing is raised for what the gate finds: the flow first links the Data Docs, then stops.

    Raises:
        CohortRejected: A table cannot be read at all.
    """
    del step, key
    display = current_display()
    with display.step("Validation") as progress:
        dataset.card()
        predictors = protocol_predictors(protocol)
        table = read_clinical(dataset, predictors=predictors)
        with display.platform("Great Expectations"):
            reports = [
                validate_clinical(
                    table,
                    protocol.cohort,
                    predictors=predictors,
                    arms=[arm.value for arm in protocol.study.arms],
                    codebook=dataset.codebook(),
                    docs_dir=folder,
                )
            ]
            if images:
                reports.append(
                    validate_manifest(
                        read_table(dataset.manifest_path),
                        protocol.cohort,
                        patient_ids=list(table.index),
                        quarantined=reports[0].quarantined,
                        docs_dir=folder,
                    )
                )
        held = [entry for report in reports for entry in report.quarantined]
        n_held = len({entry.patient_id for entry in held})
        n_rules = sum(len(report.expectations) for report in reports)
        progress.note = f"{n_rules} expectations, {n_held} patients quarantined"
    return {
        "reports": [report.model_dump(mode="json") for report in reports],
        "patients": list(dict.fromkeys(table.index)),
        "quarantined": [entry.model_dump() for entry in held],
        "docs": str(folder),
    }


def require_passed(result: Result) -> None:
    """Stops the flow where the gate says so.

    Raises:
        CohortRejected: The message names columns and patients.
    """
    for report in result["reports"]:
        ValidationReport.model_validate(report).require()
