"""The image columns of the manifest, one patient."""

from components.imaging.phase_check import PhaseFigures
from components.imaging.volume_figures import HuScale
from components.study.results import Record


class GeometryFigures(Record):
    """Grid of each phase: `spacing` and `field` are the arterial's, or those of the only phase.

    Blank slices are of one value, or repeat the one before.
    """

    spacing_x_mm: float
    spacing_y_mm: float
    spacing_z_mm: float
    field_x_mm: float
    field_y_mm: float
    field_z_mm: float
    arterial_slices: int | None = None
    portal_venous_slices: int | None = None
    arterial_blank_slices: int | None = None
    portal_venous_blank_slices: int | None = None


class HuFigures(Record):
    """Range of HU of each phase over the whole volume, and whether these can be HU."""

    arterial_hu_min: float | None = None
    arterial_hu_max: float | None = None
    arterial_hu_mean: float | None = None
    arterial_hu_sd: float | None = None
    arterial_hu_p01: float | None = None
    arterial_hu_p50: float | None = None
    arterial_hu_p99: float | None = None
    arterial_hu_scale: HuScale | None = None
    portal_venous_hu_min: float | None = None
    portal_venous_hu_max: float | None = None
    portal_venous_hu_mean: float | None = None
    portal_venous_hu_sd: float | None = None
    portal_venous_hu_p01: float | None = None
    portal_venous_hu_p50: float | None = None
    portal_venous_hu_p99: float | None = None
    portal_venous_hu_scale: HuScale | None = None


class RoiFigures(Record):
    """The ROI: of several lesions, `roi_` speaks of the largest, except for the total volume.

    `roi_pieces` are the separate parts of the largest lesion's mask. Shares are of its voxels: how
    many lie in the body, and in the volume of each phase. None where there is no ROI, or no phase.
    """

    n_lesions: int = 0
    roi_voxels: int = 0
    roi_volume_ml: float = 0.0
    roi_total_volume_ml: float = 0.0
    roi_pieces: int | None = None
    roi_max_diameter_cm: float | None = None
    roi_share_in_body: float | None = None
    roi_share_in_arterial: float | None = None
    roi_share_in_portal_venous: float | None = None
    arterial_mean_hu_in_roi: float | None = None
    arterial_sd_hu_in_roi: float | None = None
    portal_venous_mean_hu_in_roi: float | None = None
    portal_venous_sd_hu_in_roi: float | None = None


class ImageFigures(GeometryFigures, HuFigures, RoiFigures, PhaseFigures):
    """A patient's row of the manifest, as far as the images say it."""

    patient_id: str
