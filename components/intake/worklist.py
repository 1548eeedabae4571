"""ROIs to correct go out to 3D Slicer as plain files, and corrected ones come back.

A worklist is a folder outside the dataset: a subfolder for each patient, named by pseudonym, with
copies of his CT volumes and ROIs (copies, because 3D Slicer overwrites files in place), and
`worklist.csv`, which says why each is in it.
"""

import csv
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from components.cohort.dataset import Dataset, read_table, write_table
from components.errors import CohortRejected, PatientRejected, UsageError
from components.imaging.agreement import agreement, compare_readers, review_list, together
from components.imaging.crop import require_inside
from components.imaging.ct_files import read_ct
from components.imaging.masks import on_grid, volume_ml
from components.imaging.quality import image_figures
from components.imaging.readers import open_ct
from components.imaging.segmentation import Segment, read_segments, write_segments
from components.imaging.volume import Volume
from components.intake.merging import Change, append_changes
from components.study.files import written_whole
from components.study.results import Quarantined, Record
from components.study.vocabulary import Phase

WORKLIST = "worklist.csv"
EVERYBODY = "nobody is known to need it: look at all"

_COLUMNS = ("patient_id", "reason", "done")
_ROLE = "the corrected ROI"
_DECIMALS = 3
_HELD_BACK = ("no", "n")

Outcome = Literal["taken over", "unchanged", "held back", "refused"]


class RoiReturn(Record):
    """What became of a patient's ROI that came back.

    Volumes are those of all his lesions together; Dice compares these before and after.
    """

    patient_id: str
    outcome: Outcome
    reason: str | None = None
    n_lesions: int | None = None
    volume_before_ml: float | None = None
    volume_after_ml: float | None = None
    dice: float | None = None


def patients_with_images(dataset: Dataset) -> tuple[str, ...]:
    """The pseudonyms of everybody who has a CT volume in the dataset."""
    folders = sorted(dataset.roi_path("x").parents[1].glob("*/"))
    return tuple(folder.name for folder in folders if _volumes(dataset, folder.name))


def needing_correction(dataset: Dataset, quarantined: Iterable[Quarantined]) -> dict[str, str]:
    """Why a patient's ROI should be looked at: set aside for it, or his readers disagree.

    Args:
        dataset: The dataset.
        quarantined: Who is set aside and why; reasons that name no ROI are passed over.
    """
    reasons: dict[str, list[str]] = {}
    for entry in quarantined:
        if "ROI" in entry.reason:
            reasons.setdefault(entry.patient_id, []).append(entry.reason)
    for patient_id in patients_with_images(dataset):
        reasons.setdefault(patient_id, []).extend(_disagreements(dataset, patient_id))
    return {patient: "; ".join(dict.fromkeys(why)) for patient, why in reasons.items() if why}


def _disagreements(dataset: Dataset, patient_id: str) -> list[str]:
    try:
        agreements = compare_readers(patient_id, _reader_rois(dataset, patient_id))
    except PatientRejected as error:
        return [error.reason]
    return [item.reason for item in review_list(agreements)]


def _reader_rois(dataset: Dataset, patient_id: str) -> dict[int, Path]:
    folder = dataset.roi_path(patient_id).parent
    numbers = (path.name[len("roi_reader") :].split(".")[0] for path in _reader_files(folder))
    return {int(n): dataset.reader_roi_path(patient_id, int(n)) for n in numbers if n.isdigit()}


def _reader_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("roi_reader*.seg.nrrd"))


def _volumes(dataset: Dataset, patient_id: str) -> list[Path]:
    return [path for phase in Phase if (path := dataset.image_path(patient_id, phase)).is_file()]


