"""`armwise deploy` and `armwise schedule`: retraining by the clock, on a local Prefect server."""

import os
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from components.study.protocol import read_protocol
from flows.cli.options import ProtocolName, StudyDir, settings_of
from flows.prefect_server import prepare_client, require_server
from flows.settings import Settings

if TYPE_CHECKING:
    from datetime import datetime

    from flows.schedule import Deployed

Name = Annotated[str, typer.Argument(help="A deployment, as `armwise schedule` lists it.")]
Port = Annotated[
    int | None, typer.Option("--port", min=1, max=65535, help="Port of the Prefect server.")
]

_WIDTH = 110
_TIME = "%Y-%m-%d %H:%M %Z"
_NOT_OF_A_RUN = {"ARMWISE_STUDY_DIR", "ARMWISE_PROTOCOL", "ARMWISE_HOME", "ARMWISE_SCHEDULE_PORT"}


def deploy(
    cron: Annotated[
        str | None, typer.Option("--cron", help="When to retrain, for example '0 3 * * 1-5'.")
    ] = None,
    timezone: Annotated[
        str, typer.Option("--timezone", help="Of the cron string, for example Europe/Berlin.")
    ] = "UTC",
    protocol: ProtocolName = None,
    study_dir: StudyDir = None,
    port: Port = None,
) -> None:
    """Tells the schedule's server when to retrain this study. Starts nothing itself."""
    settings = settings_of(protocol=protocol, study_dir=study_dir, schedule_port=port)
    address = prepare_client(settings)
    read_protocol(settings.protocol_path)

    from flows.deployments import study_deployments
    from flows.schedule import cron_schedule, make_work_pool, register, server, workers_online

    schedule, times = (None, []) if cron is None else cron_schedule(cron, timezone)
    require_server(address)
    console = Console(highlight=False, soft_wrap=True)
    with server(address) as client:
        make_work_pool(client)
        for deployment in study_deployments(settings, schedule):
            console.print(f"Deployed {register(client, deployment)}", markup=False)
        online = workers_online(client)
    if times:
        console.print(
            f"Retraining by {cron!r}, time zone {timezone}; next at "
            + ", ".join(f"{time:{_TIME}}" for time in times),
            markup=False,
        )
    console.print(_what_has_to_run(address, online), markup=False)
    _warn_of_environment(console)


def _what_has_to_run(address: str, online: int) -> str:
    if online:
        return f"The server at {address} and {online} worker(s) have to keep running."
    return (
        f"The server at {address} has to keep running, and no worker is there yet: start one with "
        "`armwise schedule worker`. Until then runs become late."
    )


def _warn_of_environment(console: Console) -> None:
    """Settings of this shell reach no run; those of `armwise.toml` do."""
    names = sorted(name for name in os.environ if name.startswith("ARMWISE_"))
    for name in names:
        if name not in _NOT_OF_A_RUN:
            console.print(
                f"{name} is set in this shell; scheduled runs see what the worker's shell has, "
                "or armwise.toml.",
                markup=False,
            )


def overview(context: typer.Context, study_dir: StudyDir = None, port: Port = None) -> None:
    """What runs by the clock: deployments, their next runs and last states."""
    if context.invoked_subcommand is not None:
        return
    address = _server_of(settings_of(study_dir=study_dir, schedule_port=port))

    from flows.schedule import deployed, server, workers_online

    with server(address) as client:
        found, online = deployed(client), workers_online(client)
    console = Console(highlight=False, width=_WIDTH)
    if not found:
        console.print("Nothing is deployed yet: `armwise deploy --cron '0 3 * * 1-5'`.")
        return
    console.print(_table(found))
    console.print(_what_has_to_run(address, online), markup=False, soft_wrap=True)


def _table(found: "list[Deployed]") -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("deployment", "protocol", "schedule", "next run", "last run"):
        table.add_column(title, no_wrap=title != "deployment", overflow="fold")
    for one in found:
        when = f"{one.cron}  {one.timezone}" if one.cron else "by hand"
        late = f"  ({one.late} late)" if one.late else ""
        table.add_row(
            one.name,
            str(one.parameters.get("protocol", "")),
            f"{when}  paused" if one.is_paused else when,
            "-" if one.next_run is None else _local(one.next_run) + late,
            _last(one),
        )
    return table


def _last(one: "Deployed") -> str:
    run = one.last_run
    if run is None:
        return "none yet"
    time = run.end_time or run.start_time
    return f"{run.state_name}{f', {_local(time)}' if time else ''}"


def _local(time: "datetime") -> str:
    """A time as this machine's clock shows it."""
    return f"{time.astimezone():%m-%d %H:%M %Z}"


def pause(name: Name, study_dir: StudyDir = None, port: Port = None) -> None:
    """Stops the clock for a deployment; a run that is under way goes on."""
    address = _server_of(settings_of(study_dir=study_dir, schedule_port=port))

    from flows.schedule import find, server
    from flows.schedule import pause as pause_on_server

    with server(address) as client:
        full, entry = find(client, name)
        pause_on_server(client, entry)
    Console(highlight=False).print(f"{full} is paused: `armwise schedule resume {full}`.")


def resume(name: Name, study_dir: StudyDir = None, port: Port = None) -> None:
    """Lets the clock run again for a deployment."""
    address = _server_of(settings_of(study_dir=study_dir, schedule_port=port))

    from flows.schedule import find, server

    with server(address) as client:
        full, entry = find(client, name)
        client.resume_deployment(entry.id)
    Console(highlight=False).print(f"{full} goes on by its schedule.")


def run(name: Name, study_dir: StudyDir = None, port: Port = None) -> None:
    """Runs a deployment now, whatever its schedule."""
    address = _server_of(settings_of(study_dir=study_dir, schedule_port=port))

    from flows.schedule import find, server, workers_online

    with server(address) as client:
        full, entry = find(client, name)
        made = client.create_flow_run_from_deployment(entry.id)
        online = workers_online(client)
    page = f"{address.removesuffix('/api')}/runs/flow-run/{made.id}"
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{full} runs now, as {made.name}: {page}", markup=False)
    if not online:
        console.print(_what_has_to_run(address, online), markup=False)


def _server_of(settings: Settings) -> str:
    """The address of the server, once it answers."""
    address = prepare_client(settings)
    require_server(address)
    return address
