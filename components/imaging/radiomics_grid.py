"""CT and ROI on one isotropic grid, as hand-crafted features need them.

The grid is that of the Image Biomarker Standardisation Initiative (IBSI reference manual, section
2.4; doi:10.1148/radiol.2020191145): along the CT's own axes, its centre on the CT's centre; HU by
trilinear interpolation and rounded, the ROI where at least half of a voxel belongs to it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from components.errors import PatientRejected
from components.imaging.readers import CtFile
from components.imaging.volume import FloatArray, Geometry, Volume
from components.study.protocol.radiomics import StabilitySection

_MARGIN_MM = 8.0
"""Around the ROI: intensity peaks are means over a sphere of 1 ml, 6.2 mm in radius."""

_ROUNDING = 1e-6
"""Halves are frequent (slices of 3 mm on voxels of 2 mm), and positions are rounded."""

_WANDER_MM = 5.0
"""Correlation length of a contour that wanders: the scale at which two readers disagree."""


@dataclass(frozen=True, eq=False)
class RoiVoxels:
    """HU (k, j, i) and ROI (k, j, i) on isotropic voxels of `spacing_mm`."""

    hu: FloatArray
    inside: NDArray[np.bool_]
    spacing_mm: float


def resample_roi(phase: CtFile, roi: Volume, *, spacing_mm: float) -> RoiVoxels:
    """The ROI and its surroundings in a phase, on isotropic voxels.

    Raises:
        PatientRejected: The phase cannot be read, or no voxel of the ROI is left.
    """
    geometry = phase.geometry
    low, high, first = _box(geometry, roi, spacing_mm)
    axes = [
        (first + np.arange(start, stop)[:, None] * spacing_mm / geometry.spacing_mm)[:, axis]
        for axis, (start, stop) in enumerate(zip(low, high, strict=True))
    ]
    if any(axis.size == 0 for axis in axes):
        raise _empty(phase, spacing_mm)
    shape = tuple(axis.size for axis in axes)
    index = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    points_mm = geometry.to_physical(index)
    part = phase.around(points_mm)
    if part is None:
        raise _empty(phase, spacing_mm)
    hu = _trilinear(part.voxels.astype(np.float64), part.geometry.to_index(points_mm), "nearest")
    share = _trilinear(
        roi.voxels.astype(np.float64), roi.geometry.to_index(points_mm), "grid-constant"
    )
    inside = share >= 0.5 - _ROUNDING
    if not inside.any():
        raise _empty(phase, spacing_mm)
    return RoiVoxels(
        hu=np.round(hu).reshape(shape).transpose(),
        inside=inside.reshape(shape).transpose(),
        spacing_mm=spacing_mm,
    )


def perturbed(voxels: RoiVoxels, section: StabilitySection, rng: np.random.Generator) -> RoiVoxels:
    """The same CT with the ROI as another reader might have drawn it.

    It is moved, its contour wanders, and its volume grows or shrinks (the perturbations of
    Zwanenburg et al. 2019, doi:10.1038/s41598-018-36938-4). At least one voxel is left.
    """
    inside, spacing = voxels.inside, voxels.spacing_mm
    outward = ndimage.distance_transform_edt(~inside) - ndimage.distance_transform_edt(inside)
    shift = rng.uniform(-section.shift_mm, section.shift_mm, size=3) / spacing
    depth = ndimage.shift(outward, shift, order=1, mode="nearest")
    wander = ndimage.gaussian_filter(rng.standard_normal(inside.shape), _WANDER_MM / spacing)
    depth += wander / max(float(wander.std()), 1e-12) * section.contour_mm / spacing
    change = rng.uniform(-section.volume_change, section.volume_change)
    n = int(np.clip(round(inside.sum() * (1 + change)), 1, inside.size))
    chosen = np.zeros(inside.size, dtype=np.bool_)
    chosen[np.argsort(depth, axis=None, kind="stable")[:n]] = True
    return RoiVoxels(voxels.hu, chosen.reshape(inside.shape), spacing)


def _box(
    geometry: Geometry, roi: Volume, spacing_mm: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], FloatArray]:
    """The new grid's indices around the ROI, from and up to, and where its index 0 lies in the CT.

    That place is given in fractional indices (3,) of the CT.
    """
    size = np.asarray(geometry.size)
    count = np.ceil(size * geometry.spacing_mm / spacing_mm - _ROUNDING)
    first = 0.5 * (size - 1) - 0.5 * (count - 1) * spacing_mm / geometry.spacing_mm
    marked = np.argwhere(roi.voxels)[:, ::-1]
    ends = np.stack([marked.min(axis=0) - 0.5, marked.max(axis=0) + 0.5])
    corners = np.stack(np.meshgrid(*ends.T, indexing="ij"), axis=-1).reshape(-1, 3)
    index = geometry.to_index(roi.geometry.to_physical(corners))
    step = spacing_mm / geometry.spacing_mm
    margin = _MARGIN_MM / geometry.spacing_mm
    low = np.floor((index.min(axis=0) - margin - first) / step)
    high = np.ceil((index.max(axis=0) + margin - first) / step) + 1
    return (
        np.maximum(low, 0).astype(np.int64),
        np.minimum(high, count).astype(np.int64),
        np.asarray(first),
    )


def _trilinear(voxels: FloatArray, index: FloatArray, mode: str) -> FloatArray:
    """Values (n,) of voxels (k, j, i) at fractional indices (n, 3) in the order (i, j, k)."""
    return np.asarray(ndimage.map_coordinates(voxels, index[:, ::-1].T, order=1, mode=mode))


def _empty(phase: CtFile, spacing_mm: float) -> PatientRejected:
    reason = (
        f"no voxel of the ROI is left in {phase.path.name} at {spacing_mm:g} mm "
        "(radiomics.resampling_mm); check the ROI, or choose smaller voxels"
    )
    return PatientRejected(phase.patient_id, reason)
