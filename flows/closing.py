"""The end of a retraining: report, summary, record."""

import io
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from components.networks.records import SearchResult
from components.platform.model_version import RECOMMENDER, nomogram_name
from components.promotion.records import Decision
from components.reporting.records import Provenance
from components.reporting.summary import SummaryContent, render_summary
from components.study.results import ArtifactRef
from flows.chain import data_summary
from flows.context import StudyRun
from flows.lineage import machine, package_version, software
from flows.readings import readings_of
from flows.record import RetrainRecord, write_record
from flows.tasks.arms import read_arms
from flows.tasks.cohort import read_cohort
from flows.tasks.report import part_counts, report_study
from flows.tasks.search import read_search
from flows.terminal import current_display

_SUMMARY_WIDTH = 110


def close_retraining(run: StudyRun, *, comparison: str) -> dict[str, Any]:
    """Writes report, tags and record; the facts of the retraining.

    Args:
        run: With the results of all steps but the report.
        comparison: The MLflow page that compares the backbones.
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
    )
    summary = _summary(run, comparison, seconds=time.monotonic() - current_display().begun)
    with current_display().platform("MLflow"):
        run.tracking.log_file(run.run_id, Path(report["report"]["path"]))
        note = {"mlflow.note.content": f"```\n{summary}\n```", "mlflow.source.name": "armwise"}
        run.tracking.set_tags(run.run_id, {**_tags(run), **note})
        run.tracking.finish(run.run_id, "FINISHED")
    facts = {
        "summary": summary,
        "run_id": run.run_id,
        "report": report["report"]["path"],
        "versions": run.results["publish"]["versions"],
        "verdict": run.results["publish"]["decision"]["verdict"],
    }
    record = RetrainRecord(
        key=run.plan.key,
        data_md5=run.data.md5,
        protocol_hash=run.protocol.hash(),
        run_id=run.run_id,
        files=tuple(_files(run)),
        versions=run.results["publish"]["versions"],
        facts=facts,
    )
    write_record(run.home, record)
    return facts


def _provenance(run: StudyRun) -> Provenance:
    search: SearchResult = read_search(run.results["search"])[0]
    return Provenance(
        package_version=package_version(),
        git_commit=run.commit.sha,
        git_is_clean=run.commit.is_clean,
        mlflow_run_id=run.run_id,
        started=run.started,
        machine=machine(),
        device=search.device,
        software=software(),
        timings=tuple(run.timings),
        platform_seconds=dict(current_display().platform_seconds),
        places={"MLflow run": run.tracking.run_url(run.run_id)},
    )


def _tags(run: StudyRun) -> dict[str, str]:
    """What a reader of the MLflow UI sees at a glance."""
    decision = Decision.model_validate(run.results["publish"]["decision"])
    said = [f"{entry.step}: {entry.done} ({entry.why})" for entry in run.adaptations()]
    held = [f"{entry.patient_id}: {entry.reason}" for entry in run.quarantined()]
    return {
        "armwise.gate": decision.verdict,
        "armwise.gate_reasons": " ".join(decision.reasons)[:5000],
        "armwise.adaptations": "; ".join(said)[:5000] or "none",
        "armwise.quarantined": "; ".join(held)[:5000] or "none",
        "armwise.split_hash": run.results["cohort"]["split_hash"],
    }


def _summary(run: StudyRun, comparison: str, *, seconds: float) -> str:
    _, choice = read_search(run.results["search"])
    display = current_display()
    content = SummaryContent(
        title=run.protocol.study.title,
        data=data_summary(run),
        parts=part_counts(read_cohort(run.results["cohort"]), run.protocol.study.arms),
        choice=choice,
        arms=tuple(read_arms(run.results["arms"]).values()),
        decision=Decision.model_validate(run.results["publish"]["decision"]),
        adaptations=run.adaptations(),
        quarantined=run.quarantined(),
        seconds=seconds,
        platform_seconds=sum(display.platform_seconds.values()),
        places=_places(run, comparison),
        commands=_commands(run),
    )
    console = Console(file=io.StringIO(), record=True, width=_SUMMARY_WIDTH, highlight=False)
    console.print(render_summary(content), crop=False)
    lines = console.export_text().splitlines()
    return "\n".join(line.rstrip() for line in lines)


def _places(run: StudyRun, comparison: str) -> dict[str, str]:
    drawn = run.results["nomograms"]["nomograms"]
    return {
        "Report": run.results["report"]["report"]["path"],
        **{
            f"Nomogram, {arm.label}": drawn[arm.value]["svg"]["path"]
            for arm in run.protocol.study.arms
        },
        "Data Docs": run.results["validation"]["docs"],
        "MLflow run": _address(run, run.tracking.run_url(run.run_id)),
        "Backbones compared": _address(run, comparison),
    }


def _address(run: StudyRun, page: str) -> str:
    """A page of the embedded store as `make ui` shows it; a server's page as it is."""
    ui = f"http://{run.settings.host}:{run.settings.port}"
    return f"{ui}{page}" if page.startswith("/") else page


def _commands(run: StudyRun) -> dict[str, str]:
    """What to type next, in the study's folder."""
    versions = run.results["publish"]["versions"]
    promoted = run.results["publish"]["decision"]["verdict"] == "promote"
    models = {
        name: f"models:/{name}{'@champion' if promoted else f'/{version}'}"
        for name, version in versions.items()
    }
    own, mlflow = _program("armwise"), _program("mlflow")
    commands = {"MLflow UI": f"{own} ui", "Serve both arms": f"{own} serve {models[RECOMMENDER]}"}
    for arm in run.protocol.study.arms:
        model = models[nomogram_name(arm)]
        commands[f"Serve {arm.label}"] = f"{own} serve {model}"
        # MLflow looks for its web server on the PATH.
        path = "" if mlflow == "mlflow" else f"PATH={Path(mlflow).parent}:$PATH "
        commands[f"  with MLflow alone, {arm.label}"] = (
            f"{path}MLFLOW_TRACKING_URI={run.settings.mlflow_uri} mlflow models serve -m {model} "
            f"--env-manager local -p {run.settings.serving_port}"
        )
    return commands


def _program(name: str) -> str:
    """How a program of this environment is called from where the user is."""
    if shutil.which(name):
        return name
    path = Path(sys.executable).with_name(name)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _files(run: StudyRun) -> list[ArtifactRef]:
    """What the record answers for: report, nomograms, network, scores, tables, Data Docs."""
    results = run.results
    found = [results["report"]["report"], results["cohort"]["table"]]
    found += [results["signature"]["scores"], *results["refit"]["network"].values()]
    for files in results["nomograms"]["nomograms"].values():
        found += files.values()
    return [ArtifactRef.model_validate(reference) for reference in found]
