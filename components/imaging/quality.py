"""What the image manifest says of a patient: geometry, ROI volume, HU inside the ROI."""

from pathlib import Path

import numpy as np

from components.errors import PatientRejected
from components.imaging.crop import require_inside
from components.imaging.readers import CtFile, open_ct, read_roi
from components.imaging.resampling import sample
from components.imaging.volume import FloatArray
from components.study.results import Record


class ImageFigures(Record):
    """The image columns of the manifest, one patient. Spacings are the arterial phase's."""

    patient_id: str
    spacing_x_mm: float
    spacing_y_mm: float
    spacing_z_mm: float
    roi_volume_ml: float
    roi_voxels: int
    arterial_mean_hu_in_roi: float
    portal_venous_mean_hu_in_roi: float


def inspect(patient_id: str, arterial: Path, portal_venous: Path, roi: Path) -> ImageFigures:
    """The manifest's figures of a patient.

    Raises:
        PatientRejected: A file is missing or unreadable, the ROI is empty or lies outside a phase.
    """
    first = open_ct(arterial, patient_id=patient_id)
    second = open_ct(portal_venous, patient_id=patient_id)
    mask = read_roi(roi, patient_id=patient_id)
    points = mask.geometry.to_physical(np.argwhere(mask.voxels)[:, ::-1].astype(np.float64))
    spacing = [float(value) for value in first.geometry.spacing_mm]
    return ImageFigures(
        patient_id=patient_id,
        spacing_x_mm=spacing[0],
        spacing_y_mm=spacing[1],
        spacing_z_mm=spacing[2],
        roi_volume_ml=len(points) * mask.geometry.voxel_ml,
        roi_voxels=len(points),
        arterial_mean_hu_in_roi=_mean_hu(first, points),
        portal_venous_mean_hu_in_roi=_mean_hu(second, points),
    )


def _mean_hu(ct: CtFile, points_mm: FloatArray) -> float:
    require_inside(ct, points_mm)
    volume = ct.around(points_mm)
    if volume is None:  # a header of no extent
        raise PatientRejected(ct.patient_id, f"{ct.path.name} holds no voxels")
    return float(np.nanmean(sample(volume, points_mm)))