def send_out(dataset: Dataset, folder: Path, reasons: Mapping[str, str]) -> tuple[str, ...]:
    """Writes a worklist; returns the patients in it.

    Patients without a CT volume in the dataset cannot go out and are left out.

    Args:
        dataset: The dataset.
        folder: A new or empty folder outside the dataset.
        reasons: Why each patient goes out, by pseudonym.

    Raises:
        UsageError: There is something in the folder, or it lies in the dataset.
    """
    if folder.resolve().is_relative_to(dataset.root.resolve()):
        msg = f"{folder} lies in {dataset.root}, which is versioned; name a folder outside it"
        raise UsageError(msg)
    if folder.exists() and any(folder.iterdir()):
        msg = f"expected no files in {folder}, found some; name a new folder, lest work be lost"
        raise UsageError(msg)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    sent = [patient for patient in sorted(reasons) if _volumes(dataset, patient)]
    for patient_id in sent:
        own = folder / patient_id
        own.mkdir(mode=0o700)
        roi = dataset.roi_path(patient_id)
        for path in (*_volumes(dataset, patient_id), roi, *_reader_files(roi.parent)):
            if path.is_file():
                shutil.copyfile(path, own / path.name)
    with (
        written_whole(folder / WORKLIST) as partial,
        partial.open("w", encoding="utf-8", newline="") as file,
    ):
        rows = csv.writer(file)
        rows.writerow(_COLUMNS)
        rows.writerows([patient, reasons[patient], ""] for patient in sent)
    return tuple(sent)


def take_back(dataset: Dataset, folder: Path) -> tuple[RoiReturn, ...]:
    """Takes over the corrected ROIs of a worklist; bad ones change nothing.

    A patient whose `done` says no is held back. Every segment that holds a voxel counts as a
    lesion. Killed halfway, it is typed again and ends as if nothing had happened.

    Raises:
        UsageError: The folder is no worklist.
        CohortRejected: The worklist or the manifest cannot be read.
    """
    manifest = _manifest(dataset)
    known = set(patients_with_images(dataset)) & set(manifest["patient_id"].astype(str))
    returns = []
    for patient_id, done in _read_worklist(folder / WORKLIST).items():
        if done.strip().lower() in _HELD_BACK:
            returns.append(RoiReturn(patient_id=patient_id, outcome="held back"))
            continue
        try:
            _require_known(patient_id, known)
            one, figures = _take_back_one(dataset, folder / patient_id, patient_id, manifest)
        except PatientRejected as error:
            refused = RoiReturn(patient_id=patient_id, outcome="refused", reason=error.reason)
            returns.append(refused)
            continue
        returns.append(one)
        manifest = _with_figures(manifest, patient_id, figures)
    taken = [one.patient_id for one in returns if one.outcome == "taken over"]
    if taken:
        write_table(manifest, dataset.manifest_path)
        changes = [Change(patient_id=patient, what="roi") for patient in taken]
        append_changes(dataset.changes_path, changes)
    return tuple(returns)


def _manifest(dataset: Dataset) -> pd.DataFrame:
    table = read_table(dataset.manifest_path)
    if not {"patient_id", "roi_voxels"} <= set(table.columns):
        msg = "the image manifest lacks patient_id or roi_voxels; import the images again"
        raise CohortRejected(msg)
    return table


def _require_known(patient_id: str, known: Collection[str]) -> None:
    """Refuses who is not in the dataset, before his id becomes part of a path."""
    if patient_id not in known:
        reason = "has no images in the dataset; correct the ROI at its source and import again"
        raise PatientRejected(patient_id, reason)


