"""`armwise schedule start`, `server` and `worker`: what has to run so that a schedule fires."""

import os
from functools import partial

from rich.console import Console

from components.errors import PlatformError
from flows.cli.options import StudyDir, settings_of
from flows.cli.schedule import Port
from flows.prefect_server import (
    prepare_client,
    prepare_server,
    require_server,
    secret_path,
    unanswered,
)
from flows.settings import Settings
from flows.supervision import PREFECT, Stopped, Supervision, supervision

_WORKER = ("worker", "start", "--pool", "armwise", "--type", "process", "--limit", "1")


def start(study_dir: StudyDir = None, port: Port = None) -> None:
    """Runs server and worker in this terminal until Ctrl+C; both end with it."""
    settings = settings_of(study_dir=study_dir, schedule_port=port)
    address = prepare_client(settings)
    _refuse_taken_port(address)
    prepare_server(settings)
    console = _console()
    log = settings.home_path / "logs" / "prefect-server.log"
    log.parent.mkdir(exist_ok=True)
    console.print(f"Starting Prefect's server (log: {log})", markup=False)
    with log.open("ab") as sink, supervision() as children:
        try:
            children.begin("server", *_server_command(settings), sink=sink)
            children.await_answer("server", partial(unanswered, address), log=log)
            console.print(_where(settings, address), markup=False)
            _work(children)
        except Stopped:
            console.print("Stopping: runs under way, worker, server.")
            return


def server(study_dir: StudyDir = None, port: Port = None) -> None:
    """Runs the schedule's Prefect server alone, on loopback (for a service manager)."""
    settings = settings_of(study_dir=study_dir, schedule_port=port)
    _refuse_taken_port(prepare_client(settings))
    prepare_server(settings)
    command = [*PREFECT, *_server_command(settings)]
    os.execv(command[0], command)  # noqa: S606  this environment's Prefect


def worker(study_dir: StudyDir = None, port: Port = None) -> None:
    """Runs a worker alone: it starts the runs that are due, one at a time."""
    settings = settings_of(study_dir=study_dir, schedule_port=port)
    require_server(prepare_client(settings))
    with supervision() as children:
        try:
            _work(children)
        except Stopped:
            _console().print("Stopping: runs under way, worker.")
            return


def _work(children: Supervision) -> None:
    children.begin("worker", *_WORKER)
    _console().print("A worker waits for runs. Stop with Ctrl+C.")
    ended = children.wait()
    msg = f"Prefect's {ended} ended by itself, and what was started with it; start it again"
    raise PlatformError(msg)


def _server_command(settings: Settings) -> tuple[str, ...]:
    return ("server", "start", "--host", settings.host, "--port", str(settings.schedule_port))


def _where(settings: Settings, address: str) -> str:
    return (
        f"Prefect's server is at {address.removesuffix('/api')}; its pages ask for the words in "
        f"{secret_path(settings.home_path)}.\n"
        "In another terminal, in the study's folder: armwise deploy --cron '0 3 * * 1-5'"
    )


def _refuse_taken_port(address: str) -> None:
    if unanswered(address) is None:
        msg = (
            f"a Prefect server answers at {address} already; if it is this study's, "
            "`armwise schedule worker` starts a worker for it, else set schedule_port in "
            "armwise.toml"
        )
        raise PlatformError(msg)


def _console() -> Console:
    return Console(highlight=False, soft_wrap=True)
