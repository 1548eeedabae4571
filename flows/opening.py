"""The beginning of a run, and its end where it fails."""

import json
import threading
from datetime import UTC, datetime

import yaml

from components.cohort.dataset import Dataset
from components.errors import ArmwiseError
from components.platform.champion import repair
from components.platform.data_version import DataVersion
from components.platform.history import read_history
from components.platform.pages import describe_experiment
from components.platform.past_runs import PROTOCOL_FILE, SOFTWARE_FILE
from components.platform.tracking import PROCESS_TAG, Tracking
from components.study.protocol import Protocol
from flows.context import StudyRun
from flows.leftovers import is_gone, take_over, this_process
from flows.lineage import Commit, commit_of_code, package_version, software
from flows.plan import Plan
from flows.settings import Settings
from flows.terminal import current_display, leave_stopped

_closing = threading.Lock()


def open_run(
    settings: Settings,
    plan: Plan,
    data: DataVersion,
    *,
    dataset: Dataset,
    name: str = "retrain",
    fresh: bool = False,
) -> StudyRun:
    """The study's MLflow run, found again where this work was cut off.

    Args:
        settings: The place.
        plan: Steps and keys; its key names the run.
        data: The version of the data.
        dataset: The data themselves.
        name: What is done, for the run's name.
        fresh: Whether every step is to be computed again, whatever is known.
    """
    display = current_display()
    take_over(settings.home_path)
    commit = commit_of_code()
    with display.platform("MLflow"):
        tracking = Tracking(
            settings.mlflow_uri,
            plan.protocol.study.study_id,
            artifact_root=settings.local_artifacts,
        )
        for said in repair(tracking, home=settings.home_path):
            display.console.print(f"    {said}")
        _close_abandoned(tracking)
        study = plan.protocol.study
        describe_experiment(tracking, title=study.title, arms=study.arms)
        read_history(tracking)  # a broken one is told now, not after hours of training
        run_id = _study_run(tracking, settings, plan, commit, data_md5=data.md5, name=name)
    started = datetime.now(UTC).isoformat(timespec="seconds")
    return StudyRun(
        settings=settings,
        plan=plan,
        protocol=plan.protocol,
        data=data,
        dataset=dataset,
        tracking=tracking,
        run_id=run_id,
        commit=commit,
        started=started,
        fresh=fresh,
    )


def _study_run(
    tracking: Tracking, settings: Settings, plan: Plan, commit: Commit, *, data_md5: str, name: str
) -> str:
    study = plan.protocol.study
    tags = {
        "armwise.level": "study",
        PROCESS_TAG: this_process(),
        "study_id": study.study_id,
        "profile": plan.protocol.profile,
        "data_md5": data_md5,
        "protocol_hash": plan.protocol.hash(),
        "git_commit": commit.sha or "none",
        "git_is_clean": str(commit.is_clean).lower(),
    }
    params = {
        "protocol": settings.protocol,
        "profile": plan.protocol.profile,
        "data": data_md5[:12],
    }
    run_id = tracking.study_run(plan.key, name=f"{name} {plan.key[:8]}", tags=tags, params=params)
    tracking.log_text(run_id, _protocol_text(plan.protocol), PROTOCOL_FILE)
    versions = {one.name: one.version for one in software()}
    everything = {"armwise": package_version(), **versions}
    tracking.log_text(run_id, json.dumps(everything, indent=2), SOFTWARE_FILE)
    return run_id


def _protocol_text(protocol: Protocol) -> str:
    """The protocol as a file that says every choice, the defaults included."""
    return yaml.safe_dump(protocol.model_dump(mode="json"), sort_keys=False)


def _close_abandoned(tracking: Tracking) -> None:
    """Ends the runs whose process was killed; the one that goes on is reopened after this."""
    for run_id, process in tracking.running_by().items():
        if is_gone(process):
            tracking.set_tags(run_id, {"armwise.stopped_by": "its process was killed"})
            tracking.finish_nested(run_id, "KILLED")


def give_up(run: StudyRun, error: BaseException) -> None:
    """Closes the run with the reason; only messages raised on purpose are free of patient data.

    A run that takes long to stop is given up by two threads (`closed_in_time`): one after the
    other, because SQLite refuses two that read and then write at once.
    """
    stopped = isinstance(error, KeyboardInterrupt)
    reason = str(error) if isinstance(error, ArmwiseError) else type(error).__name__
    # What is no Exception asks the process to end: Ctrl+C, or the signal of a worker that stops.
    status = "FAILED" if isinstance(error, Exception) else "KILLED"
    with _closing:
        run.tracking.set_tags(run.run_id, {"armwise.stopped_by": reason[:5000]})
        run.tracking.finish_nested(run.run_id, status)
        if stopped:
            leave_stopped()
