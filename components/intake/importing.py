"""`armwise import`: a hospital's folder becomes a dataset, or says whom it cannot take and why.

The sheet is read, ids become keyed pseudonyms, images are read patient by patient in worker
processes, tables are merged with what the dataset held before. A patient who cannot be used is set
aside with the reason and the others go on. Killed, the same command goes on where it stopped.
"""

import multiprocessing
import signal
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from components.cohort.dataset import Dataset
from components.errors import CohortRejected, PatientRejected, UsageError
from components.imaging.dicom_series import DicomSeries, index_dicom
from components.intake.clinical_import import ClinicalImport, import_clinical
from components.intake.identity_key import KeyRow, read_import_key, write_import_key
from components.intake.image_import import FOUND_BY, ImageJob, ImportedImages, import_images
from components.intake.imported_dataset import ImportResult, write_dataset
from components.intake.mapping import ColumnMapping
from components.intake.mapping_images import PATIENT, ImageSource
from components.intake.pseudonyms import Pseudonyms
from components.intake.source_files import PatientFiles, find_files
from components.study.results import Quarantined

RECORDS = "imported"
"""Folder in the home that remembers what was read of each patient."""
KEY_FILE = "import_key.csv"
"""In the home: who stands behind each pseudonym. Never below `data/`."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class ImportRequest:
    """What is to be imported, whereto, and with which key.

    `data` is the dataset's folder, `home` the place of the records and of the key file.
    `is_withdrawn` answers for a pseudonym whether the patient has left the study.
    """

    source: Path
    mapping: ColumnMapping
    data: Path
    home: Path
    study_key: str = field(repr=False)
    workers: int = 1
    accept_corrections: bool = False
    is_withdrawn: Callable[[str], bool] = lambda _: False


def import_cohort(request: ImportRequest, *, on_progress: Progress | None = None) -> ImportResult:
    """Imports a folder into the dataset.

    Raises:
        UsageError: The folder or what the mapping names in it is not there.
        CohortRejected: The sheet as a whole cannot be used.
        IntegrityError: The key is another than that of the import before.
    """
    pseudonyms = Pseudonyms(request.study_key)
    pseudonyms.require_same_key(read_import_key(request.home / KEY_FILE))
    clinical = import_clinical(_sheet(request), request.mapping, pseudonym=pseudonyms.of)
    clinical = _without_withdrawn(clinical, request)
    found, files = _files(request, clinical)
    _remember_identities(request, clinical, files)
    outcomes = [*found, *_images(request, clinical, files, on_progress)]
    done = [one for one in outcomes if isinstance(one, ImportedImages)]
    aside = [one for one in outcomes if isinstance(one, Quarantined)]
    aside += _sharing_images(done)
    return write_dataset(
        Dataset(request.data),
        request.mapping,
        clinical,
        done,
        aside,
        accept_corrections=request.accept_corrections,
    )


def _sheet(request: ImportRequest) -> Path:
    source = request.source.resolve()
    if not source.is_dir():
        msg = f"expected a folder to import at {request.source}, found none"
        raise UsageError(msg)
    if request.mapping.clinical is None:
        msg = "clinical: expected the sheet's file in the mapping, a path below the imported folder"
        raise UsageError(msg)
    path = (source / request.mapping.clinical).resolve()
    if not path.is_relative_to(source):
        msg = f"clinical: '{request.mapping.clinical}' leads out of the imported folder"
        raise UsageError(msg)
    return path


def _without_withdrawn(clinical: ClinicalImport, request: ImportRequest) -> ClinicalImport:
    left = [patient for patient in clinical.table.index if request.is_withdrawn(patient)]
    return clinical.without(left) if left else clinical


def _usable(clinical: ClinicalImport) -> list[str]:
    held = {one.patient_id for one in clinical.quarantined}
    return [patient for patient in clinical.table.index.unique() if patient not in held]


def _files(
    request: ImportRequest, clinical: ClinicalImport
) -> tuple[list[Quarantined], dict[str, PatientFiles]]:
    """Where each usable patient's files are; those of whom it cannot be said are set aside."""
    images = request.mapping.images
    if images is None:
        return [], {}
    aside, files = [], {}
    for patient in _usable(clinical):
        try:
            files[patient] = find_files(
                request.source,
                images,
                patient_id=clinical.origins[patient].patient_id,
                pseudonym=patient,
            )
        except PatientRejected as error:
            aside.append(Quarantined(patient_id=patient, reason=error.reason, found_by=FOUND_BY))
    shared = _sharing_files(files)
    named = {one.patient_id for one in shared}
    alone = {patient: found for patient, found in files.items() if patient not in named}
    return [*aside, *shared], alone


