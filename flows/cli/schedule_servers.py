"""`armwise schedule start`, `server` and `worker`: what has to run so that a schedule fires."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import BinaryIO

import typer
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

_START_S = 240.0
"""A busy machine needs over a minute for Prefect's server."""
_END_S = 30.0
# The study's folder may hold packages of any name; Prefect's own questions are answered already.
_PREFECT = (sys.executable, "-P", "-m", "prefect", "--no-prompt")


def start(study_dir: StudyDir = None, port: Port = None) -> None:
    """Runs server and worker in this terminal until Ctrl+C; both end with it."""
    settings = settings_of(study_dir=study_dir, schedule_port=port)
    address = prepare_client(settings)
    _refuse_taken_port(address)
    prepare_server(settings)
    console = Console(highlight=False, soft_wrap=True)
    log = settings.home_path / "logs" / "prefect-server.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("ab") as sink, _ended_with_us() as children:
        children["server"] = _begin(_server_command(settings), sink)
        console.print(f"Starting Prefect's server (log: {log})", markup=False)
        _await(address, children["server"], log.name)
        children["worker"] = _begin(_worker_command(), None)
        console.print(_welcome(settings, address), markup=False)
        first = _first_to_end(children)
    msg = f"Prefect's {first} ended by itself, and the rest with it; start it again, or see {log}"
    raise PlatformError(msg)


def server(study_dir: StudyDir = None, port: Port = None) -> None:
    """Runs the schedule's Prefect server alone, on loopback (for a service manager)."""
    settings = settings_of(study_dir=study_dir, schedule_port=port)
    _refuse_taken_port(prepare_client(settings))
    prepare_server(settings)
    command = _server_command(settings)
    os.execv(command[0], command)  # noqa: S606  this environment's Prefect


def worker(study_dir: StudyDir = None, port: Port = None) -> None:
    """Runs a worker alone: it starts the runs that are due, one at a time."""
    settings = settings_of(study_dir=study_dir, schedule_port=port)
    require_server(prepare_client(settings))
    command = _worker_command()
    os.execv(command[0], command)  # noqa: S606  this environment's Prefect


def _server_command(settings: Settings) -> list[str]:
    place = ["--host", settings.host, "--port", str(settings.schedule_port)]
    return [*_PREFECT, "server", "start", *place]


def _worker_command() -> list[str]:
    pool = ["--pool", "armwise", "--type", "process"]
    return [*_PREFECT, "worker", "start", *pool, "--limit", "1"]


def _welcome(settings: Settings, address: str) -> str:
    page = address.removesuffix("/api")
    return (
        f"Prefect's server is at {page}; its pages ask for the words in "
        f"{secret_path(settings.home_path)}.\n"
        "A worker waits for runs. In another terminal: armwise deploy --cron '0 3 * * 1-5'\n"
        "Stop both with Ctrl+C."
    )


def _refuse_taken_port(address: str) -> None:
    if unanswered(address) is None:
        msg = (
            f"a Prefect server answers at {address} already; if it is this study's, "
            "`armwise schedule worker` starts a worker for it, else set schedule_port in "
            "armwise.toml"
        )
        raise PlatformError(msg)


@contextmanager
def _ended_with_us() -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Children by name; at the end of the block, however it comes, they end as well."""
    children: dict[str, subprocess.Popen[bytes]] = {}

    def leave(number: int, _: FrameType | None) -> None:
        raise typer.Exit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
    try:
        yield children
    finally:
        for child in reversed(children.values()):
            _end(child)


def _begin(command: Sequence[str], sink: BinaryIO | None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603  this environment's Prefect
        command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink
    )


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(_END_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _await(address: str, server: subprocess.Popen[bytes], log: str) -> None:
    deadline = time.monotonic() + _START_S
    while (reason := unanswered(address)) is not None:
        if server.poll() is not None or time.monotonic() > deadline:
            msg = f"Prefect's server did not start at {address} ({reason}); see {log}"
            raise PlatformError(msg)
        time.sleep(1)


def _first_to_end(children: dict[str, subprocess.Popen[bytes]]) -> str:
    while True:
        for name, child in children.items():
            if child.poll() is not None:
                return name
        time.sleep(1)
