"""From a patient's two CT phases and ROI to the crop that a network sees."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from components.errors import PatientRejected
from components.imaging.intensity import to_channels
from components.imaging.readers import CtFile, open_ct, read_roi
from components.imaging.resampling import resample_field
from components.imaging.roi import largest_slice, share_inside, square_field
from components.imaging.volume import FloatArray
from components.study.protocol.imaging import ImagingSection

MINIMUM_SHARE_INSIDE = 0.9
"""Of the ROI's largest slice; less means that ROI and CT do not belong together."""


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

    Raises:
        PatientRejected: A file is missing or unreadable, the ROI is empty or lies outside a phase.
    """
    paths = (arterial, portal_venous)
    blank = missing_phases(paths, section)
    phases = [None if path in blank else open_ct(path, patient_id=patient_id) for path in paths]
    there = [phase for phase in phases if phase is not None]
    mask = read_roi(roi, patient_id=patient_id)
    slice_mm = largest_slice(mask)
    for phase in there:
        require_inside(phase, slice_mm)
    field = square_field(
        slice_mm, roi=mask.geometry, image=there[0].geometry, margin_mm=section.margin_mm
    )
    empty = np.full((section.crop_px, section.crop_px), np.nan)
    arterial_hu, portal_hu = (
        empty if phase is None else resample_field(phase, field, size_px=section.crop_px)
        for phase in phases
    )
    return to_channels(arterial_hu, portal_hu, section)


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
