"""Server and worker as children of a command: they and the runs under way end with it."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import BinaryIO

from components.errors import PlatformError

# The study's folder may hold packages of any name; Prefect's own questions are answered already.
PREFECT = (sys.executable, "-P", "-m", "prefect", "--no-prompt")

_START_S = 240.0
"""A busy machine needs over a minute for Prefect's server."""
_END_S = 60.0
"""A run that is stopped closes its MLflow runs and ends Ray."""
_PR_SET_PDEATHSIG = 1


class Stopped(BaseException):
    """The command was asked to end; no error."""


class Supervision:
    """Children by name, in the order of their start; they end in the opposite one."""

    def __init__(self) -> None:
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def begin(self, name: str, *arguments: str, sink: BinaryIO | None = None) -> None:
        """Starts a command of Prefect; it writes to `sink`, or to the terminal."""
        self._children[name] = subprocess.Popen(  # noqa: S603  this environment's Prefect
            [*PREFECT, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            # Ctrl+C is ours to pass on, in order: the server ends last.
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )

    def await_answer(self, name: str, unanswered: Callable[[], str | None], *, log: Path) -> None:
        """Waits until a child answers.

        Raises:
            PlatformError: It ended, or said nothing for minutes.
        """
        deadline = time.monotonic() + _START_S
        while (reason := unanswered()) is not None:
            if self._children[name].poll() is not None or time.monotonic() > deadline:
                msg = f"Prefect's {name} did not start ({reason}); see {log}"
                raise PlatformError(msg)
            time.sleep(0.5)

    def wait(self) -> str:
        """The name of the first child that ends."""
        while True:
            for name, child in self._children.items():
                if child.poll() is not None:
                    return name
            time.sleep(0.5)

    def end(self) -> None:
        """Ends the runs under way, then the children, the first one last."""
        for child in reversed(self._children.values()):
            if child.poll() is None:
                _end(child)


@contextmanager
def supervision() -> Iterator[Supervision]:
    """Children that end with the block, however it ends; `Stopped` where a signal asks for it."""

    def leave(number: int, frame: FrameType | None) -> None:
        del frame
        raise Stopped(number)

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, leave) for number in signals}
    supervised = Supervision()
    try:
        yield supervised
    finally:
        for number in signals:  # a second Ctrl+C does not leave half of them behind
            signal.signal(number, signal.SIG_IGN)
        supervised.end()
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_with_parent() -> None:
    """Linux sends the child a signal when its parent dies, even by kill -9."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Ends a child. A worker's runs go first: told to end itself, it would cut them off."""
    deadline = time.monotonic() + _END_S
    while (runs := _children_of(child.pid)) and time.monotonic() < deadline:
        for pid in runs:
            _signal(pid, signal.SIGTERM)
        _await_end(runs, deadline)
    for pid in runs:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
    child.terminate()
    try:
        child.wait(_END_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _await_end(pids: list[int], deadline: float) -> None:
    while time.monotonic() < deadline and any(Path(f"/proc/{pid}").exists() for pid in pids):
        time.sleep(0.2)


def _children_of(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
        return [int(one) for task in tasks for one in task.read_text(encoding="utf-8").split()]
    return []


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
