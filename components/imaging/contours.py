"""From closed contours in the patient to a mask: even-odd, by pixel centres."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from components.imaging.masks import BoolArray, IntArray
from components.imaging.roi import share_inside
from components.imaging.volume import FloatArray, Geometry

_OFF_PLANE = 0.25
"""Of the slice distance: how far points of one contour may lie off its plane."""
_SAME_PLANE = 0.02
_MINIMUM_SHARE_INSIDE = 0.9
_SPARSE = 1.5
_FEWEST_PLANES = 3
MAX_POINTS = 5_000_000
"""Of all contours of an ROI; 100 slices of 2,000 points have 200,000."""


def fill_contours(contours: Sequence[FloatArray], grid: Geometry) -> BoolArray:
    """The voxels (k, j, i) whose centres lie inside an odd number of contours of their slice.

    Contours go to the slice nearest to their plane, within half a slice distance. Where several
    planes fall to one slice (they were drawn on thinner slices), the nearest of them counts.

    Args:
        contours: Points (n, 3) in mm of each closed contour.
        grid: The CT's grid; oblique, flipped and skewed ones are as good.

    Raises:
        ValueError: A contour is not parallel to the slices, contours lie outside the grid, or they
            were drawn on slices farther apart than the grid's. The text says what to do.
    """
    points = np.concatenate(contours)
    if len(points) > MAX_POINTS:
        raise ValueError(f"its contours have {len(points)} points, more than drawn ones ever have")
    if not np.all(np.isfinite(points)):
        raise ValueError("a contour point is no position; export it again")
    if share_inside(grid, points) < _MINIMUM_SHARE_INSIDE:
        raise ValueError("its contours lie outside the CT; is it of the same examination?")
    indices = [grid.to_index(contour) for contour in contours]
    heights = np.array([float(np.median(index[:, 2])) for index in indices])
    spread = max(float(np.abs(i[:, 2] - h).max()) for i, h in zip(indices, heights, strict=True))
    if spread > _OFF_PLANE:
        raise ValueError("a contour is not parallel to the CT's slices; draw on axial slices")
    _require_dense(heights)
    voxels = np.zeros(grid.size[::-1], dtype=np.bool_)
    numbers = _slices(heights, grid.size[2])
    for k in np.unique(numbers[numbers >= 0]):
        chosen = np.flatnonzero(numbers == k)
        off = np.abs(heights[chosen] - k)
        nearest = chosen[off <= off.min() + _SAME_PLANE]
        voxels[k] = _fill([indices[n][:, :2] for n in nearest], grid.size[:2])
    return voxels


def _require_dense(heights: FloatArray) -> None:
    planes = np.unique(np.round(heights / _SAME_PLANE) * _SAME_PLANE)
    if len(planes) >= _FEWEST_PLANES and np.diff(planes).min() > _SPARSE:
        raise ValueError(
            "its contours were drawn on slices farther apart than those of this CT; give the "
            "series on which it was drawn"
        )


def _slices(heights: FloatArray, n_slices: int) -> IntArray:
    """Nearest slice of each contour; -1 where that is more than half a slice distance away."""
    numbers = np.clip(np.rint(heights), 0, n_slices - 1).astype(np.int64)
    return np.where(np.abs(heights - numbers) <= 0.5, numbers, -1)


def _fill(polygons: Sequence[FloatArray], size: tuple[int, int]) -> BoolArray:
    """Pixels (j, i) inside an odd number of polygons, each (n, 2) in pixel coordinates.

    For each row of pixels the polygons' edges are crossed at its centre line; a crossing turns all
    pixels behind it. An edge holds its lower end and not its upper one, so that a vertex counts
    once.
    """
    columns, rows = size
    turned = np.zeros((rows, columns + 1), dtype=np.int64)
    for polygon in polygons:
        row, x = _crossings(polygon, rows)
        first = np.clip(np.ceil(x), 0, columns).astype(np.int64)
        np.add.at(turned, (row, first), 1)
    inside: BoolArray = (np.cumsum(turned, axis=1)[:, :columns] & 1).astype(np.bool_)
    return inside


def _crossings(polygon: FloatArray, rows: int) -> tuple[IntArray, NDArray[np.float64]]:
    """Rows and columns (fractional) where the centre lines of pixel rows cross a polygon."""
    start, end = polygon, np.roll(polygon, -1, axis=0)
    low, high = np.minimum(start[:, 1], end[:, 1]), np.maximum(start[:, 1], end[:, 1])
    first = np.clip(np.ceil(low), 0, rows).astype(np.int64)
    past = np.clip(np.ceil(high), 0, rows).astype(np.int64)
    count = past - first
    edge = np.repeat(np.arange(len(polygon)), count)
    offset = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count)
    row = first[edge] + offset
    share = (row - start[edge, 1]) / (end[edge, 1] - start[edge, 1])
    return row, start[edge, 0] + share * (end[edge, 0] - start[edge, 0])
