"""The end of a run: report, summary, record."""

import time
from pathlib import Path
from typing import Any

from components.reporting.records import Provenance
from components.study.results import ArtifactRef
from flows.context import StudyRun
from flows.gate_answers import gate_reports, gate_warnings
from flows.lineage import machine, package_version, software
from flows.model_chain import data_summary
from flows.readings import readings_of
from flows.record import RunRecord, write_record
from flows.search_result import read_search
from flows.summing_up import summary_text
from flows.tasks.report import report_study
from flows.terminal import current_display

_OPTIONAL_FILES = (
    ("heat_maps", "table"),
    ("signature", "scores"),
    ("tables", "clinical"),
    ("tables", "features"),
    ("tables", "radiomics"),
)


def close_run(
    run: StudyRun, *, comparison: str | None = None, mapping_text: str | None = None
) -> dict[str, Any]:
    """Writes report, tags and record; the facts of the run.

    Args:
        run: With the results of all steps but the report.
        comparison: The MLflow page that compares the backbones, where there are any.
        mapping_text: The column mapping of the tables, where the run read some.
    """
    report = run.run(
        "report",
        report_study,
        protocol=run.protocol,
        protocol_text=run.settings.protocol_path.read_text(encoding="utf-8"),
        results=dict(run.results),
        data=data_summary(run),
        provenance=_provenance(run),
        readings=readings_of(run.home, run.data.md5),
        adaptations=run.adaptations(),
        quarantined=run.quarantined(),
        folder=run.folder("report"),
        notes=run.notes(),
        mapping_text=mapping_text,
    )
    summary = summary_text(run, comparison, seconds=time.monotonic() - current_display().begun)
    with current_display().platform("MLflow"):
        run.tracking.log_file(run.run_id, Path(report["report"]["path"]))
        note = {"mlflow.note.content": f"```\n{summary}\n```", "mlflow.source.name": "armwise"}
        run.tracking.set_tags(run.run_id, {**_tags(run), **note})
        run.tracking.finish(run.run_id, "FINISHED")
    versions = run.results.get("publish", {}).get("versions", {})
    facts = {
        "summary": summary,
        "run_id": run.run_id,
        "report": report["report"]["path"],
        "versions": versions,
        "verdict": run.decision.verdict if run.decision else "not published",
    }
    record = RunRecord(
        key=run.plan.key,
        data_md5=run.data.md5,
        protocol_hash=run.protocol.hash(),
        run_id=run.run_id,
        files=tuple(_files(run)),
        versions=versions,
        facts=facts,
        steps=run.plan.keys,
    )
    write_record(run.home, record)
    return facts


def _provenance(run: StudyRun) -> Provenance:
    searched = run.results.get("search")
    return Provenance(
        package_version=package_version(),
        git_commit=run.commit.sha,
        git_is_clean=run.commit.is_clean,
        mlflow_run_id=run.run_id,
        started=run.started,
        machine=machine(),
        device=read_search(searched)[0].device if searched else None,
        software=software(),
        timings=tuple(run.timings),
        platform_seconds=dict(current_display().platform_seconds),
        places={"MLflow run": run.tracking.run_url(run.run_id)},
    )


def _tags(run: StudyRun) -> dict[str, str]:
    """What a reader of the MLflow UI sees at a glance."""
    decision = run.decision
    said = [f"{entry.step}: {entry.done} ({entry.why})" for entry in run.adaptations()]
    held = [f"{entry.patient_id}: {entry.reason}" for entry in run.quarantined()]
    reports = gate_reports(run.results)
    unjudged = [f"{one.rule} ({one.why})" for each in reports for one in each.not_assessable]
    return {
        "armwise.gate": decision.verdict if decision else "not published",
        "armwise.gate_reasons": " ".join(decision.reasons)[:5000] if decision else "none",
        "armwise.adaptations": "; ".join(said)[:5000] or "none",
        "armwise.quarantined": "; ".join(held)[:5000] or "none",
        "armwise.warnings": " ".join(gate_warnings(reports))[:5000] or "none",
        "armwise.not_assessable": "; ".join(unjudged)[:5000] or "none",
        "armwise.split_hash": run.results["cohort"]["split_hash"],
    }


def _files(run: StudyRun) -> list[ArtifactRef]:
    """What the record answers for: report, nomograms, network, scores, tables, Data Docs."""
    results = run.results
    found = [results["report"]["report"], results["cohort"]["table"]]
    found += [
        results[step][name] for step, name in _OPTIONAL_FILES if name in results.get(step, {})
    ]
    found += results.get("refit", {}).get("network", {}).values()
    for files in results["nomograms"]["nomograms"].values():
        found += files.values()
    return [ArtifactRef.model_validate(reference) for reference in found]
