"""The ROI in the geometry of a patient's crop, and the CT slice behind it to look at.

The field is that of the first slice of `crop_patient`: where the largest lesion is largest.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from components.imaging.crop import missing_phases
from components.imaging.readers import open_ct, read_roi
from components.imaging.resampling import resample_field, sample
from components.imaging.roi import Field, largest_slice
from components.imaging.slices import lesion_fields
from components.imaging.volume import FloatArray, Volume
from components.study.protocol.imaging import ImagingSection

_FINER = 4
"""Points along the edge of a pixel that say which share of it the ROI covers."""


@dataclass(frozen=True, eq=False)
class CropView:
    """A CT slice (n, n) in HU, NaN outside the volume, and the share of each pixel in the ROI."""

    hu: FloatArray
    roi: NDArray[np.float32]
    is_portal_venous: bool


def crop_mask(
    patient_id: str, arterial: Path, portal_venous: Path, roi: Path, section: ImagingSection
) -> NDArray[np.float32]:
    """Share (crop_px, crop_px) of each pixel of the patient's crop that the ROI covers.

    It is the ROI's largest axial slice: where the crop lies in a CT slice beside it, the ROI is
    moved there along the normal, not cut anew.

    Raises:
        PatientRejected: A file is missing or unreadable, or the ROI is empty.
    """
    mask = read_roi(roi, patient_id=patient_id)
    image = _first(arterial, portal_venous, section)
    return _covered(mask, _field(mask, image, patient_id, section), section.crop_px)


def crop_view(
    patient_id: str,
    arterial: Path,
    portal_venous: Path,
    roi: Path,
    section: ImagingSection,
    *,
    size_px: int,
) -> CropView:
    """The field of the patient's crop in size_px pixels: the portal venous slice and the ROI.

    A patient without that phase is shown in the arterial one.

    Raises:
        PatientRejected: A file is missing or unreadable, or the ROI is empty.
    """
    mask = read_roi(roi, patient_id=patient_id)
    field = _field(mask, _first(arterial, portal_venous, section), patient_id, section)
    is_portal = portal_venous not in missing_phases((arterial, portal_venous), section)
    shown = open_ct(portal_venous if is_portal else arterial, patient_id=patient_id)
    return CropView(
        hu=resample_field(shown, field, size_px=size_px),
        roi=_covered(mask, field, size_px),
        is_portal_venous=is_portal,
    )


def _first(arterial: Path, portal_venous: Path, section: ImagingSection) -> Path:
    """The phase in whose slices the crop lies."""
    blank = missing_phases((arterial, portal_venous), section)
    return portal_venous if arterial in blank else arterial


def _field(mask: Volume, image: Path, patient_id: str, section: ImagingSection) -> Field:
    alone = section.model_copy(update={"slices": 1})
    return lesion_fields(mask, [open_ct(image, patient_id=patient_id)], alone)[0]


def _covered(mask: Volume, field: Field, size_px: int) -> NDArray[np.float32]:
    normal = np.cross(field.to_left, field.to_back)
    off_mm = float((largest_slice(mask).mean(axis=0) - field.center_mm) @ normal)
    moved = replace(field, center_mm=field.center_mm + off_mm * normal)
    marks = Volume(mask.voxels.astype(np.float32), mask.geometry)
    inside = np.nan_to_num(sample(marks, moved.points(size_px * _FINER))) >= 0.5
    cells = inside.reshape(size_px, _FINER, size_px, _FINER)
    return np.asarray(cells.mean(axis=(1, 3)), dtype=np.float32)
