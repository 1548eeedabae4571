"""The square field around an ROI on its largest axial slice."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.imaging.volume import FloatArray, Geometry, Volume, VoxelArray


@dataclass(frozen=True, eq=False)
class Field:
    """A square in an axial plane of the patient.

    `center_mm` (3,) is its middle, `to_left` and `to_back` (3,) its unit vectors, `side_mm` its
    edge.
    """

    center_mm: FloatArray
    to_left: FloatArray
    to_back: FloatArray
    side_mm: float

    def points(self, n: int) -> FloatArray:
        """Centres (n * n, 3) in mm of n x n pixels; rows run to the back, columns to the left."""
        offsets = ((np.arange(n) + 0.5) / n - 0.5) * self.side_mm
        rows, columns = np.meshgrid(offsets, offsets, indexing="ij")
        return np.asarray(
            self.center_mm
            + columns.reshape(-1, 1) * self.to_left
            + rows.reshape(-1, 1) * self.to_back
        )


def occupied(voxels: VoxelArray) -> tuple[slice, slice, slice]:
    """The box (k, j, i) around the voxels that are not 0; an empty one where all are.

    Looking at each axis once, in what is left of the others, costs a tenth of listing the voxels.
    """
    box: list[slice] = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        marked = np.flatnonzero(voxels[tuple(box)].any(axis=others))
        if not marked.size:
            return slice(0, 0), slice(0, 0), slice(0, 0)
        box.append(slice(int(marked[0]), int(marked[-1]) + 1))
    k, j, i = box
    return k, j, i


def trimmed(roi: Volume) -> Volume:
    """The part of an ROI that holds all of its marked voxels."""
    box = occupied(roi.voxels)
    low, high = (np.array([getattr(one, end) for one in box[::-1]]) for end in ("start", "stop"))
    return Volume(roi.voxels[box], roi.geometry.part(low, high))


def largest_slice(roi: Volume) -> FloatArray:
    """Centres (n, 3) in mm of the ROI's voxels on the axial slice where it is largest.

    Of slices with equal area the first along the index is taken.
    """
    roi = trimmed(roi)
    indices = np.argwhere(roi.voxels)[:, ::-1]
    along = indices[:, roi.geometry.axial_axis]
    numbers, areas = np.unique(along, return_counts=True)
    chosen = indices[along == numbers[np.argmax(areas)]]
    return roi.geometry.to_physical(chosen.astype(np.float64))


def square_field(
    slice_mm: FloatArray,
    *,
    roi: Geometry,
    image: Geometry,
    margin_mm: float,
    side_mm: float | None = None,
    away_mm: FloatArray | float = 0.0,
) -> Field:
    """The field of an ROI slice (n, 3), snapped to the nearest axial slice of the image.

    The side is the longer edge of the ROI's bounding box (its voxels to their borders, not only
    their centres) and `margin_mm` on both sides, or `side_mm` where it is given. `away_mm` (3,) is
    how far from the slice the field is to lie.
    """
    to_left, to_back = image.in_plane_axes()
    center = np.zeros(3)
    edges = []
    for axis in (to_left, to_back):
        along = slice_mm @ axis
        border = 0.5 * _extent(roi, axis)
        low, high = along.min() - border, along.max() + border
        center += 0.5 * (low + high) * axis
        edges.append(high - low)
    normal = np.cross(to_left, to_back)
    center += slice_mm.mean(axis=0) @ normal * normal + away_mm
    index = image.to_index(center[None])
    index[0, image.axial_axis] = np.round(index[0, image.axial_axis])
    side = max(edges) + 2 * margin_mm if side_mm is None else side_mm
    return Field(image.to_physical(index)[0], to_left, to_back, side)


def _extent(geometry: Geometry, axis: FloatArray) -> float:
    """Edge in mm of a voxel along a direction: that of the index axis nearest to it."""
    nearest = int(np.argmax(np.abs(axis @ geometry.direction)))
    return float(geometry.spacing_mm[nearest])


def share_inside(geometry: Geometry, points_mm: FloatArray) -> float:
    """Share of points (n, 3) that lie within a volume."""
    index = geometry.to_index(points_mm)
    inside: NDArray[np.bool_] = np.all(
        (index >= -0.5) & (index <= np.asarray(geometry.size) - 0.5), axis=1
    )
    return float(inside.mean())
