"""Step `crops`: the ROI crops of both phases, one small file a patient, named by content."""

import io
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from components.cohort.dataset import Dataset
from components.errors import PatientRejected
from components.imaging.crop import crop_patient, missing_phases, stack_crops
from components.study.files import written_whole
from components.study.protocol import ImagingSection
from components.study.results import Adaptation, ArtifactRef, Quarantined
from components.study.vocabulary import Phase
from flows.keys import digest, source_hash
from flows.steps import Result, step_task
from flows.terminal import current_display


@step_task
def crop_rois(
    step: str,
    key: str,
    *,
    dataset: Dataset,
    section: ImagingSection,
    patient_ids: Sequence[str],
    file_md5s: Mapping[str, str],
    folder: Path,
) -> Result:
    """Crops by patient, and the patients whose images cannot be used.

    A crop is made once for the bytes of its three files and the protocol's section `imaging`.
    """
    del step, key
    folder.mkdir(parents=True, exist_ok=True)
    code = source_hash(__name__)

    def one(patient_id: str) -> tuple[str, ArtifactRef | Quarantined]:
        arterial, portal_venous = (dataset.image_path(patient_id, phase) for phase in Phase)
        files = (arterial, portal_venous, dataset.roi_path(patient_id))
        names = [str(path.relative_to(dataset.root)) for path in files]
        content = digest([file_md5s.get(name) for name in names], section.model_dump(), code)
        path = folder / content[:2] / f"{content}.npy"
        if not path.exists():
            try:
                crop = crop_patient(patient_id, *files, section)
            except PatientRejected as error:
                return patient_id, Quarantined(
                    patient_id=patient_id, reason=error.reason, found_by="ROI crops"
                )
            _save(path, crop)
        return patient_id, ArtifactRef.of(path)

    crops: dict[str, object] = {}
    quarantined: list[object] = []
    with (
        current_display().step("ROI crops") as progress,
        ThreadPoolExecutor(section.workers) as pool,
    ):
        for done, (patient_id, outcome) in enumerate(pool.map(one, patient_ids), start=1):
            if isinstance(outcome, Quarantined):
                quarantined.append(outcome.model_dump())
            else:
                crops[patient_id] = outcome.model_dump()
            progress.update(done, len(patient_ids), "patients")
        slices = f", {section.slices} slices" if section.slices > 1 else ""
        progress.note = f"{len(crops)} patients, {section.crop_px} px{slices}"
    blank = [
        patient
        for patient in crops
        if missing_phases([dataset.image_path(patient, phase) for phase in Phase], section)
    ]
    said = [_blanked(blank).model_dump()] if blank else []
    return {"crops": crops, "quarantined": quarantined, "adaptations": said}


def _blanked(patients: Sequence[str]) -> Adaptation:
    return Adaptation(
        step="crops",
        asked="both phases of every patient",
        done=f"one phase left empty for {len(patients)} patients ({', '.join(patients)})",
        why="they have one phase only; imaging.missing_phase of the protocol is blank",
    )


def _save(path: Path, crop: NDArray[np.float32]) -> None:
    buffer = io.BytesIO()
    # Into memory first: written straight to a file, NumPy hides why a write failed.
    np.save(buffer, crop, allow_pickle=False)
    with written_whole(path) as partial:
        partial.write_bytes(buffer.getbuffer())


def load_crops(result: Result, patient_ids: Sequence[str]) -> NDArray[np.float32]:
    """The crops (n_patients, 3, crop_px, crop_px) of a `crops` result, in the patients' order.

    Of several slices or lesions they are (n_patients, S, 3, crop_px, crop_px).
    """
    paths = [ArtifactRef.model_validate(result["crops"][patient]).path for patient in patient_ids]
    return stack_crops([np.load(path, allow_pickle=False) for path in paths])
