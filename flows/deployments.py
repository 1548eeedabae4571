"""The deployments of a study's flows: what Prefect's server is to start, where, and when."""

from dataclasses import dataclass
from typing import Any

from prefect.client.schemas.schedules import CronSchedule

from components.study.protocol import read_protocol
from flows.environment import environment_of_runs
from flows.settings import Settings

WORK_POOL = "armwise"
"""The work pool, of type process, in which runs wait for a worker."""

TAG = "armwise"
"""Tag by which our deployments are found on a server."""


@dataclass(frozen=True)
class Deployment:
    """One deployment, in the terms of `infra/prefect.yaml`, which holds the same.

    `entrypoint` names a flow by its module: it is taken from the installed package, no code is
    pulled. There is no limit of concurrent runs on the server: the flow itself lets only one
    retraining work in a study (`flows.alone`).
    """

    name: str
    entrypoint: str
    description: str
    parameters: dict[str, str]
    job_variables: dict[str, Any]
    schedules: tuple[CronSchedule, ...] = ()

    @property
    def flow_name(self) -> str:
        """The flow's name: that of its function."""
        return self.entrypoint.rpartition(".")[2]

    @property
    def parameter_schema(self) -> dict[str, Any]:
        """What the server holds parameters against; Prefect's own way to it imports the flow."""
        properties = {
            name: {"title": name, "type": "string", "position": position}
            for position, name in enumerate(self.parameters)
        }
        return {"title": "Parameters", "type": "object", "properties": properties}


def study_deployments(
    settings: Settings, schedule: CronSchedule | None
) -> tuple[Deployment, Deployment]:
    """The retraining, on a schedule where there is one, and the validation, to be run by hand.

    Each run works in the study's folder with the study's own environment, so that any worker of
    the pool can start it.

    Args:
        settings: The study and its protocol; both become parameters of the runs.
        schedule: When to retrain.
    """
    study: dict[str, Any] = {
        "name": read_protocol(settings.protocol_path).study.study_id,
        "parameters": {"protocol": settings.protocol, "study_dir": str(settings.study_path)},
        "job_variables": {
            "working_dir": str(settings.study_path),
            "env": environment_of_runs(settings),
        },
    }
    return (
        Deployment(
            entrypoint="flows.retrain.retrain",
            description="The whole job, where something has changed.",
            schedules=(schedule,) if schedule else (),
            **study,
        ),
        Deployment(
            entrypoint="flows.validate.validate",
            description="Who would be quarantined, and why.",
            **study,
        ),
    )
