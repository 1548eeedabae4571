"""The flow `validate`: data version, validation gate and crops alone."""

from pathlib import Path
from typing import Any

from prefect import flow

from components.cohort.dataset import Dataset
from components.platform.data_version import file_md5s
from components.study.protocol import read_protocol
from flows.drift import assess_drift
from flows.environment import prepare_environment
from flows.gate_answers import gate_notes, gate_reports
from flows.gate_artifacts import publish_gate
from flows.model_list import store_if_any
from flows.plan import make_plan
from flows.settings import Settings
from flows.steps import run_step
from flows.tasks.crops import crop_rois
from flows.tasks.data import resolve_data
from flows.tasks.validation import require_passed, validate_data


@flow(name="validate", persist_result=False)
def validate(protocol: str = "demo", study_dir: str = ".") -> dict[str, Any]:
    """Who would be quarantined and why, what is warned of, and what could not be judged.

    Args:
        protocol: A protocol of armwise by name, or a YAML file in the study's folder.
        study_dir: The study's folder.

    Raises:
        CohortRejected: The data cannot be used; the message says why.
    """
    settings = Settings(protocol=protocol, study_dir=Path(study_dir))
    prepare_environment(settings)
    chosen = read_protocol(settings.protocol_path)
    data = resolve_data(settings)
    plan = make_plan(chosen, data.md5, place=settings.mlflow_uri)
    dataset = Dataset(settings.data_path)
    result, _ = run_step(
        validate_data,
        name="validation",
        key=plan.keys["validation"],
        dataset=dataset,
        protocol=chosen,
        folder=plan.folder(settings.home_path, "validation"),
    )
    drift = assess_drift(
        store_if_any(settings),
        study_dir=settings.study_path,
        dataset=dataset,
        protocol=chosen,
        data_md5=data.md5,
        docs_dir=Path(result["docs"]),
    )
    answers = {"validation": result, "drift": {"reports": [drift.model_dump(mode="json")]}}
    publish_gate(gate_reports(answers), docs=Path(result["docs"]).as_uri())
    require_passed(result)
    held = {entry["patient_id"] for entry in result["quarantined"]}
    crops, _ = run_step(
        crop_rois,
        name="crops",
        key=plan.keys["crops"],
        dataset=dataset,
        section=chosen.imaging,
        patient_ids=[patient for patient in result["patients"] if patient not in held],
        file_md5s=file_md5s(settings.study_path),
        folder=settings.home_path / "crops",
    )
    return {
        "quarantined": [*result["quarantined"], *crops["quarantined"]],
        "notes": list(gate_notes(answers)),
        "docs": result["docs"],
    }
