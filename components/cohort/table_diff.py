"""What changed between two versions of a cohort: patients, outcomes, cells, split and images.

A comparison of tables and of files' digests; it reads nothing and prints nothing.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from components.cohort.schema import ENDPOINT_COLUMNS
from components.study.results import Record

_IMAGES = "images"
_VOLUME = ".nii.gz"
_SEGMENTS = ".seg.nrrd"
_TABLES = ("clinical.parquet", "manifest.parquet", "split.parquet")


@dataclass(frozen=True, eq=False)
class CohortVersion:
    """A version's tables, with `patient_id` as a column, and the digest of each file by its path.

    `clinical` and `manifest` are empty tables where the version has none.
    """

    clinical: pd.DataFrame
    manifest: pd.DataFrame
    split: Mapping[str, str]
    files: Mapping[str, str]

    @property
    def patients(self) -> frozenset[str]:
        """Everyone in the clinical table."""
        return frozenset(_keyed(self.clinical).index)


class CellChange(Record):
    """A patient's cell before and after, as text; None for an empty one."""

    patient_id: str
    old: str | None
    new: str | None


class ColumnChange(Record):
    """A column of the clinical table or the manifest that differs in patients of both versions."""

    table: Literal["clinical", "manifest"]
    column: str
    cells: tuple[CellChange, ...]


class OutcomeChange(Record):
    """A patient's outcome before and after: days since treatment and 1 = dead, 0 = censored.

    `is_backward` says that time or a death was taken back, which no later visit explains.
    """

    patient_id: str
    what: str
    is_backward: bool
    old_days: float | None
    old_death: float | None
    new_days: float | None
    new_death: float | None


class Moved(Record):
    """A patient in another part of the split than before; `new` is None where the place is lost."""

    patient_id: str
    old: str
    new: str | None


class ImageChange(Record):
    """A patient's volume or ROI that came, went or has other bytes."""

    patient_id: str
    part: str
    how: Literal["added", "removed", "changed"]