def _sharing_files(files: Mapping[str, PatientFiles]) -> list[Quarantined]:
    """Patients of whom a pattern finds another's file as well: 1* is also that of 12."""
    others = _sharing({patient: found.all() for patient, found in files.items()})
    return [
        Quarantined(
            patient_id=patient,
            reason=(
                f"the mapping's patterns find the same file for him and for {', '.join(those)}; "
                "make them narrower, so that no id fits within a longer one"
            ),
            found_by=FOUND_BY,
        )
        for patient, those in sorted(others.items())
    ]


def _sharing(owned: Mapping[str, Iterable[Hashable]]) -> dict[str, list[str]]:
    """Who owns something that others own too, and these others in order."""
    owners: dict[Hashable, set[str]] = {}
    for patient, things in owned.items():
        for thing in things:
            owners.setdefault(thing, set()).add(patient)
    others: dict[str, set[str]] = {}
    for patients in owners.values():
        for patient in patients if len(patients) > 1 else ():
            others.setdefault(patient, set()).update(patients - {patient})
    return {patient: sorted(those) for patient, those in others.items()}


def _remember_identities(
    request: ImportRequest, clinical: ClinicalImport, files: Mapping[str, PatientFiles]
) -> None:
    source = request.source.resolve()
    rows = [
        KeyRow(
            pseudonym=patient,
            patient_id=origin.patient_id,
            row=origin.row,
            files=tuple(
                str(path.relative_to(source)) for path in files.get(patient, PatientFiles()).all()
            ),
        )
        for patient, origin in clinical.origins.items()
    ]
    write_import_key(request.home / KEY_FILE, rows)


def _images(
    request: ImportRequest,
    clinical: ClinicalImport,
    files: Mapping[str, PatientFiles],
    on_progress: Progress | None,
) -> Iterator[ImportedImages | Quarantined]:
    images = request.mapping.images
    if images is None:
        return
    shared = _shared_series(request, images)
    jobs = [
        ImageJob(
            pseudonym=patient,
            patient_id=clinical.origins[patient].patient_id,
            source=request.source.resolve(),
            treated_on=clinical.origins[patient].treated_on,
            files=found,
            images=images,
            series=shared.get(clinical.origins[patient].patient_id, ()),
            data=request.data,
            records=request.home / RECORDS,
        )
        for patient, found in files.items()
    ]
    for n_done, outcome in enumerate(_outcomes(jobs, request.workers), start=1):
        if on_progress is not None:
            on_progress(n_done, len(jobs))
        yield outcome


def _shared_series(
    request: ImportRequest, images: ImageSource
) -> dict[str, tuple[DicomSeries, ...]]:
    """By Patient ID the series of a DICOM folder that all patients share; nothing where none is."""
    if images.dicom is None or PATIENT in images.dicom:
        return {}
    folder = request.source / images.dicom
    if not folder.is_dir():
        msg = f"images.dicom: expected a folder '{images.dicom}' in the imported one, found none"
        raise UsageError(msg)
    by_patient: dict[str, list[DicomSeries]] = {}
    for one in index_dicom(folder, workers=request.workers).series:
        by_patient.setdefault(one.patient_id, []).append(one)
    return {patient: tuple(series) for patient, series in by_patient.items()}


def _outcomes(jobs: Sequence[ImageJob], workers: int) -> Iterator[ImportedImages | Quarantined]:
    if workers == 1 or len(jobs) < 2:
        yield from map(import_images, jobs)
        return
    # A forked child of a process that runs threads can hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(jobs)), mp_context=context)
    try:
        with _ctrl_c_is_the_parents():
            futures = [pool.submit(import_images, job) for job in jobs]
        for future in as_completed(futures):
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _ctrl_c_is_the_parents() -> Iterator[None]:
    """Processes started meanwhile do not hear Ctrl+C: they end with the patient they are at."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _sharing_images(done: Sequence[ImportedImages]) -> list[Quarantined]:
    """Patients whose volumes are another patient's, voxel by voxel."""
    shared = _sharing({one.patient_id: one.fingerprints.values() for one in done})
    return [
        Quarantined(
            patient_id=patient,
            reason=f"has the same CT as patient {', '.join(others)}; give each his own",
            found_by=FOUND_BY,
        )
        for patient, others in sorted(shared.items())
    ]


def require_any(result: ImportResult) -> ImportResult:
    """The result itself, once somebody was imported.

    Raises:
        CohortRejected: Nobody was; the message holds the reasons.
    """
    if result.n_usable == 0:
        reasons = dict.fromkeys(one.reason for one in result.findings.quarantined)
        msg = f"no patient of the folder can be used: {'; '.join(list(reasons)[:5])}"
        raise CohortRejected(msg)
    return result
