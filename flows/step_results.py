"""What the steps of a finished run left, read without running anything."""

import json
from pathlib import Path

from components.errors import UsageError
from flows.record import RunRecord
from flows.steps import Result


def read_results(home: Path, record: RunRecord) -> dict[str, Result]:
    """The results of a run's steps by name.

    Raises:
        UsageError: One has been cleared away or cannot be read.
    """
    return {step: _read(home, step, key) for step, key in record.steps.items()}


def _read(home: Path, step: str, key: str) -> Result:
    path = home / "results" / f"armwise-{step}-{key}"
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))["result"]
        result: Result = json.loads(stored) if isinstance(stored, str) else stored
    except (OSError, ValueError, KeyError):
        msg = (
            f"expected the result of step {step} at {path}, found none that can be read; run the "
            "study again with the same data and protocol to make it again"
        )
        raise UsageError(msg) from None
    return result
