"""What a killed run leaves running: Prefect's server above all, and parts of Ray for a minute.

A run marks the environment that its child processes inherit. The next run in the same home ends
those whose marked run is gone; it touches no process without the mark and none of a living run.
"""

import contextlib
import os
import socket
from pathlib import Path

import psutil

_MARK = "ARMWISE_CHILD_OF"
_GRACE_S = 5.0
_CLOCK_S = 2.0
"""By how much two readings of one process's start may differ."""


def take_over(home: Path) -> int:
    """Ends what killed runs of a home left running and marks what this process starts.

    Args:
        home: The ARMWISE home, absolute.

    Returns:
        How many processes were ended.
    """
    left = [process for process in psutil.process_iter() if _is_left_behind(process, home)]
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    _, alive = psutil.wait_procs(left, timeout=_GRACE_S)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.kill()
    os.environ[_MARK] = f"{this_process()} {home}"
    return len(left)


def this_process() -> str:
    """Names this process for good: a number alone is given again."""
    own = psutil.Process()
    return f"{socket.gethostname()} {own.pid} {own.create_time():.2f}"


def is_gone(process: str) -> bool:
    """Whether a process that `this_process` named has ended; False for those of other machines."""
    host, pid, started = process.split(" ")
    if host != socket.gethostname():
        return False
    try:
        found = psutil.Process(int(pid))
        is_the_same = abs(found.create_time() - float(started)) < _CLOCK_S
        return not is_the_same or found.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _is_left_behind(process: psutil.Process, home: Path) -> bool:
    try:
        mark = process.environ().get(_MARK)
    except (psutil.Error, OSError):  # gone meanwhile, or another user's
        return False
    if mark is None or process.pid == os.getpid():
        return False
    host, pid, started, of_home = mark.split(" ", 3)
    return of_home == str(home) and is_gone(f"{host} {pid} {started}")
