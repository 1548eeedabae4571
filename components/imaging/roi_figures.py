"""Size and number of a patient's lesions, and HU inside them."""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from components.imaging.masks import volume_ml
from components.imaging.resampling import sample
from components.imaging.roi import trimmed
from components.imaging.volume import FloatArray, Volume

_DIRECTIONS = 90
_LEAST_PIECE_ML = 0.05


def by_size(lesions: Sequence[Volume]) -> list[Volume]:
    """The lesions that hold a voxel, the largest first, cut to what is marked."""
    kept = [trimmed(lesion) for lesion in lesions if lesion.voxels.any()]
    return sorted(kept, key=volume_ml, reverse=True)


def positions_mm(mask: Volume) -> FloatArray:
    """Centres (n, 3) in mm of a mask's voxels."""
    return mask.geometry.to_physical(np.argwhere(mask.voxels)[:, ::-1].astype(np.float64))


def largest_diameter_cm(mask: Volume) -> float:
    """The largest extent of a mask within one of its axial slices, border to border.

    Of 90 directions in the plane the widest is taken, as a reader's ruler would: 0.1% too little
    at most. A voxel's own width is added.
    """
    geometry = mask.geometry
    to_left, to_back = geometry.in_plane_axes()
    points = positions_mm(mask)
    slices = np.argwhere(mask.voxels)[:, ::-1][:, geometry.axial_axis]
    order = np.argsort(slices, kind="stable")
    starts = np.flatnonzero(np.diff(slices[order], prepend=-1))
    angles = np.arange(_DIRECTIONS) * np.pi / _DIRECTIONS
    widest = 0.0
    for angle in angles:
        along = (points @ (np.cos(angle) * to_left + np.sin(angle) * to_back))[order]
        widths = np.maximum.reduceat(along, starts) - np.minimum.reduceat(along, starts)
        widest = max(widest, float(widths.max()))
    in_plane = np.delete(geometry.spacing_mm, geometry.axial_axis)
    return (widest + float(in_plane.mean())) / 10.0


def n_pieces(mask: Volume) -> int:
    """Separate parts of a mask, specks of less than 0.05 ml not counted; at least 1."""
    labels, n = ndimage.label(mask.voxels, structure=np.ones((3, 3, 3)))
    sizes = np.bincount(labels.ravel(), minlength=n + 1)[1:] * mask.geometry.voxel_ml
    return max(1, int((sizes >= _LEAST_PIECE_ML).sum()))


def hu_inside(volume: Volume, points_mm: FloatArray) -> tuple[float | None, float | None]:
    """Mean and SD of the HU at an ROI's voxels (n, 3); None where none lies in the volume."""
    part = _around(volume, points_mm)
    if part is None:
        return None, None
    values = sample(part, points_mm)
    values = values[np.isfinite(values)]
    return (float(values.mean()), float(values.std())) if values.size else (None, None)


def _around(volume: Volume, points_mm: FloatArray) -> Volume | None:
    """The part of a volume around points; interpolation makes floats of all that it is given."""
    index = volume.geometry.to_index(points_mm)
    low = np.maximum(np.floor(index.min(axis=0)).astype(np.int64) - 1, 0)
    high = np.minimum(np.ceil(index.max(axis=0)).astype(np.int64) + 2, volume.geometry.size)
    if np.any(high <= low):
        return None
    (i, j, k), (i_end, j_end, k_end) = low, high
    return Volume(volume.voxels[k:k_end, j:j_end, i:i_end], volume.geometry.part(low, high))
