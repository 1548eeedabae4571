"""The flow `retrain`: from the data version to the registry and the report."""

from functools import partial
from pathlib import Path
from typing import Any, cast

from prefect import flow
from prefect.states import Completed

from components.cohort.dataset import Dataset
from components.study.protocol import Protocol, read_protocol
from flows.alone import alone
from flows.chain import data_steps, network_steps
from flows.closing import close_run
from flows.computing import ray_of_run
from flows.environment import prepare_environment
from flows.model_chain import model_steps
from flows.opening import give_up, open_run
from flows.plan import make_plan
from flows.settings import Settings
from flows.stopping import closed_in_time
from flows.tasks.data import resolve_data
from flows.terminal import current_display, display_of_run
from flows.unchanged import finished_run


@flow(name="retrain", persist_result=False)
def retrain(
    protocol: str = "demo",
    study_dir: str = ".",
    fresh: bool = False,  # noqa: FBT001, FBT002  a parameter of the deployment
) -> dict[str, Any]:
    """All of it; what was done before with the same data, code and protocol is not repeated.

    Args:
        protocol: A protocol of armwise by name, or a YAML file in the study's folder.
        study_dir: The study's folder.
        fresh: Whether every step is to be computed again, whatever is known.

    Returns:
        The facts of the retraining, the closing summary among them. Where all of it was done
        before, they are those of then, and the flow run ends in a state named Unchanged.

    Raises:
        ArmwiseError: The message says what was expected, what came, and what to do.
    """
    with display_of_run() as display:
        display.started()
        settings = Settings(protocol=protocol, study_dir=Path(study_dir))
        prepare_environment(settings)
        chosen = read_protocol(settings.protocol_path)
        with alone(settings.home_path, say=display.console.print):
            return _retrain(settings, chosen, fresh=fresh)


def _retrain(settings: Settings, protocol: Protocol, *, fresh: bool) -> dict[str, Any]:
    data = resolve_data(settings)
    plan = make_plan(protocol, data.md5, place=settings.mlflow_uri)
    record, vanished = finished_run(settings, plan)
    if record is not None and not vanished and not fresh:
        current_display().console.print(record.unchanged)
        # Prefect shows the state and hands its data on to whoever called the flow.
        ended: Any = Completed(name="Unchanged", message=record.unchanged, data=record.facts)
        return cast("dict[str, Any]", ended)
    run = open_run(settings, plan, data, dataset=Dataset(settings.data_path), fresh=fresh)
    try:
        with closed_in_time(partial(give_up, run, KeyboardInterrupt())):
            data_steps(run)
            comparison = network_steps(run, partial(ray_of_run, settings))
            model_steps(run)
            return close_run(run, comparison=comparison)
    except BaseException as error:
        give_up(run, error)
        raise