class CohortDiff(Record):
    """All that differs from one version to another; empty where nothing does.

    `joined` and `left` go by the clinical table; columns are those of patients in both versions;
    `repeated` are patients with several rows, of whom the first is compared; `other_files` are
    changed files beside tables and images.
    """

    joined: tuple[str, ...]
    left: tuple[str, ...]
    columns_added: tuple[str, ...]
    columns_removed: tuple[str, ...]
    columns: tuple[ColumnChange, ...]
    outcomes: tuple[OutcomeChange, ...]
    moved: tuple[Moved, ...]
    images: tuple[ImageChange, ...]
    other_files: tuple[str, ...]
    repeated: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether the two versions say the same; `repeated` is no difference."""
        return not any(getattr(self, name) for name in type(self).model_fields if name[:3] != "rep")


def compare_cohorts(old: CohortVersion, new: CohortVersion) -> CohortDiff:
    """What changed from `old` to `new`.

    Args:
        old: The earlier version.
        new: The later version.
    """
    before, after = _keyed(old.clinical), _keyed(new.clinical)
    both = before.index.intersection(after.index).sort_values()
    clinical = list(_columns("clinical", before, after, both))
    manifest = list(_columns("manifest", _keyed(old.manifest), _keyed(new.manifest), both))
    outcome = [name for name in ENDPOINT_COLUMNS if name in before and name in after]
    return CohortDiff(
        joined=tuple(sorted(new.patients - old.patients)),
        left=tuple(sorted(old.patients - new.patients)),
        columns_added=_named(new, old),
        columns_removed=_named(old, new),
        columns=tuple(one for one in (*clinical, *manifest) if one.column not in ENDPOINT_COLUMNS),
        outcomes=tuple(_outcomes(before, after, both)) if len(outcome) == 2 else (),
        moved=tuple(_moved(old, new)),
        images=tuple(_images(old.files, new.files)),
        other_files=_other_files(old.files, new.files),
        repeated=_repeated(old.clinical, new.clinical),
    )


def _keyed(table: pd.DataFrame) -> pd.DataFrame:
    """The table by patient, the first row of each."""
    if "patient_id" not in table:
        return pd.DataFrame(index=pd.Index([], dtype=object))
    keyed = table.set_index(table["patient_id"].astype(str)).drop(columns="patient_id")
    return keyed[~keyed.index.duplicated()]


def _repeated(*tables: pd.DataFrame) -> tuple[str, ...]:
    named = [table["patient_id"].astype(str) for table in tables if "patient_id" in table]
    return tuple(sorted({name for names in named for name in names[names.duplicated()]}))


def _named(these: CohortVersion, others: CohortVersion) -> tuple[str, ...]:
    """Columns that only the first version has, in the order of its tables."""
    clinical = [one for one in these.clinical.columns if one not in others.clinical.columns]
    manifest = [one for one in these.manifest.columns if one not in others.manifest.columns]
    return tuple(map(str, dict.fromkeys((*clinical, *manifest))))


def _columns(
    name: Literal["clinical", "manifest"], old: pd.DataFrame, new: pd.DataFrame, both: pd.Index
) -> Iterator[ColumnChange]:
    patients = both.intersection(old.index).intersection(new.index)
    for column in (one for one in old.columns if one in new.columns):
        before, after = old.loc[patients, column], new.loc[patients, column]
        cells = tuple(_cells(patients, before, after))
        if cells:
            yield ColumnChange(table=name, column=str(column), cells=cells)


def _cells(patients: pd.Index, before: pd.Series, after: pd.Series) -> Iterator[CellChange]:
    for patient, old, new in zip(patients, before, after, strict=True):
        said = _text(old), _text(new)
        if said[0] != said[1]:
            yield CellChange(patient_id=patient, old=said[0], new=said[1])


def _text(cell: object) -> str | None:
    """A cell as text, the same for 1, 1.0 and True, whose columns only have other types."""
    if cell is None or cell is pd.NA or (isinstance(cell, float) and math.isnan(cell)):
        return None
    number = cell.item() if hasattr(cell, "item") else cell
    if isinstance(number, bool | int | float):
        return repr(float(number)).removesuffix(".0")
    return str(cell)


def _outcomes(old: pd.DataFrame, new: pd.DataFrame, both: pd.Index) -> Iterator[OutcomeChange]:
    days, death = ENDPOINT_COLUMNS
    numbers = [
        pd.to_numeric(table.loc[both, name], errors="coerce")
        for table in (old, new)
        for name in (days, death)
    ]
    for patient, *cells in zip(both, *numbers, strict=True):
        old_days, old_death, new_days, new_death = (
            None if math.isnan(cell) else float(cell) for cell in cells
        )
        said = _outcome((old_days, old_death), (new_days, new_death))
        if said is not None:
            yield OutcomeChange(
                patient_id=patient,
                what=said[0],
                is_backward=said[1],
                old_days=old_days,
                old_death=old_death,
                new_days=new_days,
                new_death=new_death,
            )


_Outcome = tuple[float | None, float | None]


def _outcome(old: _Outcome, new: _Outcome) -> tuple[str, bool] | None:
    """What happened to an outcome, and whether it went backward; None where nothing did."""
    if old == new:
        return None
    (old_days, old_death), (new_days, new_death) = old, new
    if new_days is None or new_death is None:
        return "outcome now missing", True
    if old_days is None or old_death is None:
        return "outcome now known", False
    is_earlier = new_days < old_days
    if old_death == new_death == 1:
        return "day of death changed", True
    if old_death == 1:
        return "dead before, now alive", True
    if new_death == 1:
        return ("died before the earlier last visit" if is_earlier else "died"), is_earlier
    return ("followed less long than before" if is_earlier else "followed longer"), is_earlier


def _moved(old: CohortVersion, new: CohortVersion) -> Iterator[Moved]:
    for patient in sorted(old.split):
        place = new.split.get(patient)
        if place != old.split[patient] and (place is not None or patient in new.patients):
            yield Moved(patient_id=patient, old=old.split[patient], new=place)


def _images(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[ImageChange]:
    """By patient and part; images of patients who joined or left are told with them as well."""
    for path in sorted({*old, *new}):
        parts = path.split("/")
        if parts[0] != _IMAGES or len(parts) != 3 or old.get(path) == new.get(path):
            continue
        how: Literal["added", "removed", "changed"] = "changed"
        if path not in old:
            how = "added"
        elif path not in new:
            how = "removed"
        part = parts[2].removesuffix(_VOLUME).removesuffix(_SEGMENTS)
        yield ImageChange(patient_id=parts[1], part=part, how=how)


def _other_files(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[str, ...]:
    changed = {path for path in {*old, *new} if old.get(path) != new.get(path)}
    return tuple(
        sorted(one for one in changed if not one.startswith(f"{_IMAGES}/") and one not in _TABLES)
    )


def patients_changed(diff: CohortDiff) -> tuple[str, ...]:
    """Patients of both versions of whom anything differs."""
    named = {cell.patient_id for column in diff.columns for cell in column.cells}
    named |= {one.patient_id for one in diff.outcomes} | {one.patient_id for one in diff.moved}
    named |= {one.patient_id for one in diff.images}
    return tuple(sorted(named - {*diff.joined, *diff.left}))
