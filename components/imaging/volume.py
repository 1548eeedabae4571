"""A volume in space: voxels and where they lie in the patient.

Orientation, stated once: positions are in millimetres in the patient's LPS frame (x to the left,
y to the back, z to the head), as in ITK and DICOM. Indices are (i, j, k); the voxel array is stored
(k, j, i), as SimpleITK hands it over.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
VoxelArray = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Geometry:
    """A regular grid in the patient.

    `size` counts voxels along (i, j, k), `spacing_mm` (3,) is their distance, `origin_mm` (3,) the
    centre of voxel (0, 0, 0), and column c of `direction` (3, 3) the unit vector of index axis c.
    """

    size: tuple[int, int, int]
    spacing_mm: FloatArray
    origin_mm: FloatArray
    direction: FloatArray

    @classmethod
    def of(cls, header: Any) -> Self:
        """The grid of a SimpleITK image or of a reader that has read a header."""
        i, j, k = header.GetSize()[:3]
        return cls(
            size=(int(i), int(j), int(k)),
            spacing_mm=np.asarray(header.GetSpacing()[:3], dtype=np.float64),
            origin_mm=np.asarray(header.GetOrigin()[:3], dtype=np.float64),
            direction=np.asarray(header.GetDirection(), dtype=np.float64).reshape(3, 3),
        )

    def to_physical(self, index: FloatArray) -> FloatArray:
        """Positions (n, 3) in mm of (fractional) indices (n, 3)."""
        return np.asarray(self.origin_mm + (index * self.spacing_mm) @ self.direction.T)

    def to_index(self, points_mm: FloatArray) -> FloatArray:
        """Fractional indices (n, 3) of positions (n, 3) in mm."""
        inverse = np.linalg.inv(self.direction)
        return np.asarray(((points_mm - self.origin_mm) @ inverse.T) / self.spacing_mm)

    @property
    def axial_axis(self) -> int:
        """The index axis that runs most nearly from foot to head: slices are cut across it."""
        return int(np.argmax(np.abs(self.direction[2])))

    def in_plane_axes(self) -> tuple[FloatArray, FloatArray]:
        """Unit vectors of an axial slice, the first to the patient's left, the second to the back.

        They follow the grid (a tilted gantry stays tilted), whatever way its indices run.
        """
        across = [axis for axis in range(3) if axis != self.axial_axis]
        left = max(across, key=lambda axis: abs(self.direction[0, axis]))
        back = next(axis for axis in across if axis != left)
        to_left, to_back = self.direction[:, left], self.direction[:, back]
        return to_left * _sign(to_left[0]), to_back * _sign(to_back[1])

    def part(self, low: NDArray[np.int64], high: NDArray[np.int64]) -> Self:
        """The grid of the indices from `low` (3,) up to, not including, `high` (3,)."""
        origin = self.to_physical(low.astype(np.float64)[None])[0]
        i, j, k = (int(n) for n in high - low)
        return type(self)((i, j, k), self.spacing_mm, origin, self.direction)

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel in millilitres."""
        return float(np.prod(self.spacing_mm) / 1000)


def _sign(value: float) -> float:
    return -1.0 if value < 0 else 1.0


@dataclass(frozen=True, eq=False)
class Volume:
    """Voxels (k, j, i) and their grid: HU for CT, True inside for an ROI."""

    voxels: VoxelArray
    geometry: Geometry
