"""What an import writes: the dataset's tables, its card, its log, and what was found."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from components.cohort.clinical_table import read_clinical
from components.cohort.dataset import Dataset, DatasetCard, IntakeFindings, read_table, write_table
from components.cohort.schema import MANIFEST_COLUMNS
from components.intake.clinical_import import ClinicalImport
from components.intake.image_import import ImportedImages
from components.intake.mapping import ColumnMapping
from components.intake.merging import Change, append_changes, merge_clinical
from components.study.files import written_whole
from components.study.results import Quarantined, Record
from components.study.vocabulary import TreatmentArm

_DAYS = "days_ct_to_treatment"


class ImportResult(Record):
    """What an import did: patients of the sheet and usable ones by arm, what changed and was found.

    `n_read` counts the patients whose images had to be read, `n_known` those that had been before.
    """

    n_rows: dict[str, int]
    n_usable_by_arm: dict[str, int]
    n_read: int
    n_known: int
    findings: IntakeFindings
    changes: tuple[Change, ...]
    has_images: bool
    has_split: bool

    @property
    def n_usable(self) -> int:
        """Patients who can be used, all arms together."""
        return sum(self.n_usable_by_arm.values())


def write_dataset(
    dataset: Dataset,
    mapping: ColumnMapping,
    clinical: ClinicalImport,
    images: Sequence[ImportedImages],
    aside: Sequence[Quarantined],
    *,
    accept_corrections: bool,
) -> ImportResult:
    """Merges an import into the dataset's tables, each written whole or not at all.

    Raises:
        CohortRejected: A table that stands there cannot be read.
    """
    quarantined = (*clinical.quarantined, *aside)
    held = {one.patient_id for one in quarantined}
    table = _with_days(clinical.table, images)
    before = _table_before(dataset)
    merged = merge_clinical(
        before,
        table.drop(columns="split", errors="ignore"),
        held={one.patient_id for one in clinical.quarantined},
        accept_corrections=accept_corrections,
    )
    changes = (*merged.changes, *_image_changes(dataset, images))
    dataset.root.mkdir(parents=True, exist_ok=True)
    _write_images(dataset, images)
    dataset.write_codebook(clinical.variables.values())
    write_table(merged.table.rename_axis("patient_id").reset_index(), dataset.clinical_path)
    _write_split(dataset, clinical)
    findings = IntakeFindings(
        quarantined=quarantined,
        adaptations=clinical.adaptations,
        notes=(*clinical.notes, *merged.notes, *_image_notes(images)),
    )
    _write_text(dataset.card_path, _card(mapping, clinical, merged.table).to_json() + "\n")
    _write_text(dataset.intake_path, findings.model_dump_json(indent=1) + "\n")
    if changes:
        append_changes(dataset.changes_path, changes)
    usable = table[~table.index.isin(held)]
    return ImportResult(
        n_rows=_by_arm(table),
        n_usable_by_arm=_by_arm(usable),
        n_read=sum(not one.was_known for one in images),
        n_known=sum(one.was_known for one in images),
        findings=findings,
        changes=changes,
        has_images=mapping.images is not None,
        has_split=dataset.split_path.is_file(),
    )


def _by_arm(table: pd.DataFrame) -> dict[str, int]:
    counts = table[~table.index.duplicated()]["arm"].value_counts()
    return {arm.value: int(counts.get(arm.value, 0)) for arm in TreatmentArm}


def _table_before(dataset: Dataset) -> pd.DataFrame | None:
    return read_clinical(dataset, predictors=()) if dataset.clinical_path.is_file() else None


def _with_days(table: pd.DataFrame, images: Sequence[ImportedImages]) -> pd.DataFrame:
    """The days from CT to treatment as the DICOM files say it, where the sheet does not."""
    found = {one.patient_id: one.figures.get(_DAYS) for one in images}
    known = pd.Series({key: day for key, day in found.items() if day is not None}, dtype="float64")
    if known.empty:
        return table
    from_files = pd.Series(table.index.map(known), index=table.index, dtype="float64")
    days = table[_DAYS].fillna(from_files) if _DAYS in table else from_files
    return table.assign(**{_DAYS: days})


def _image_changes(dataset: Dataset, images: Sequence[ImportedImages]) -> list[Change]:
    """Known patients whose images were read anew."""
    if not dataset.manifest_path.is_file():
        return []
    known = set(read_table(dataset.manifest_path)["patient_id"])
    return [
        Change(patient_id=one.patient_id, what="images")
        for one in images
        if not one.was_known and one.patient_id in known
    ]


def _write_images(dataset: Dataset, images: Sequence[ImportedImages]) -> None:
    """The manifest: rows of patients read now, and of all others as they stand.

    A patient of whom nothing was read anew keeps his row: his ROI may have been corrected since.
    """
    if not images:
        return
    before = read_table(dataset.manifest_path) if dataset.manifest_path.is_file() else None
    known = set() if before is None else set(before["patient_id"])
    rows = [
        {"patient_id": one.patient_id, **one.figures}
        for one in images
        if not one.was_known or one.patient_id not in known
    ]
    kept = [] if before is None else before.to_dict("records")
    anew = {row["patient_id"] for row in rows}
    rows += [row for row in kept if row["patient_id"] not in anew]
    table = pd.DataFrame(rows).sort_values("patient_id")
    first = [name for name in MANIFEST_COLUMNS if name in table]
    others = [name for name in table.columns if name not in first]
    write_table(table[[*first, *others]], dataset.manifest_path)


def _write_split(dataset: Dataset, clinical: ClinicalImport) -> None:
    """The sheet's own split, once: who stands in `split.parquet` never moves."""
    if "split" not in clinical.table or dataset.split_path.is_file():
        return
    split = clinical.table["split"][~clinical.table.index.duplicated()].dropna()
    write_table(split.rename_axis("patient_id").reset_index(), dataset.split_path)


def _image_notes(images: Sequence[ImportedImages]) -> list[str]:
    return [f"{one.patient_id}: {note}" for one in images for note in one.notes]


def _card(mapping: ColumnMapping, clinical: ClinicalImport, table: pd.DataFrame) -> DatasetCard:
    present = set(table["arm"])
    return DatasetCard(
        name=mapping.study.title,
        origin=mapping.study.origin,
        arms=tuple(arm for arm in TreatmentArm if arm.value in present),
        units={name: one.unit for name, one in clinical.variables.items() if one.unit},
        description="Imported from a hospital's folder; intervals in days stand for its dates.",
    )


def _write_text(path: Path, text: str) -> None:
    with written_whole(path) as partial:
        partial.write_text(text, encoding="utf-8")
