"""The flow `retrain`: from the data version to the registry and the report."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from prefect import flow

from components.errors import ArmwiseError
from components.platform.champion import repair
from components.platform.compute import ray_session
from components.platform.data_version import DataVersion
from components.platform.tracking import Tracking
from components.study.protocol import read_protocol
from flows.chain import data_steps, model_steps, network_steps
from flows.closing import close_retraining
from flows.context import Retraining
from flows.environment import prepare_environment
from flows.lineage import commit_of_code
from flows.plan import Plan, make_plan
from flows.settings import Settings
from flows.tasks.data import resolve_data
from flows.terminal import current_display, leave_stopped


@flow(name="retrain", persist_result=False)
def retrain(protocol: str = "demo", study_dir: str = ".") -> dict[str, Any]:
    """All of it; a step that was done before with the same data, code and protocol is not repeated.

    Args:
        protocol: A protocol of armwise by name, or a YAML file in the study's folder.
        study_dir: The study's folder.

    Returns:
        The facts of the retraining, the closing summary among them.

    Raises:
        ArmwiseError: The message says what was expected, what came, and what to do.
    """
    current_display().started()
    settings = Settings(protocol=protocol, study_dir=Path(study_dir))
    prepare_environment(settings)
    chosen = read_protocol(settings.protocol_path)
    data = resolve_data(settings.study_path, workers=settings.workers)
    plan = make_plan(chosen, data.md5, place=settings.mlflow_uri)
    run = _open(settings, plan, data)
    try:
        data_steps(run)
        comparison = network_steps(run, partial(_ray, settings))
        model_steps(run)
        return close_retraining(run, comparison=comparison)
    except BaseException as error:
        _give_up(run, error)
        raise


def _open(settings: Settings, plan: Plan, data: DataVersion) -> Retraining:
    """The study's MLflow run, found again where this retraining was cut off."""
    display = current_display()
    commit = commit_of_code()
    with display.platform("MLflow"):
        tracking = Tracking(
            settings.mlflow_uri,
            plan.protocol.study.study_id,
            artifact_root=settings.local_artifacts,
        )
        for said in repair(tracking, home=settings.home_path):
            display.console.print(f"    {said}")
        tags = {
            "armwise.level": "study",
            "study_id": plan.protocol.study.study_id,
            "profile": plan.protocol.profile,
            "data_md5": data.md5,
            "protocol_hash": plan.protocol.hash(),
            "git_commit": commit.sha or "none",
            "git_is_clean": str(commit.is_clean).lower(),
        }
        name = f"retrain {plan.key[:8]}"
        run_id = tracking.study_run(plan.key, name=name, tags=tags)
    started = datetime.now(UTC).isoformat(timespec="seconds")
    return Retraining(settings, plan, data, tracking, run_id, commit, started)


@contextmanager
def _ray(settings: Settings) -> Iterator[None]:
    """Ray for as long as it is needed; its start and its end are counted."""
    display = current_display()
    with ExitStack() as stack:
        with display.platform("Ray"):
            session = ray_session(
                settings.ray_address,
                temp_dir=settings.home_path / "ray",
                num_cpus=settings.cpus,
            )
            stack.enter_context(session)
        yield
        with display.platform("Ray"):
            stack.close()


def _give_up(run: Retraining, error: BaseException) -> None:
    """Closes the run with the reason; only messages raised on purpose are free of patient data."""
    stopped = isinstance(error, KeyboardInterrupt)
    reason = str(error) if isinstance(error, ArmwiseError) else type(error).__name__
    status = "KILLED" if stopped else "FAILED"
    run.tracking.set_tags(run.run_id, {"armwise.stopped_by": reason[:5000]})
    run.tracking.finish_children(run.plan.keys["search"], status)
    run.tracking.finish(run.run_id, status)
    if stopped:
        leave_stopped()
