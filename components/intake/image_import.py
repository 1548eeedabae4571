"""One patient's images: found, read, measured and written into the dataset.

Runs in a worker process. What a patient's source files hold is read again only when these, the
mapping's part on images or the day of treatment have changed: a record beside the dataset holds
the key of what was read.
"""

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from components.cohort.dataset import Dataset
from components.errors import PatientRejected
from components.imaging.ct_files import write_ct
from components.imaging.dicom_series import DicomSeries, index_dicom
from components.imaging.segment_writing import write_segments
from components.intake.image_sources import PatientImages, read_images
from components.intake.mapping_images import ImageSource
from components.intake.source_files import PatientFiles
from components.study.files import written_whole
from components.study.results import Quarantined, Record
from components.study.vocabulary import Phase

FOUND_BY = "image import"
_LAYOUT = 1
"""Raised where the same source files would be written otherwise than before."""
_RECORD = "images.json"
_CHUNK = 1 << 20

Figure = float | int | str | bool | None


class ImportedImages(Record):
    """What was written for a patient: `figures` are his row of the manifest.

    `fingerprints` name the voxels of each phase by content: two patients who share one are the same
    examination. `was_known` says that nothing had to be read.
    """

    patient_id: str
    key: str
    figures: dict[str, Figure]
    fingerprints: dict[Phase, str]
    notes: tuple[str, ...]
    was_known: bool = False


@dataclass(frozen=True)
class ImageJob:
    """A patient whose images are to be imported.

    `series` are his DICOM series where all patients share a folder; else his own folder is indexed.
    """

    pseudonym: str
    patient_id: str
    treated_on: date | None
    source: Path
    files: PatientFiles
    images: ImageSource
    series: tuple[DicomSeries, ...]
    data: Path
    records: Path

    @property
    def record_path(self) -> Path:
        """Where it is kept what was read of this patient."""
        return self.records / self.pseudonym / _RECORD


def import_images(job: ImageJob) -> ImportedImages | Quarantined:
    """Imports a patient's images, or says why they cannot be used."""
    try:
        return _import(job)
    except PatientRejected as error:
        reason = error.reason
    except Exception as error:  # noqa: BLE001  a damaged file raises whatever its bytes happen to hit
        reason = (
            f"the images cannot be read ({type(error).__name__}); open them in a viewer, and "
            "export them again where it fails too"
        )
    return Quarantined(patient_id=job.pseudonym, reason=reason, found_by=FOUND_BY)


def _import(job: ImageJob) -> ImportedImages:
    key = _key(job)
    known = _known(job, key)
    if known is not None:
        return known
    series = job.series or _own_series(job.files)
    images = read_images(
        job.files,
        series,
        job.images,
        source=job.source,
        patient_id=job.patient_id,
        pseudonym=job.pseudonym,
        treated_on=job.treated_on,
    )
    written = _write(job, images)
    done = ImportedImages(
        patient_id=job.pseudonym,
        key=key,
        figures=images.figures,
        fingerprints={
            phase: hashlib.sha256(np.ascontiguousarray(volume.voxels).data).hexdigest()
            for phase, volume in images.phases.items()
        },
        notes=(*images.notes, *written),
    )
    with written_whole(job.record_path) as partial:
        partial.write_text(done.to_json(), encoding="utf-8")
    return done


def _own_series(files: PatientFiles) -> Sequence[DicomSeries]:
    return index_dicom(files.dicom).series if files.dicom is not None else ()


def _known(job: ImageJob, key: str) -> ImportedImages | None:
    """What was imported before from the same files, if the dataset still has it."""
    try:
        before = ImportedImages.from_json(job.record_path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
    dataset = Dataset(job.data)
    there = [dataset.image_path(job.pseudonym, phase) for phase in before.fingerprints]
    there.append(dataset.roi_path(job.pseudonym))
    if before.key != key or not all(path.is_file() for path in there):
        return None
    return before.model_copy(update={"was_known": True})


def _key(job: ImageJob) -> str:
    """Names everything that can change what is written for the patient."""
    whole = hashlib.sha256()
    settings = [_LAYOUT, job.images.model_dump(mode="json"), str(job.treated_on)]
    whole.update(json.dumps(settings, sort_keys=True).encode())
    for path in (*job.files.all(), *(file for one in job.series for file in one.files)):
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                whole.update(_content(file))
    return whole.hexdigest()


def _content(path: Path) -> bytes:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.digest()


def _write(job: ImageJob, images: PatientImages) -> tuple[str, ...]:
    """The patient's folder, whole or not at all; what was changed in his ROIs to write them."""
    dataset = Dataset(job.data)
    folder = dataset.roi_path(job.pseudonym).parent
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for phase, volume in images.phases.items():
        write_ct(partial / dataset.image_path(job.pseudonym, phase).name, volume)
    notes = write_segments(partial / dataset.roi_path(job.pseudonym).name, images.lesions)
    for number, lesions in images.readers.items():
        write_segments(partial / dataset.reader_roi_path(job.pseudonym, number).name, lesions)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    return notes
