"""Files that are only ever added to: one JSON entry a line, each there as a whole or not at all."""

import os
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from components.study.results import Record

R = TypeVar("R", bound=Record)


def add_line(path: Path, entry: Record) -> None:
    """Adds an entry, on disk when this returns.

    Where a write was cut off before, its piece keeps a line of its own.
    """
    with path.open("a+b") as file:
        size = file.seek(0, os.SEEK_END)
        if size:
            file.seek(size - 1)
        is_torn = size > 0 and file.read(1) != b"\n"
        file.write((b"\n" if is_torn else b"") + entry.to_json().encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read_lines(path: Path, kind: type[R]) -> tuple[R, ...]:
    """The entries in order; what was cut off while it was written is no entry."""
    if not path.is_file():
        return ()
    entries = []
    for line in path.read_bytes().splitlines():
        try:
            entries.append(kind.from_json(line))
        except ValidationError:
            continue
    return tuple(entries)