def _read_worklist(path: Path) -> dict[str, str]:
    """What `done` says of each patient."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except FileNotFoundError:
        msg = f"expected {path}, found none; is it a folder that `armwise rois out` wrote?"
        raise UsageError(msg) from None
    except (UnicodeDecodeError, csv.Error):
        msg = f"{path} cannot be read as CSV in UTF-8; save it so"
        raise CohortRejected(msg) from None
    if any("patient_id" not in row for row in rows):
        msg = f"{path}: expected the columns {', '.join(_COLUMNS)}; save it with commas"
        raise CohortRejected(msg)
    return {str(row["patient_id"]).strip(): str(row.get("done") or "") for row in rows}


def _take_back_one(
    dataset: Dataset, folder: Path, patient_id: str, manifest: pd.DataFrame
) -> tuple[RoiReturn, dict[str, object]]:
    """One patient's ROI, checked and written; and his new figures of the manifest.

    Raises:
        PatientRejected: The ROI cannot be used; nothing was changed.
    """
    path = dataset.roi_path(patient_id)
    segments = read_segments(folder / path.name, pseudonym=patient_id, role=_ROLE)
    for ct in _volumes(dataset, patient_id):
        for segment in segments:
            require_inside(open_ct(ct, patient_id=patient_id), _points(segment))
    before = _segments_before(path, patient_id)
    if _is_same(before, segments) and _is_recorded(manifest, patient_id, before):
        return RoiReturn(patient_id=patient_id, outcome="unchanged"), {}
    arterial, portal_venous = (_volume(dataset, patient_id, phase) for phase in Phase)
    found = image_figures(
        patient_id, arterial, portal_venous, [segment.mask for segment in segments]
    )
    write_segments(path, segments)
    now = together(segments)
    compared = agreement(together(before), now) if before else None
    return RoiReturn(
        patient_id=patient_id,
        outcome="taken over",
        n_lesions=len(segments),
        volume_before_ml=compared and compared.volume_a_ml,
        volume_after_ml=volume_ml(now),
        dice=compared and compared.dice,
    ), found.model_dump(exclude={"patient_id"})


def _volume(dataset: Dataset, patient_id: str, phase: Phase) -> Volume | None:
    """The CT of a phase; None where the patient has none."""
    path = dataset.image_path(patient_id, phase)
    role = f"the {phase.value.replace('_', ' ')} phase"
    return read_ct(path, pseudonym=patient_id, role=role)[0] if path.is_file() else None


def _points(segment: Segment) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    index = np.argwhere(segment.mask.voxels)[:, ::-1].astype(np.float64)
    return segment.mask.geometry.to_physical(index)


def _segments_before(path: Path, patient_id: str) -> tuple[Segment, ...]:
    """The lesions as the dataset has them; none where that file is missing or damaged."""
    try:
        return read_segments(path, pseudonym=patient_id, role="the ROI")
    except PatientRejected:
        return ()


def _is_same(before: Sequence[Segment], now: Sequence[Segment]) -> bool:
    """Whether the same voxels are marked, lesion by lesion, whatever part of the CT is stored."""
    if len(before) != len(now):
        return False
    return all(_same_mask(a, b) for a, b in zip(_by_size(before), _by_size(now), strict=True))


def _by_size(segments: Sequence[Segment]) -> list[Segment]:
    return sorted(segments, key=lambda segment: -int(segment.mask.voxels.sum()))


def _same_mask(a: Segment, b: Segment) -> bool:
    if a.mask.voxels.sum() != b.mask.voxels.sum():
        return False
    return bool(np.array_equal(on_grid(b.mask, a.mask.geometry), a.mask.voxels))


def _is_recorded(manifest: pd.DataFrame, patient_id: str, segments: Sequence[Segment]) -> bool:
    """Whether the manifest counts these lesions; not so where a run was killed before it could."""
    recorded = manifest.loc[manifest["patient_id"].astype(str) == patient_id, "roi_voxels"]
    sizes = [int(segment.mask.voxels.sum()) for segment in segments]
    return bool(recorded.isin([max(sizes), sum(sizes)]).all())


def _with_figures(
    manifest: pd.DataFrame, patient_id: str, figures: Mapping[str, object]
) -> pd.DataFrame:
    """The manifest with a patient's new figures in the columns that it has."""
    changed = manifest.copy()
    row = changed["patient_id"].astype(str) == patient_id
    for name, value in figures.items():
        if name in changed.columns:
            changed.loc[row, name] = round(value, _DECIMALS) if isinstance(value, float) else value
    return changed
