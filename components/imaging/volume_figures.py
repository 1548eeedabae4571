"""What a CT volume says of itself: field, slices, range of HU, and whether these are HU."""

from typing import Literal

import numpy as np

from components.imaging.volume import Geometry, Volume, VoxelArray
from components.study.results import Record

HuScale = Literal["hu", "not_hu", "not_assessable"]

_MAXIMUM_VALUES = 2_000_000
_AIR_HU = -200.0
_WHOLE_BODY_MM = 250.0
"""A field this wide holds air: around the body, in lungs or gut."""
_OFFSET_HU = 500.0
_LEAST_RANGE_HU = 200.0


class VolumeFigures(Record):
    """One volume. Percentiles, mean and SD are over at most two million evenly spread voxels.

    `field_mm` is (left, back, head); `blank_slices` counts slices of one value and slices that
    repeat the one before: what a gap looks like once it has been filled.
    """

    slices: int
    field_mm: tuple[float, float, float]
    blank_slices: int
    hu_min: float
    hu_max: float
    hu_mean: float
    hu_sd: float
    hu_p01: float
    hu_p50: float
    hu_p99: float
    hu_scale: HuScale


def volume_figures(volume: Volume) -> VolumeFigures:
    """The figures of a volume; what is not finite in it is left out."""
    voxels = volume.voxels
    step = 1 + voxels.size // _MAXIMUM_VALUES
    spread = voxels.ravel()[::step].astype(np.float64)
    spread = spread[np.isfinite(spread)]
    if not spread.size:
        spread = np.zeros(1)
    p01, p50, p99 = np.percentile(spread, (1, 50, 99))
    low, high = float(np.fmin.reduce(voxels, axis=None)), float(np.fmax.reduce(voxels, axis=None))
    field_mm = _field_mm(volume.geometry)
    return VolumeFigures(
        slices=volume.geometry.size[volume.geometry.axial_axis],
        field_mm=field_mm,
        blank_slices=_blank_slices(volume),
        hu_min=low if np.isfinite(low) else 0.0,
        hu_max=high if np.isfinite(high) else 0.0,
        hu_mean=float(spread.mean()),
        hu_sd=float(spread.std()),
        hu_p01=float(p01),
        hu_p50=float(p50),
        hu_p99=float(p99),
        hu_scale=_scale(low, high, float(p50), min(field_mm[:2])),
    )


def _field_mm(geometry: Geometry) -> tuple[float, float, float]:
    """Edges of the volume along the patient's left, back and head, voxels to their borders."""
    edges = np.asarray(geometry.size) * geometry.spacing_mm
    lengths = np.zeros(3)
    free = [0, 1, 2]
    for axis in (2, 0, 1):  # the axis that runs to the head is the surest
        nearest = max(free, key=lambda index: abs(geometry.direction[axis, index]))
        free.remove(nearest)
        lengths[axis] = edges[nearest]
    left, back, head = (float(length) for length in lengths)
    return left, back, head


def _blank_slices(volume: Volume) -> int:
    slices: VoxelArray = np.moveaxis(volume.voxels, 2 - volume.geometry.axial_axis, 0)
    blank = 0
    for number, layer in enumerate(slices):
        is_flat = bool((layer == layer.flat[0]).all())
        repeats = number > 0 and bool((layer == slices[number - 1]).all())
        blank += is_flat or repeats
    return blank


def _scale(low: float, high: float, median: float, field_mm: float) -> HuScale:
    """Whether values can be HU: air is below -200, and nothing but air makes up an offset."""
    if high - low < _LEAST_RANGE_HU or (low >= 0 and median >= _OFFSET_HU):
        return "not_hu"
    if low < _AIR_HU:
        return "hu"
    return "not_hu" if field_mm >= _WHOLE_BODY_MM else "not_assessable"
