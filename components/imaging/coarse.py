"""CT volumes on one coarse grid that runs along the patient's axes.

What is asked of a whole examination (where the body is, where the aorta runs, whether two phases
are alike) needs 3 mm, not 0.7: averaging over a voxel's block takes most of the noise away, and
whatever way the volume's own grid runs, here axis 0 goes to the head, 1 to the back, 2 to the left.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from components.imaging.volume import FloatArray, Geometry, Volume, VoxelArray

COARSE_MM = 3.0
AIR_HU, HIGHEST_HU = -1024.0, 3071.0

CoarseArray = NDArray[np.float32]

_MAXIMUM_VOXELS = 4_000_000
"""A grid that would hold more (a whole body, volumes far apart) gets a larger spacing."""


@dataclass(frozen=True, eq=False)
class CoarsePhases:
    """What there is of an examination's two phases on one coarse grid; None for a missing phase."""

    grid: Geometry
    arterial: CoarseArray | None
    portal_venous: CoarseArray | None

    @classmethod
    def of(cls, arterial: Volume | None, portal_venous: Volume | None) -> "CoarsePhases | None":
        """Both phases, or the one that there is; None without any."""
        volumes = [volume for volume in (arterial, portal_venous) if volume is not None]
        if not volumes:
            return None
        grid = common_grid([volume.geometry for volume in volumes])
        first, second = (
            None if volume is None else to_coarse(volume, grid)
            for volume in (arterial, portal_venous)
        )
        return cls(grid, first, second)

    @property
    def known(self) -> tuple[CoarseArray, ...]:
        """The phases that there are."""
        return tuple(hu for hu in (self.arterial, self.portal_venous) if hu is not None)

    @property
    def spacing_mm(self) -> float:
        """Distance of the grid's voxels."""
        return float(self.grid.spacing_mm[0])

    def brightest(self) -> CoarseArray:
        """The higher HU (k, j, i) of the phases: contrast, whichever phase holds it."""
        return np.asarray(np.fmax.reduce(self.known))

    def lowest(self) -> CoarseArray:
        """The lower HU (k, j, i) of the phases: what stays bright in it is bone, not contrast."""
        return np.asarray(np.fmin.reduce(self.known))


def common_grid(grids: Sequence[Geometry]) -> Geometry:
    """A grid along the patient's axes that covers all these volumes' voxel centres."""
    corners = np.concatenate([_corners_mm(grid) for grid in grids])
    low, high = corners.min(axis=0), corners.max(axis=0)
    edges = high - low
    spacing = COARSE_MM
    while np.prod(np.floor(edges / spacing) + 1) > _MAXIMUM_VOXELS:
        spacing *= 1.1
    size = np.floor(edges / spacing).astype(int) + 1
    origin = low + 0.5 * (edges - (size - 1) * spacing)
    i, j, k = (int(n) for n in size)
    return Geometry((i, j, k), np.full(3, spacing), origin, np.eye(3))


def to_coarse(volume: Volume, grid: Geometry) -> CoarseArray:
    """A CT's HU (k, j, i) on a coarse grid, each the mean of about a voxel; NaN outside the CT."""
    blocks, geometry = _blocks(volume, float(grid.spacing_mm[0]))
    values = ndimage.affine_transform(
        np.clip(blocks, AIR_HU, HIGHEST_HU),
        *_index_map(grid, geometry),
        output_shape=grid.size[::-1],
        output=np.float32,
        order=1,
        mode="nearest",
    )
    values[~covered(grid, volume.geometry)] = np.nan
    return np.asarray(values)


def covered(grid: Geometry, by: Geometry) -> NDArray[np.bool_]:
    """Which voxels (k, j, i) of a coarse grid have their centre within a volume."""
    matrix, offset = _index_map(grid, by)
    axes = [np.arange(n, dtype=np.float64) for n in grid.size[::-1]]
    inside = np.ones(grid.size[::-1], dtype=bool)
    for row, shift, n in zip(matrix, offset, by.size[::-1], strict=True):
        # Outer sums of three lines: the whole array of coordinates is never laid out.
        k, j, i = (factor * axis for factor, axis in zip(row, axes, strict=True))
        index = shift + k[:, None, None] + j[None, :, None] + i[None, None, :]
        inside &= (index >= -0.5 - 1e-6) & (index <= n - 0.5 + 1e-6)
    return inside


def at_points(values: VoxelArray, grid: Geometry, points_mm: FloatArray) -> VoxelArray:
    """The coarse values at positions (n, 3) in mm: those of the nearest voxel of the grid."""
    index = np.rint(grid.to_index(points_mm)).astype(np.int64)
    i, j, k = np.clip(index, 0, np.asarray(grid.size) - 1).T
    return np.asarray(values[k, j, i])


def is_inside(grid: Geometry, points_mm: FloatArray) -> NDArray[np.bool_]:
    """Which of the positions (n, 3) in mm lie in a coarse grid, a voxel beyond its edge counting.

    The grid ends at the voxel centres of the volumes that it covers.
    """
    index = grid.to_index(points_mm)
    return np.asarray(np.all((index >= -1.0) & (index <= np.asarray(grid.size)), axis=1))


def marked(grid: Geometry, points_mm: FloatArray) -> NDArray[np.bool_]:
    """Voxels (k, j, i) of a coarse grid that hold one of the positions (n, 3) in mm."""
    index = np.rint(grid.to_index(points_mm)).astype(np.int64)
    i, j, k = index[np.all((index >= 0) & (index < np.asarray(grid.size)), axis=1)].T
    mask = np.zeros(grid.size[::-1], dtype=bool)
    mask[k, j, i] = True
    return mask


def _corners_mm(grid: Geometry) -> FloatArray:
    ends = [(0.0, n - 1.0) for n in grid.size]
    index = np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1).reshape(-1, 3)
    return grid.to_physical(index)


def _blocks(volume: Volume, spacing_mm: float) -> tuple[CoarseArray, Geometry]:
    """Means over blocks of voxels that are no larger than a coarse voxel, and their grid."""
    own = volume.geometry
    fitting = np.floor(spacing_mm / own.spacing_mm + 1e-6).astype(int)
    factors = np.clip(fitting, 1, np.asarray(own.size))
    values: VoxelArray = volume.voxels
    for axis, factor in enumerate(factors[::-1]):
        values = _mean_of_neighbours(values, axis, int(factor))
    origin = own.to_physical(0.5 * (factors[None] - 1.0))[0]
    i, j, k = values.shape[::-1]
    grid = Geometry((i, j, k), own.spacing_mm * factors, origin, own.direction)
    return values.astype(np.float32, copy=False), grid


def _mean_of_neighbours(values: VoxelArray, axis: int, factor: int) -> VoxelArray:
    """The mean of each `factor` neighbours along an axis; what is left over at its end is cut."""
    if factor == 1:
        return values
    n = values.shape[axis] // factor
    kept = np.moveaxis(values, axis, 0)[: n * factor]
    return np.moveaxis(
        kept.reshape(n, factor, *kept.shape[1:]).mean(axis=1, dtype=np.float32),
        0,
        axis,
    )


def _index_map(grid: Geometry, to: Geometry) -> tuple[FloatArray, FloatArray]:
    """Matrix (3, 3) and offset (3,) from indices (k, j, i) of one grid to those of another."""
    inverse = np.linalg.inv(to.direction) / to.spacing_mm[:, None]
    matrix = inverse @ (grid.direction * grid.spacing_mm)
    offset = inverse @ (grid.origin_mm - to.origin_mm)
    return np.asarray(matrix[::-1, ::-1]), np.asarray(offset[::-1])
