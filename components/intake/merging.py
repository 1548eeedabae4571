"""A cohort that lives: newcomers join, outcomes of known patients are refreshed, all is logged."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from components.cohort.schema import ENDPOINT_COLUMNS
from components.study.files import written_whole
from components.study.results import Record

What = Literal["joined", "outcome", "clinical", "images", "roi"]


class Change(Record):
    """What an import changed for a patient; `columns` name what, a log holds no clinical value."""

    patient_id: str
    what: What
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Merged:
    """The clinical table after an import, what changed, and what was not taken over and why."""

    table: pd.DataFrame
    changes: tuple[Change, ...]
    notes: tuple[str, ...]


def merge_clinical(
    before: pd.DataFrame | None,
    imported: pd.DataFrame,
    *,
    held: Collection[str],
    accept_corrections: bool,
) -> Merged:
    """The table with an import's rows in it, indexed by patient, everybody once.

    Known patients who are set aside now keep the row that they had. An outcome that goes back (a
    death undone, a shorter follow-up) is taken over only as an accepted correction. Patients whom
    the import does not hold stay: leaving is a withdrawal.
    """
    imported = imported[~imported.index.duplicated()]
    if before is None or before.empty:
        return Merged(imported, tuple(_joined(imported.index)), ())
    known = imported.index.intersection(before.index)
    kept = [patient for patient in known if patient in held]
    back = [] if accept_corrections else _going_back(before, imported, known.difference(kept))
    fresh = imported.drop(index=kept)
    fresh = _with_outcomes_of(fresh, before, back)
    table = _stacked(fresh, before.drop(index=fresh.index.intersection(before.index)))
    changes = list(_joined(imported.index.difference(before.index)))
    changes += _changed(before, fresh)
    return Merged(table, tuple(changes), tuple(_notes(before, imported, kept, back)))


def _joined(patients: pd.Index) -> list[Change]:
    return [Change(patient_id=str(patient), what="joined") for patient in patients]


def _going_back(before: pd.DataFrame, imported: pd.DataFrame, patients: pd.Index) -> list[str]:
    old = before.loc[patients, list(ENDPOINT_COLUMNS)]
    new = imported.loc[patients, list(ENDPOINT_COLUMNS)]
    less = (new < old).any(axis=1) | (new.isna() & old.notna()).any(axis=1)
    return [str(patient) for patient in patients[less.to_numpy()]]


def _with_outcomes_of(
    table: pd.DataFrame, before: pd.DataFrame, patients: Sequence[str]
) -> pd.DataFrame:
    if not patients:
        return table
    table = table.copy()
    for column in ENDPOINT_COLUMNS:
        table.loc[patients, column] = before.loc[patients, column]
    return table


def _stacked(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """The rows of both, the columns of both, each in the type that it has in one of them."""
    index = first.index.append(second.index)
    columns: dict[str, pd.Series] = {}
    for name in dict.fromkeys([*first.columns, *second.columns]):
        typed = (first if name in first else second)[name]
        values = [*_cells(first, name), *_cells(second, name)]
        columns[name] = pd.Series(values, index=index, dtype=typed.dtype)
    return pd.DataFrame(columns, index=index).rename_axis(first.index.name)


def _cells(table: pd.DataFrame, name: str) -> list[Any]:
    return table[name].tolist() if name in table else [None] * len(table)


def _changed(before: pd.DataFrame, fresh: pd.DataFrame) -> list[Change]:
    changes = []
    shared = [name for name in fresh.columns if name in before.columns]
    new_columns = tuple(name for name in fresh.columns if name not in before.columns)
    for patient in fresh.index.intersection(before.index):
        old, new = before.loc[patient], fresh.loc[patient]
        names = [name for name in shared if not _same(old[name], new[name])]
        names += [name for name in new_columns if not pd.isna(new[name])]
        outcome = tuple(name for name in names if name in ENDPOINT_COLUMNS)
        other = tuple(name for name in names if name not in ENDPOINT_COLUMNS)
        if outcome:
            changes.append(Change(patient_id=str(patient), what="outcome", columns=outcome))
        if other:
            changes.append(Change(patient_id=str(patient), what="clinical", columns=other))
    return changes


def _same(old: Any, new: Any) -> bool:
    if pd.isna(old) or pd.isna(new):
        return bool(pd.isna(old) and pd.isna(new))
    return bool(old == new)


def _notes(
    before: pd.DataFrame, imported: pd.DataFrame, kept: Sequence[str], back: Sequence[str]
) -> list[str]:
    notes = []
    if back:
        notes.append(
            f"{len(back)} known patients have a shorter follow-up or no death any more "
            f"({', '.join(back)}): their outcome is kept as it was; --accept-corrections takes it "
            "over"
        )
    if kept:
        notes.append(
            f"{len(kept)} known patients are set aside in this import and keep their row "
            f"({', '.join(kept)})"
        )
    absent = before.index.difference(imported.index)
    if len(absent):
        notes.append(
            f"{len(absent)} known patients are not in this sheet and stay; `armwise withdraw` "
            "takes a patient out"
        )
    return notes


def append_changes(path: Path, changes: Sequence[Change]) -> None:
    """Adds an import's changes to the log of a dataset, numbered by import."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    numbers = [json.loads(line).get("import", 0) for line in lines]
    number = max(numbers, default=0) + 1
    lines += [
        json.dumps({"import": number, **change.model_dump(mode="json")}) for change in changes
    ]
    with written_whole(path) as partial:
        partial.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
