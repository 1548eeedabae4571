"""A table of features, one row a patient, as a radiomics tool or another network wrote it."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.errors import CohortRejected
from components.intake.cells import id_of, missing_cells, read_numbers, text_of
from components.intake.feature_columns import judge_features
from components.intake.findings import Findings, named
from components.intake.mapping import ColumnMapping
from components.intake.mapping_parts import FeatureIds, TableFormat
from components.intake.spreadsheets import Sheet, read_sheet, require_columns
from components.intake.table_files import check_size
from components.study.results import Adaptation, Quarantined

_FOUND_BY = "feature import"
_PARQUET_MAGIC = b"PAR1"


@dataclass(frozen=True, eq=False)
class FeatureImport:
    """The usable features (float64, indexed by `patient_id`, the file's order) and their origin.

    `network_id` names the file by its content; `left_out` are the patients whose row is unusable.
    """

    features: pd.DataFrame
    network_id: str
    left_out: tuple[Quarantined, ...]
    adaptations: tuple[Adaptation, ...]
    notes: tuple[str, ...]


def import_features(path: Path, mapping: ColumnMapping) -> FeatureImport:
    """The features of a file: CSV, XLSX or Parquet.

    Raises:
        CohortRejected: The file is no table, names no patient, or nothing in it can be used.
    """
    sheet = _read(path, mapping.features)
    patients, used = _patients(sheet, mapping)
    findings = Findings(patients, adaptations=list(sheet.adaptations))
    numbers = _numbers(sheet, used, mapping, findings)
    features = pd.DataFrame(numbers, index=pd.Index(patients, name="patient_id", dtype=object))
    features = _once(judge_features(features, sheet.name, findings), findings)
    features = features[~features.index.isin(list(findings.reasons))]
    if features.empty:
        msg = f"{sheet.name}: no patient's features can be used; are these the features?"
        raise CohortRejected(msg)
    return FeatureImport(
        features=features,
        network_id=f"features/{_sha256(path)[:16]}",
        left_out=findings.quarantined(_FOUND_BY),
        adaptations=tuple(findings.adaptations),
        notes=tuple(findings.notes),
    )


def unmatched(features: FeatureImport, patients: Collection[str]) -> tuple[str, ...]:
    """What to tell of patients in one of the two tables alone: the sheet, the features.

    Raises:
        CohortRejected: Not one patient stands in both.
    """
    everyone = pd.Index(patients).unique()
    strangers = features.features.index.difference(everyone)
    if len(strangers) == len(features.features):
        msg = (
            f"the features ({named(strangers)}) and the clinical sheet ({named(patients)}) share "
            "no patient; name the id column that both hold, or write the ids alike"
        )
        raise CohortRejected(msg)
    told = []
    if without := len(everyone.difference(features.features.index)):
        told.append(f"features: {without} of the {len(everyone)} patients of the sheet have none.")
    if not strangers.empty:
        told.append(f"features: patient {named(strangers)} of them is not in the clinical sheet.")
    return tuple(told)


def _read(path: Path, form: TableFormat) -> Sheet:
    check_size(path, form)
    with path.open("rb") as file:
        if file.read(4) != _PARQUET_MAGIC:
            return read_sheet(path, form)
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError, KeyError, NotImplementedError) as error:  # what pyarrow raises
        msg = f"{path}: cannot be read as Parquet ({type(error).__name__}); export it again"
        raise CohortRejected(msg) from None
    if table.index.name is not None:
        table = table.reset_index()
    if table.empty:
        msg = f"{path}: no row in it; export the features again"
        raise CohortRejected(msg)
    cells = table.set_axis([str(column) for column in table.columns], axis=1)
    return Sheet(path.name, cells, tuple(range(1, len(cells) + 1)), ())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _patients(sheet: Sheet, mapping: ColumnMapping) -> tuple[list[str], list[str]]:
    """The patient of each row and the columns that are not ids."""
    if mapping.feature_ids is not None:
        return _listed(mapping.feature_ids, sheet, mapping), sheet.columns
    column = mapping.features.id_column
    if column is None and mapping.patient_id.column in sheet.columns:
        column = mapping.patient_id.column
    if column is None:
        msg = (
            f"{sheet.name}: expected a column of patient ids, none is named and none is called "
            f"'{mapping.patient_id.column}' as in the clinical sheet; set features.id_column in "
            "the mapping, or feature_ids to a file that lists the patients in this file's order"
        )
        raise CohortRejected(msg)
    require_columns(sheet, {"features.id_column": column})
    return _ids(sheet, column), [one for one in sheet.columns if one != column]


def _listed(ids: FeatureIds, sheet: Sheet, mapping: ColumnMapping) -> list[str]:
    listing = read_sheet(Path(ids.file), TableFormat(), wanted=[ids.column] if ids.column else [])
    column = ids.column or _only_ids(listing, mapping.patient_id.column)
    require_columns(listing, {"feature_ids.column": column})
    if len(listing.cells) != len(sheet.cells):
        msg = (
            f"{listing.name}: expected one patient for each row of {sheet.name}, which has "
            f"{len(sheet.cells)}; it lists {len(listing.cells)}"
        )
        raise CohortRejected(msg)
    return _ids(listing, column)


def _only_ids(listing: Sheet, same_as_clinical: str) -> str:
    """The column of a listing that holds ids: named as in the clinical sheet, or the only one."""
    if same_as_clinical in listing.columns:
        return same_as_clinical
    left = [column for column in listing.columns if not counts_rows(listing.cells[column])]
    if len(left) == 1:
        return left[0]
    msg = (
        f"{listing.name}: expected one column of patient ids, it has {', '.join(listing.columns)}; "
        "write feature_ids: {file: ..., column: ...} in the mapping"
    )
    raise CohortRejected(msg)


def counts_rows(column: pd.Series) -> bool:
    """Whether a column only counts its rows, from 0 or from 1."""
    texts = [text_of(cell).strip() for cell in column]
    return any(texts == [str(first + row) for row in range(len(texts))] for first in (0, 1))


def _ids(sheet: Sheet, column: str) -> list[str]:
    cells = sheet.cells[column]
    empty = missing_cells(cells)
    if empty.any():
        rows = [str(row) for row, gap in zip(sheet.rows, empty, strict=True) if gap]
        msg = f"{sheet.name}: column '{column}': no patient id in row {', '.join(rows[:5])}"
        raise CohortRejected(msg)
    return [id_of(cell) for cell in cells]


def _numbers(
    sheet: Sheet, columns: list[str], mapping: ColumnMapping, findings: Findings
) -> dict[str, NDArray[np.float64]]:
    """The columns that hold numbers; text and running numbers are left out, and that is said."""
    numbers: dict[str, NDArray[np.float64]] = {}
    text: list[str] = []
    for column in columns:
        cells = sheet.cells[column]
        values = _column(cells, mapping)
        if values is None or _only_an_index(column, cells):
            text.append(column)
        else:
            numbers[column] = values
    if not numbers:
        msg = f"{sheet.name}: no column of it holds numbers; are these the features?"
        raise CohortRejected(msg)
    if text:
        findings.adapted(
            "numbers in every column of the features",
            f"left out: {named(text)}",
            "they hold text or only count the rows",
        )
    return numbers


def _only_an_index(column: str, cells: pd.Series) -> bool:
    unnamed = column.startswith(("column ", "Unnamed"))
    return (unnamed or column.casefold() in {"index", "row"}) and counts_rows(cells)


def _column(cells: pd.Series, mapping: ColumnMapping) -> NDArray[np.float64] | None:
    """Values (n,), infinite and unreadable ones as NaN; None where most cells are no numbers."""
    if pd.api.types.is_numeric_dtype(cells):
        values = cells.to_numpy(dtype=np.float64, na_value=np.nan)
        return np.where(np.isfinite(values), values, np.nan)
    values = np.full(len(cells), np.nan)
    if mapping.features.decimal == ".":  # quick; what is odd is then read cell by cell
        values = pd.to_numeric(cells, errors="coerce").to_numpy(dtype=np.float64, copy=True)
    odd = np.flatnonzero(~np.isfinite(values))
    missing = missing_cells(cells.iloc[odd])
    read = read_numbers(cells.iloc[odd], missing, mapping.features.decimal)
    values[odd] = read.values
    n_known = len(cells) - int(missing.sum())
    return None if n_known and len(read.faults) > n_known / 2 else values


def _once(features: pd.DataFrame, findings: Findings) -> pd.DataFrame:
    """Patients with identical rows once; those whose rows differ are left out."""
    repeated = features[features.index.duplicated(keep=False)]
    if repeated.empty:
        return features
    same: list[str] = []
    for patient, rows in repeated.groupby(level=0, sort=False):
        if len(rows.drop_duplicates()) == 1:
            same.append(str(patient))
        else:
            reason = f"has {len(rows)} rows of features that differ; keep one of them"
            findings.reasons.setdefault(str(patient), []).append(reason)
    if same:
        findings.adapted(
            "one row of features for each patient",
            f"identical rows kept once (patient {named(same)})",
            "they stand in the features more than once",
        )
    return features[~features.index.duplicated(keep="first")]
