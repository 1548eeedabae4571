"""Intentions written down before they are carried out, so that a kill leaves nothing half done.

An entry is a file that its process holds locked. What was carried out is removed; an entry that
nobody holds belongs to a process that died, and `abandoned` gives it to whoever repairs.
"""

import contextlib
import fcntl
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Literal, Self

from pydantic import Field, model_validator

from components.promotion.history import HistoryEntry
from components.study.results import Record

_FOLDER = "journal"


class Intention(Record):
    """What is about to be done in the registry.

    `registration`: versions are made that carry `identity` as a tag. `move`: the pointer moves as
    `entry` says, and the entry is written into the history.
    """

    schema_: Literal["armwise.intention/2"] = Field(default="armwise.intention/2", alias="schema")
    kind: Literal["registration", "move"]
    identity: str
    entry: HistoryEntry | None = None

    @model_validator(mode="after")
    def _a_move_has_its_entry(self) -> Self:
        if (self.kind == "move") != (self.entry is not None):
            msg = "expected an entry of the history with a move, and with nothing else"
            raise ValueError(msg)
        return self


def new_identity() -> str:
    """A name that no other intention has."""
    return uuid.uuid4().hex


@contextlib.contextmanager
def intending(home: Path, intention: Intention) -> Iterator[None]:
    """Hold an intention while it is carried out; it stays on disk if that fails.

    Args:
        home: The ARMWISE home folder.
        intention: What is about to be done.
    """
    folder = home / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{intention.identity}.json"
    partial = path.with_suffix(".partial")
    with partial.open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(intention.to_json())
        file.flush()
        os.fsync(file.fileno())
        # The lock is on the file, not on its name: it is held from the first moment on.
        partial.replace(path)
        _sync(folder)
        yield
        path.unlink()


@contextlib.contextmanager
def one_at_a_time(home: Path) -> Iterator[None]:
    """Wait until no other process of this home moves the pointer, and keep them waiting."""
    folder = home / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "pointer.lock").open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def abandoned(home: Path) -> Iterator[list[Intention]]:
    """The intentions whose processes died, oldest first; removed when the block ends well."""
    held: list[tuple[Path, IO[str]]] = []
    with contextlib.ExitStack() as files:
        for path in sorted((home / _FOLDER).glob("*.json"), key=lambda p: p.stat().st_mtime):
            file = files.enter_context(path.open(encoding="utf-8"))
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                held.append((path, file))
        yield [Intention.from_json(file.read()) for _, file in held]
        for path, _ in held:
            path.unlink(missing_ok=True)


def is_clear(home: Path) -> bool:
    """Whether no intention stands on disk."""
    return not any((home / _FOLDER).glob("*.json"))


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
