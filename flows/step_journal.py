"""The journal of the steps in the ARMWISE home: which were computed, which were known."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from components.study.lines import add_line, read_lines
from components.study.results import Record

_FILE = "steps.jsonl"


class StepEntry(Record):
    """A step that is done: computed to its end in a process, or taken from what was known.

    `key` covers its code, data and protocol: computed twice with one key, it was done again.
    """

    when: str
    run_id: str
    step: str
    key: str
    outcome: Literal["computed", "known"]
    seconds: float
    pid: int


def note_step(home: Path, *, run_id: str, step: str, key: str, known: bool, seconds: float) -> None:
    """Writes down that a step is done and its result kept."""
    entry = StepEntry(
        when=datetime.now(UTC).isoformat(timespec="milliseconds"),
        run_id=run_id,
        step=step,
        key=key,
        outcome="known" if known else "computed",
        seconds=round(seconds, 3),
        pid=os.getpid(),
    )
    add_line(home / _FILE, entry)


def done_steps(home: Path) -> tuple[StepEntry, ...]:
    """All entries, in order."""
    return read_lines(home / _FILE, StepEntry)
