"""Which caches in a study's home were made with a patient, and go with him.

A step's result holds patients in tables and lists whose places belong together: it is not edited
but removed, and with it every step of the runs that he took part in. All of it can be made again.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.platform.withdrawal_files import files_below, names, naming_files
from components.platform.withdrawal_name import PatientName
from flows.step_journal import done_steps

CACHES = ("steps", "results", "crops", "radiomics", "search", "fresh")
"""Folders of the home that hold nothing but what can be made again."""


@dataclass(frozen=True)
class CachesWith:
    """Caches that go, and the MLflow runs that the patient took part in."""

    paths: tuple[Path, ...]
    runs: frozenset[str]


def caches_with(home: Path, name: PatientName) -> CachesWith:
    """The caches that were made with a patient.

    Crops and states of trials lie there by their content: those that a run with him made and no
    other patient's result names go.
    """
    named = _steps_naming(home, name)
    if not named:
        return CachesWith(paths=tuple(_nobodys(home, set())), runs=frozenset())
    entries = [(entry.run_id, f"{entry.step}-{entry.key}") for entry in done_steps(home)]
    runs = {run for run, step in entries if step in named}
    gone = named | {step for run, step in entries if run in runs}
    paths = [home / "steps" / step for step in gone]
    paths += [home / "results" / f"armwise-{step}" for step in gone]
    paths += _nobodys(home, gone, name)
    return CachesWith(
        paths=tuple(sorted(path for path in paths if path.exists())), runs=frozenset(runs)
    )


def _steps_naming(home: Path, name: PatientName) -> set[str]:
    """Steps (`<step>-<key>`) whose result or files name the patient."""
    results = {path.name.removeprefix("armwise-"): path for path in _entries(home / "results")}
    named = {step for step, path in results.items() if names(path, name)}
    folders = [path for path in _entries(home / "steps") if path.name not in named]
    return named | {path.name for path in folders if naming_files(path, name)}


def _nobodys(home: Path, gone: set[str], name: PatientName | None = None) -> list[Path]:
    """Crops and trials that no result names for anybody else, and the caches of fresh runs."""
    needed: set[Path] = set()
    trials: set[Path] = set()
    for path in _entries(home / "results"):
        content = _content(path)
        needed |= set(_references(content, name))
        if path.name.removeprefix("armwise-") not in gone:
            trials |= set(_references(content, name))
    crops = [
        path
        for folder in ("crops", "radiomics")
        for path in files_below(home / folder)
        if path not in needed
    ]
    states = [
        path
        for path in (home / "search").glob("*/trials/*")
        if not any(one.is_relative_to(path) for one in trials)
    ]
    return [*crops, *states, *_entries(home / "fresh")]


def _content(path: Path) -> Any:
    """A step's result as Prefect keeps it."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))["result"]
        return json.loads(stored) if isinstance(stored, str) else stored
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _references(value: Any, name: PatientName | None) -> Iterator[Path]:
    """The files that a result points to, those under the patient's name left out."""
    if isinstance(value, dict):
        if set(value) == {"path", "sha256", "n_bytes"}:
            yield Path(value["path"])
        for key, part in value.items():
            if name is None or not name.in_text(key):
                yield from _references(part, name)
    elif isinstance(value, list):
        for part in value:
            yield from _references(part, name)


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []
