"""What phantoms are painted on: a grid in millimeters and tissue in two contrast phases."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import gaussian_filter

from components.survival.target import BoolArray, FloatArray

SLICE_SPACING_MM = 5.0
N_SLICES = 9


@dataclass(frozen=True, eq=False)
class Grid:
    """Coordinates of voxel centers in mm, counted from the tumor's center.

    `z` (nz, 1, 1) grows toward the head, `y` (1, ny, 1) toward the back, `x` (1, 1, nx) toward the
    patient's left.
    """

    z: FloatArray
    y: FloatArray
    x: FloatArray
    spacing_mm: float

    @classmethod
    def around_tumor(cls, *, field_mm: float, spacing_mm: float) -> "Grid":
        """A square field of at least `field_mm`, with `N_SLICES` slices; the origin is a voxel."""
        half = int(np.ceil(field_mm / 2.0 / spacing_mm))
        in_slice = spacing_mm * np.arange(-half, half + 1, dtype=np.float64)
        z = SLICE_SPACING_MM * (np.arange(N_SLICES, dtype=np.float64) - N_SLICES // 2)
        return cls(z[:, None, None], in_slice[None, :, None], in_slice[None, None, :], spacing_mm)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along z, y, x."""
        return self.z.size, self.y.size, self.x.size

    def moved(self, z: float, y: float, x: float) -> "Grid":
        """The same voxels with coordinates counted from another point, given in mm."""
        return Grid(self.z - z, self.y - y, self.x - x, self.spacing_mm)

    def noise(self, correlation_mm: float, rng: np.random.Generator) -> FloatArray:
        """Noise of mean 0 and SD 1 on the grid, with Gaussian correlation within each slice."""
        raw = smooth_in_slices(rng.standard_normal(self.shape), correlation_mm / self.spacing_mm)
        return np.asarray((raw - raw.mean()) / raw.std(), dtype=np.float64)


def smooth_in_slices(volume: FloatArray, sigma_px: float) -> FloatArray:
    """A volume (z, y, x) smoothed by a Gaussian of SD `sigma_px` within each slice."""
    return np.asarray(gaussian_filter(volume, (0.0, sigma_px, sigma_px)), dtype=np.float64)


@dataclass(frozen=True)
class Enhancement:
    """Attenuation in HU, arterial and portal venous, of what the contrast agent reaches."""

    liver: tuple[float, float]
    veins: tuple[float, float]
    arteries: tuple[float, float]


def draw_enhancement(rng: np.random.Generator) -> Enhancement:
    """A patient's own timing and liver."""
    liver, late, artery, vein = rng.standard_normal(4)
    return Enhancement(
        liver=(64.0 + 5.0 * liver, 106.0 + 5.0 * liver + 5.0 * late),
        veins=(82.0 + 8.0 * vein, 165.0 + 12.0 * late),
        arteries=(270.0 + 25.0 * artery, 150.0 + 12.0 * late),
    )


@dataclass(frozen=True, eq=False)
class TwoPhaseTissue:
    """Ideal attenuation (z, y, x) in HU, before a scanner sees it."""

    arterial: FloatArray
    portal_venous: FloatArray

    @classmethod
    def filled(cls, shape: tuple[int, int, int], hu: float) -> "TwoPhaseTissue":
        """Homogeneous tissue."""
        return cls(np.full(shape, hu), np.full(shape, hu))

    def paint(self, where: BoolArray, hu: tuple[ArrayLike, ArrayLike]) -> None:
        """Replace the tissue in a mask by arterial and portal venous values (numbers or grids)."""
        for image, value in zip((self.arterial, self.portal_venous), hu, strict=True):
            np.copyto(image, value, where=where)

    def add(self, hu: tuple[ArrayLike, ArrayLike]) -> None:
        """Add arterial and portal venous values everywhere."""
        for image, value in zip((self.arterial, self.portal_venous), hu, strict=True):
            np.add(image, value, out=image)


def shell(outside_mm: FloatArray, center_mm: float, width_mm: float) -> FloatArray:
    """1 at a distance from a surface, and a Gaussian fall on both sides."""
    return np.asarray(np.exp(-(((outside_mm - center_mm) / width_mm) ** 2)), dtype=np.float64)
