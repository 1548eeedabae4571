"""Deployments on a Prefect server: registered, listed, paused, resumed, run now.

Through Prefect's client: its command line takes seconds to start for each of these.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    DeploymentFilterTags,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType, WorkerStatus
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound, PrefectHTTPStatusError
from prefect.server.schemas.schedules import CronSchedule as ServerCronSchedule
from prefect.workers.process import ProcessWorker
from pydantic import ValidationError

from components.errors import PlatformError, UsageError
from flows.deployments import TAG, WORK_POOL, Deployment

_CRON_FIELDS = 5
_SCHEDULED = [StateType.SCHEDULED]


@dataclass(frozen=True)
class Deployed:
    """A deployment as the server knows it.

    `next_run` is None where nothing is scheduled; `last_run` is the newest run that has begun or
    ended, None where there is none; `late` counts the runs that are due and wait for a worker.
    """

    name: str
    parameters: dict[str, Any]
    cron: str | None
    timezone: str | None
    is_paused: bool
    next_run: datetime | None
    last_run: FlowRun | None
    late: int


def cron_schedule(cron: str, timezone: str) -> tuple[CronSchedule, list[datetime]]:
    """The schedule and the next three times at which it fires.

    Raises:
        UsageError: Prefect cannot read the cron string or time zone, or it never fires.
    """
    if not cron.startswith("@") and len(cron.split()) != _CRON_FIELDS:
        msg = f"expected a cron string of five fields (minute hour day month weekday), got {cron!r}"
        raise UsageError(msg)
    try:
        schedule = CronSchedule(cron=cron, timezone=timezone)
        times = asyncio.run(ServerCronSchedule(cron=cron, timezone=timezone).get_dates(3))
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        msg = f"{reason}; expected for example --cron '0 3 * * 1-5' --timezone Europe/Berlin"
        raise UsageError(msg) from None
    except ValueError as error:  # croniter's own, for a date that no year has
        msg = f"{cron!r} never fires: {error}"
        raise UsageError(msg) from None
    return schedule, list(times)


@contextmanager
def server(address: str) -> Iterator[SyncPrefectClient]:
    """A client of the server.

    Raises:
        PlatformError: The server is not to be reached, knows another secret, or fails.
    """
    try:
        with get_client(sync_client=True) as client:
            yield client
    except PrefectHTTPStatusError as error:
        if error.response.status_code == httpx.codes.UNAUTHORIZED:
            msg = (
                f"the Prefect server at {address} belongs to another study or user; choose a "
                "port of your own: schedule_port in armwise.toml"
            )
        else:
            code = error.response.status_code
            msg = f"the Prefect server at {address} answered {code}; see its log"
        raise PlatformError(msg) from error
    except httpx.HTTPError as error:
        msg = f"the Prefect server at {address} stopped answering: {type(error).__name__}"
        raise PlatformError(msg) from error


def register(client: SyncPrefectClient, deployment: Deployment) -> str:
    """Puts a deployment on the server, in the place of one of its name; its full name."""
    client.create_deployment(
        flow_id=client.create_flow_from_name(deployment.flow_name),
        name=deployment.name,
        entrypoint=deployment.entrypoint,
        description=deployment.description,
        tags=[TAG],
        parameters=dict(deployment.parameters),
        parameter_openapi_schema=deployment.parameter_schema,
        enforce_parameter_schema=True,
        work_pool_name=WORK_POOL,
        job_variables=deployment.job_variables,
        schedules=[DeploymentScheduleCreate(schedule=one) for one in deployment.schedules],
        paused=False,
        pull_steps=[],
    )
    return f"{deployment.flow_name}/{deployment.name}"


def make_work_pool(client: SyncPrefectClient) -> None:
    """The process work pool, made where it is not there yet."""
    template = ProcessWorker.get_default_base_job_template()
    try:
        client.create_work_pool(
            WorkPoolCreate(name=WORK_POOL, type=ProcessWorker.type, base_job_template=template)
        )
    except ObjectAlreadyExists:
        return


def workers_online(client: SyncPrefectClient) -> int:
    """How many workers of the pool have been heard of lately."""
    try:
        workers = client.read_workers_for_work_pool(WORK_POOL)
    except ObjectNotFound:
        return 0
    return sum(worker.status == WorkerStatus.ONLINE for worker in workers)


def deployed(client: SyncPrefectClient) -> list[Deployed]:
    """Our deployments, by name."""
    return [_described(client, name, entry) for name, entry in _entries(client).items()]


def find(client: SyncPrefectClient, name: str) -> tuple[str, DeploymentResponse]:
    """The deployment of a name, `retrain/my-study`, or of its flow alone where that is enough.

    Raises:
        UsageError: There is none, or there are several.
    """
    entries = _entries(client)
    found = [full for full in entries if name in {full, full.split("/")[0]}]
    if len(found) != 1:
        problem = "several deployments are" if found else "no deployment is"
        known = ", ".join(found or entries) or "none; `armwise deploy` makes them"
        msg = f"{problem} called {name!r}; there are: {known}"
        raise UsageError(msg)
    return found[0], entries[found[0]]


def pause(client: SyncPrefectClient, entry: DeploymentResponse) -> None:
    """Pauses a deployment, and takes back what its clock has put on the list.

    The server itself takes back only what is due later: a run due at this moment, or one that its
    scheduler is writing meanwhile, would still start.
    """
    client.pause_deployment(entry.id)
    for seconds in (0, 1):
        time.sleep(seconds)
        waiting = FlowRunFilterStateType(any_=_SCHEDULED)
        for run in _runs(client, entry, waiting, FlowRunSort.EXPECTED_START_TIME_ASC):
            if run.auto_scheduled:
                with suppress(ObjectNotFound):  # a worker has taken it, or the server itself
                    client.delete_flow_run(run.id)


def _entries(client: SyncPrefectClient) -> dict[str, DeploymentResponse]:
    ours = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
    named: dict[str, DeploymentResponse] = {}
    for entry in client.read_deployments(deployment_filter=ours):
        named[f"{client.read_flow(entry.flow_id).name}/{entry.name}"] = entry
    return dict(sorted(named.items()))


def _described(client: SyncPrefectClient, name: str, entry: DeploymentResponse) -> Deployed:
    crons = [one.schedule for one in entry.schedules if isinstance(one.schedule, CronSchedule)]
    waiting = _runs(
        client, entry, FlowRunFilterStateType(any_=_SCHEDULED), FlowRunSort.EXPECTED_START_TIME_ASC
    )
    begun = _runs(
        client, entry, FlowRunFilterStateType(not_any_=_SCHEDULED), FlowRunSort.START_TIME_DESC
    )
    ahead = [run for run in waiting if run.state_name != "Late"]
    return Deployed(
        name=name,
        parameters=entry.parameters,
        cron=crons[0].cron if crons else None,
        timezone=crons[0].timezone if crons else None,
        is_paused=entry.paused,
        next_run=ahead[0].expected_start_time if ahead else None,
        last_run=begun[0] if begun else None,
        late=len(waiting) - len(ahead),
    )


def _runs(
    client: SyncPrefectClient,
    entry: DeploymentResponse,
    state: FlowRunFilterStateType,
    sort: FlowRunSort,
) -> list[FlowRun]:
    return client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[entry.id])),
        flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=state)),
        sort=sort,
        limit=100,
    )
