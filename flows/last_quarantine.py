"""Whom the last validation set aside, read from what its steps left."""

import json
from pathlib import Path

from pydantic import ValidationError

from components.study.results import Quarantined

_STEPS = ("validation", "crops")


def last_quarantined(home: Path) -> tuple[Quarantined, ...]:
    """Everybody whom the newest validation, and the newest cropping, put into quarantine."""
    return tuple(entry for step in _STEPS for entry in _newest(home / "results", step))


def _newest(results: Path, step: str) -> list[Quarantined]:
    paths = sorted(
        results.glob(f"armwise-{step}-*"), key=lambda path: path.stat().st_mtime, reverse=True
    )
    for path in paths[:1]:
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))["result"]
            result = json.loads(stored) if isinstance(stored, str) else stored
            return [Quarantined.model_validate(entry) for entry in result["quarantined"]]
        except (OSError, ValueError, KeyError, TypeError, ValidationError):
            continue  # a record that was cut off says nothing
    return []
