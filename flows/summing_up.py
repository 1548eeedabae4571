"""The closing summary of a run: what was found, where it lies, what to type next."""

import io
import shutil
import sys
from pathlib import Path

from rich.console import Console

from components.cohort.eligibility import Eligibility
from components.platform.model_version import RECOMMENDER, nomogram_name
from components.reporting.deviation_notes import departures, departures_line
from components.reporting.summary import SummaryContent, render_summary
from components.study.vocabulary import SignatureState
from flows.context import StudyRun
from flows.model_chain import data_summary
from flows.search_result import read_checks, read_search
from flows.tasks.arms import read_arms, state_of
from flows.tasks.cohort import read_cohort
from flows.tasks.nested import read_nested
from flows.tasks.report import part_counts
from flows.terminal import current_display

_SUMMARY_WIDTH = 110


def summary_text(run: StudyRun, comparison: str | None, *, seconds: float) -> str:
    """The closing summary as plain text.

    Args:
        run: With all its results.
        comparison: The MLflow page that compares the backbones, where there are any.
        seconds: How long the run took.
    """
    searched = run.results.get("search")
    display = current_display()
    content = SummaryContent(
        title=run.protocol.study.title,
        data=data_summary(run),
        parts=part_counts(read_cohort(run.results["cohort"]), run.protocol.study.arms),
        choice=read_search(searched)[1] if searched else None,
        arms=tuple(read_arms(run.results["arms"]).values()),
        decision=run.decision,
        adaptations=run.adaptations(),
        quarantined=run.quarantined(),
        excluded=Eligibility.model_validate(run.results["cohort"]["eligibility"]).excluded,
        departures=departures_line(
            departures(
                run.protocol,
                has_networks=searched is not None,
                has_signature=state_of(run.results["signature"]) is not SignatureState.ABSENT,
            )
        ),
        notes=run.notes(),
        nested=read_nested(run.results),
        network_checks=read_checks(run.results),
        seconds=seconds,
        platform_seconds=sum(display.platform_seconds.values()),
        places=_places(run, comparison),
        commands=_commands(run),
    )
    console = Console(file=io.StringIO(), record=True, width=_SUMMARY_WIDTH, highlight=False)
    console.print(render_summary(content), crop=False)
    lines = console.export_text().splitlines()
    return "\n".join(line.rstrip() for line in lines)


def _places(run: StudyRun, comparison: str | None) -> dict[str, str]:
    drawn = run.results["nomograms"]["nomograms"]
    places = {
        "Report": run.results["report"]["report"]["path"],
        **{
            f"Nomogram, {arm.label}": drawn[arm.value]["svg"]["path"]
            for arm in run.protocol.study.arms
            if arm.value in drawn
        },
        "Data Docs": run.results["validation"]["docs"],
        "MLflow run": _address(run, run.tracking.run_url(run.run_id)),
    }
    if comparison is not None:
        places["Backbones compared"] = _address(run, comparison)
    return places


def _address(run: StudyRun, page: str) -> str:
    """A page of the embedded store as `make ui` shows it; a server's page as it is."""
    ui = f"http://{run.settings.host}:{run.settings.port}"
    return f"{ui}{page}" if page.startswith("/") else page


def _commands(run: StudyRun) -> dict[str, str]:
    """What to type next, in the study's folder."""
    own, mlflow = _program("armwise"), _program("mlflow")
    commands = {"MLflow UI": f"{own} ui"}
    if run.decision is None:
        return commands
    versions, promoted = run.results["publish"]["versions"], run.decision.is_promoted
    models = {
        name: f"models:/{name}{'@champion' if promoted else f'/{version}'}"
        for name, version in versions.items()
    }
    commands["Serve all arms"] = f"{own} serve {models[RECOMMENDER]}"
    for arm in run.protocol.study.arms:
        model = models.get(nomogram_name(arm))
        if model is None:
            continue
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
