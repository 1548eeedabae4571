"""Masks in space: where their voxels lie, and one mask on another grid."""

import numpy as np
from numpy.typing import NDArray

from components.imaging.roi import occupied
from components.imaging.volume import FloatArray, Geometry, Volume

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

_SAME = 1e-3
"""Of a voxel: how far corners of one grid may lie apart in two headers."""
_ORTHONORMAL = 1e-3


def marked_box(voxels: BoolArray) -> tuple[IntArray, IntArray]:
    """The smallest box (i, j, k) with all marked voxels: from, and up to but not including."""
    box = occupied(voxels)[::-1]
    return np.array([part.start for part in box]), np.array([part.stop for part in box])


def volume_ml(mask: Volume) -> float:
    """Volume of the marked voxels in millilitres; right also where the axes are not square."""
    geometry = mask.geometry
    skew = abs(float(np.linalg.det(geometry.direction)))
    return int(np.count_nonzero(mask.voxels)) * geometry.voxel_ml * skew


def is_same_grid(a: Geometry, b: Geometry) -> bool:
    """Whether voxels of equal index lie at equal places."""
    if a.size != b.size:
        return False
    corners = _corners(np.zeros(3), np.asarray(a.size, dtype=np.float64) - 1)
    return bool(np.allclose(b.to_index(a.to_physical(corners)), corners, rtol=0, atol=_SAME))


def has_square_axes(geometry: Geometry) -> bool:
    """Whether the axes are at right angles, as files of volumes need them."""
    axes = geometry.direction
    return bool(np.allclose(axes.T @ axes, np.eye(3), atol=_ORTHONORMAL))


def on_grid(mask: Volume, grid: Geometry) -> BoolArray:
    """The mask (k, j, i) on another grid: a voxel is marked if the nearest one of `mask` is."""
    if is_same_grid(mask.geometry, grid):
        return mask.voxels
    result = np.zeros(grid.size[::-1], dtype=np.bool_)
    if not mask.voxels.any():
        return result
    low, high = box_on(mask, grid)
    low, high = np.maximum(low, 0), np.minimum(high, grid.size)
    if np.any(high <= low):
        return result
    j, i = np.meshgrid(np.arange(low[1], high[1]), np.arange(low[0], high[0]), indexing="ij")
    for k in range(low[2], high[2]):  # slice by slice: positions need 24 bytes a voxel
        index = np.stack([i.ravel(), j.ravel(), np.full(i.size, k)], axis=1).astype(np.float64)
        values = _nearest(mask, grid.to_physical(index))
        result[k, low[1] : high[1], low[0] : high[0]] = values.reshape(i.shape)
    return result


def _nearest(mask: Volume, points_mm: FloatArray) -> BoolArray:
    # A point midway between two voxels belongs to the upper one on every grid.
    index = np.floor(mask.geometry.to_index(points_mm) + 0.5 + 1e-9).astype(np.int64)
    inside = np.all((index >= 0) & (index < mask.geometry.size), axis=1)
    values = np.zeros(len(index), dtype=np.bool_)
    i, j, k = index[inside].T
    values[inside] = mask.voxels[k, j, i]
    return values


def box_on(mask: Volume, grid: Geometry) -> tuple[IntArray, IntArray]:
    """The box of another grid's indices that holds all marked voxels; it may leave that grid."""
    low, high = marked_box(mask.voxels)
    corners = mask.geometry.to_physical(
        _corners(np.asarray(low - 0.5, np.float64), np.asarray(high - 0.5, np.float64))
    )
    index = grid.to_index(corners)
    lowest = np.floor(index.min(axis=0) + _SAME + 0.5).astype(np.int64)
    highest = np.ceil(index.max(axis=0) - _SAME + 0.5).astype(np.int64)
    return lowest, np.maximum(highest, lowest + 1)


def _corners(low: FloatArray, high: FloatArray) -> FloatArray:
    box = np.stack([low, high])
    return np.array([[box[a, 0], box[b, 1], box[c, 2]] for a, b, c in np.ndindex(2, 2, 2)])


def squared(mask: Volume) -> Volume:
    """The mask on axes at right angles: itself, unless a tilted gantry skews its grid."""
    geometry = mask.geometry
    if has_square_axes(geometry):
        return mask
    across = np.cross(geometry.direction[:, 0], geometry.direction[:, 1])
    across *= np.sign(across @ geometry.direction[:, 2]) / np.linalg.norm(across)
    down = np.cross(across, geometry.direction[:, 0])
    direction = np.stack([geometry.direction[:, 0], down / np.linalg.norm(down), across], axis=1)
    direction[:, 1] *= np.sign(direction[:, 1] @ geometry.direction[:, 1])
    spacing = geometry.spacing_mm * np.abs(np.sum(direction * geometry.direction, axis=0))
    square = Geometry(geometry.size, spacing, geometry.origin_mm, direction)
    low, high = box_on(mask, square)
    grid = square.part(low, high)
    return Volume(on_grid(mask, grid), grid)
