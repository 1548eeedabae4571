"""The flow `retrain`: from the data version to the registry and the report."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from prefect import flow

from components.cohort.dataset import Dataset
from components.platform.compute import ray_session
from components.study.protocol import read_protocol
from flows.chain import data_steps, network_steps
from flows.closing import close_run
from flows.environment import prepare_environment
from flows.model_chain import model_steps
from flows.opening import give_up, open_run
from flows.plan import make_plan
from flows.settings import Settings
from flows.tasks.data import resolve_data
from flows.terminal import current_display


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
    run = open_run(settings, plan, data, dataset=Dataset(settings.data_path))
    try:
        data_steps(run)
        comparison = network_steps(run, partial(_ray, settings))
        model_steps(run)
        return close_run(run, comparison=comparison)
    except BaseException as error:
        give_up(run, error)
        raise


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
