"""What may be cleared in a study's home: only what nothing kept points to, and that is old enough.

Never looked at: records of finished runs, the ledger of the test patients, the registry, the data,
the DVC remote.
"""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from components.platform.abandoned import (
    AbandonedRun,
    abandoned_runs,
    orphaned_artifacts,
    remove_runs,
)
from components.platform.data_remote import unused_cache
from components.platform.tracking import Store
from components.study.results import Record
from flows.doctor.needs import folder_bytes
from flows.record import RunRecord
from flows.settings import Settings

_DAY_S = 86_400


class Candidate(Record):
    """A file or folder that may go, and the kind of thing it is."""

    kind: str
    path: str
    n_files: int
    n_bytes: int


class Pruning(Record):
    """All that may go."""

    files: tuple[Candidate, ...]
    runs: tuple[AbandonedRun, ...]

    @property
    def n_bytes(self) -> int:
        """Bytes of all files; runs in a database take few."""
        return sum(candidate.n_bytes for candidate in self.files)


def plan_pruning(
    settings: Settings, store: Store | None, *, older_than_days: float, data_cache: bool
) -> Pruning:
    """What may go, while nobody is at work in the home.

    Args:
        settings: The place.
        store: MLflow; None where there is none yet.
        older_than_days: Younger things stay.
        data_cache: Also old data versions in DVC's cache that the remote holds whole.
    """
    home, before = settings.home_path, time.time() - older_than_days * _DAY_S
    records = list(_kept_records(home, before))
    found = list(_files(home, records))
    runs: list[AbandonedRun] = []
    if store is not None:
        kept = {record.run_id for record in records}
        runs = abandoned_runs(
            store,
            before_ms=int(before * 1000),
            kept=kept,
            with_running=settings.tracking_uri is None,
        )
        found += [("artifacts of runs", Path(run.artifacts)) for run in runs if run.artifacts]
        if settings.local_artifacts is not None:
            orphans = orphaned_artifacts(store, settings.local_artifacts)
            found += [("orphaned artifacts", path) for path in orphans]
    if data_cache:
        md5s = {record.data_md5 for record in records}
        found += [("old data versions", path) for path in unused_cache(settings.study_path, md5s)]
    of_runs = {run.artifacts for run in runs}
    old = [
        (kind, path)
        for kind, path in found
        if path.exists() and (str(path) in of_runs or _changed(path) <= before)
    ]
    return Pruning(files=tuple(_candidate(kind, path) for kind, path in old), runs=tuple(runs))


def carry_out(pruning: Pruning, store: Store | None) -> None:
    """Removes exactly what was planned.

    Raises:
        OSError: Something could not be removed.
        PlatformError: MLflow did not do its part.
    """
    if store is not None:
        remove_runs(store, pruning.runs)
    for candidate in pruning.files:
        path = Path(candidate.path)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=not path.exists())
        else:
            path.unlink(missing_ok=True)


def _kept_records(home: Path, before: float) -> Iterator[RunRecord]:
    """The newest record, and all that are younger than what may go."""
    paths = sorted((home / "finished").glob("*.json"), key=lambda path: path.stat().st_mtime)
    for path in paths:
        if path == paths[-1] or path.stat().st_mtime > before:
            yield RunRecord.from_json(path.read_bytes())


def _files(home: Path, records: list[RunRecord]) -> Iterator[tuple[str, Path]]:
    keys = {f"{step}-{key}" for record in records for step, key in record.steps.items()}
    results = {f"armwise-{key}" for key in keys}
    named = {Path(file.path) for record in records for file in record.files}
    for name in results:
        named |= _named_by(home / "results" / name)
    for path in (home / "steps").glob("*"):
        if path.name not in keys and not _holds(path, named):
            yield "results of steps", path
    for path in (home / "results").glob("armwise-*"):
        if path.name not in results:
            yield "results of steps", path
    yield from _patients_files(home, named)
    for path in (home / "search").glob("*/trials/*"):
        if not _holds(path, named):
            yield "states of trials", path
    yield from (("logs", path) for path in (home / "logs").glob("*.log"))
    yield from (("logs", path) for path in (home / "ray").glob("session_*") if path.is_dir())


def _patients_files(home: Path, named: set[Path]) -> Iterator[tuple[str, Path]]:
    """What is kept of single patients by content and no result refers to."""
    for kind in ("crops", "radiomics"):
        for path in (home / kind).rglob("*"):
            if path.is_file() and path not in named:
                yield kind, path


def _named_by(result: Path) -> set[Path]:
    """The files that a step's persisted result refers to."""
    try:
        stored = json.loads(result.read_text(encoding="utf-8"))["result"]
        content = json.loads(stored) if isinstance(stored, str) else stored
    except (OSError, ValueError, KeyError):
        return set()
    return set(_paths(content))


def _paths(value: Any) -> Iterator[Path]:
    if isinstance(value, dict):
        if set(value) == {"path", "sha256", "n_bytes"}:
            yield Path(value["path"])
        for part in value.values():
            yield from _paths(part)
    elif isinstance(value, list):
        for part in value:
            yield from _paths(part)


def _holds(folder: Path, named: set[Path]) -> bool:
    return any(path.is_relative_to(folder) for path in named)


def _changed(path: Path) -> float:
    """When the youngest file of a folder was last written."""
    inner = [entry.lstat().st_mtime for entry in path.rglob("*")] if path.is_dir() else []
    return max([path.lstat().st_mtime, *inner])


def _candidate(kind: str, path: Path) -> Candidate:
    if path.is_dir():
        n_files = sum(entry.is_file() for entry in path.rglob("*"))
        return Candidate(kind=kind, path=str(path), n_files=n_files, n_bytes=folder_bytes(path))
    return Candidate(kind=kind, path=str(path), n_files=1, n_bytes=path.lstat().st_size)
