"""From a patient's two CT phases and ROI to the crops that a network sees."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from components.errors import PatientRejected
from components.imaging.intensity import to_channels
from components.imaging.readers import CtFile, open_ct, read_lesions
from components.imaging.resampling import resample_fields
from components.imaging.roi import largest_slice, share_inside
from components.imaging.slices import MINIMUM_SHARE_INSIDE, lesion_fields
from components.imaging.volume import FloatArray
from components.study.protocol.imaging import ImagingSection


def crop_patient(
    patient_id: str,
    arterial: Path,
    portal_venous: Path,
    roi: Path,
    section: ImagingSection,
) -> NDArray[np.float32]:
    """The patient's crop (3, crop_px, crop_px): arterial, portal venous, their difference.

    ROI and phases are matched by their position in the patient, whatever grid each lies on. The
    field is a square around the ROI's largest axial slice, in the plane of the nearest arterial
    slice, its rows running to the back and its columns to the left. Where the protocol says
    `missing_phase: blank`, a phase that is not there has an empty channel, as has the difference.

    Where the protocol asks for several slices, or for all lesions, they are (S, 3, crop_px,
    crop_px), that of the largest area first, then one to the feet, one to the head and so on, and
    behind them those of the next lesion by volume. Each slice has channels of mean 0 and SD 1.
    A slice beyond the ROI's end, or beyond a phase's, is the nearest one within; it may repeat.

    Raises:
        PatientRejected: A file is missing or unreadable, the ROI is empty or lies outside a phase.
    """
    paths = (arterial, portal_venous)
    blank = missing_phases(paths, section)
    phases = [None if path in blank else open_ct(path, patient_id=patient_id) for path in paths]
    there = [phase for phase in phases if phase is not None]
    lesions = read_lesions(roi, patient_id=patient_id)[: _n_lesions(section)]
    for lesion in lesions:
        slice_mm = largest_slice(lesion)
        for phase in there:
            require_inside(phase, slice_mm)
    fields = [field for lesion in lesions for field in lesion_fields(lesion, there, section)]
    empty = [np.full((section.crop_px, section.crop_px), np.nan)] * len(fields)
    hu = [
        empty if phase is None else resample_fields(phase, fields, size_px=section.crop_px)
        for phase in phases
    ]
    slices = [to_channels(one, other, section) for one, other in zip(*hu, strict=True)]
    return np.stack(slices) if has_slices(section) else slices[0]


def has_slices(section: ImagingSection) -> bool:
    """Whether a patient's crop has an axis of slices, of which there may be one all the same."""
    return section.slices > 1 or section.lesions == "all"


def stack_crops(crops: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """The crops (n, 3, h, w) or (n, S, 3, h, w) of n patients.

    Who has fewer slices than another, having fewer lesions, repeats his first one behind them: a
    network takes no slice of a patient twice.
    """
    if all(crop.shape == crops[0].shape for crop in crops):
        return np.stack(crops)
    n_slices = max(len(crop) for crop in crops)
    return np.stack(
        [np.concatenate([crop, np.repeat(crop[:1], n_slices - len(crop), 0)]) for crop in crops]
    )


def _n_lesions(section: ImagingSection) -> int | None:
    return None if section.lesions == "all" else 1


def missing_phases(paths: Sequence[Path], section: ImagingSection) -> tuple[Path, ...]:
    """Of the phases' volumes the one that is not there, where the protocol goes on without it."""
    absent = tuple(path for path in paths if not path.is_file())
    goes_on = section.missing_phase == "blank" and len(absent) < len(paths)
    return absent if goes_on else ()


def require_inside(phase: CtFile, roi_mm: FloatArray) -> None:
    """Refuse a patient whose ROI points (n, 3) lie outside a phase.

    Raises:
        PatientRejected: Less than nine tenths of the points lie inside.
    """
    share = share_inside(phase.geometry, roi_mm)
    if share < MINIMUM_SHARE_INSIDE:
        reason = (
            f"only {share:.0%} of the ROI lies inside {phase.path.name}; "
            "check that ROI and CT are of the same examination"
        )
        raise PatientRejected(phase.patient_id, reason)
