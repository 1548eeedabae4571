"""One retraining at a time in a study's home, whoever started it: a person, or a schedule."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TextIO

LOCK_FILE = "retraining.lock"


@contextmanager
def alone(home: Path, *, say: Callable[[str], None]) -> Iterator[None]:
    """Nobody else's retraining works in the home until the end of the block.

    Waits for one that is under way, and says so. The lock belongs to the process and ends with it,
    however that dies; its child processes do not inherit it. (A limit kept by Prefect's server
    would stay taken by a run that was killed together with its worker.)

    Args:
        home: The study's home folder; it exists.
        say: Told whom this process waits for.
    """
    with (home / LOCK_FILE).open("a+", encoding="utf-8") as file:
        if not _taken(file):
            say(f"Another retraining is at work in this study ({_holder(file)}); waiting for it.")
            fcntl.lockf(file, fcntl.LOCK_EX)
        _sign(file)
        yield


def _taken(file: TextIO) -> bool:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # which of the two depends on the file system
        return False
    return True


def _sign(file: TextIO) -> None:
    """Writes down who holds the lock, for those who wait."""
    file.truncate(0)
    file.write(f"process {os.getpid()}, since {datetime.now():%Y-%m-%d %H:%M:%S}")
    file.flush()


def _holder(file: TextIO) -> str:
    file.seek(0)
    return file.read(200) or "process unknown"
