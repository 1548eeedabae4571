"""A hepatocellular carcinoma as two-phase CT shows it, with the signs of its aggressiveness.

Enhancement after the contrast agent: hyperdense in the arterial phase, often with a rim; hypodense
to the liver in the portal venous phase, with a bright capsule where it has one; a necrotic core
that never enhances; small satellites nearby.
"""

from dataclasses import dataclass

import numpy as np

from components.intake.phantom_tissue import (
    SLICE_SPACING_MM,
    Enhancement,
    Grid,
    TwoPhaseTissue,
    shell,
)
from components.survival.target import BoolArray, FloatArray

_NECROSIS_HU = 28.0
_MAXIMUM_SATELLITES = 6


@dataclass(frozen=True)
class Signs:
    """Standardized signs of a tumor; 0 is the average tumor (`demo_signs.SIGNS`)."""

    rim: float
    washout: float
    necrosis: float
    texture: float
    capsule: float
    satellites: float

    @property
    def rim_hu(self) -> float:
        """Arterial enhancement of the rim above the tumor."""
        return max(34.0 + 30.0 * self.rim, 0.0)

    @property
    def washout_hu(self) -> float:
        """How far the tumor lies below the liver in the portal venous phase."""
        return 26.0 + 20.0 * self.washout

    @property
    def necrotic_share(self) -> float:
        """Necrotic share of the tumor."""
        return float(np.clip(0.22 + 0.17 * self.necrosis, 0.0, 0.65))

    @property
    def texture_hu(self) -> float:
        """SD of the attenuation over the vital tumor."""
        return max(14.0 + 9.0 * self.texture, 1.0)

    @property
    def capsule_hu(self) -> float:
        """Portal venous enhancement of the capsule above its surroundings."""
        return max(30.0 + 26.0 * self.capsule, 0.0)

    @property
    def n_satellites(self) -> int:
        """Satellites near the tumor."""
        return int(np.clip(np.rint(2.2 + 1.8 * self.satellites), 0, _MAXIMUM_SATELLITES))


@dataclass(frozen=True, eq=False)
class Shape:
    """Where a tumor lies on a grid (z, y, x).

    `outside_mm` is the distance from its surface, negative inside and approximate; `radius_mm` is
    half of the largest diameter.
    """

    outside_mm: FloatArray
    radius_mm: float

    @property
    def inside(self) -> BoolArray:
        """The voxels of the tumor."""
        return np.asarray(self.outside_mm <= 0.0)


def draw_shape(grid: Grid, *, diameter_mm: float, rng: np.random.Generator) -> Shape:
    """A lobulated ellipsoid around the grid's origin."""
    radius = diameter_mm / 2.0
    turn = rng.uniform(0.0, np.pi)
    along = np.cos(turn) * grid.x + np.sin(turn) * grid.y
    across = (np.cos(turn) * grid.y - np.sin(turn) * grid.x) / rng.uniform(0.82, 0.98)
    angle = np.arctan2(across, along)
    lobes = np.ones_like(angle)
    for waves in (3, 4, 5):
        depth, phase = rng.uniform(0.0, 0.06), rng.uniform(0.0, 2.0 * np.pi)
        lobes += depth * (np.cos(waves * angle + phase) - 1.0)
    height = max(0.9 * radius, SLICE_SPACING_MM)
    in_slice = (along**2 + across**2) / (radius * lobes) ** 2
    relative = np.sqrt(in_slice + (grid.z / height) ** 2)
    return Shape((relative - 1.0) * radius, radius)


def draw_tumor(
    tissue: TwoPhaseTissue,
    shape: Shape,
    signs: Signs,
    *,
    grid: Grid,
    enhancement: Enhancement,
    rng: np.random.Generator,
) -> None:
    """Paint the tumor, its capsule and its satellites over the tissue around it."""
    inside = shape.inside
    grain_mm = float(np.clip(0.08 * shape.radius_mm, 1.8, 3.5))
    texture = signs.texture_hu * grid.noise(grain_mm, rng)
    rim_mm = float(np.clip(0.10 * shape.radius_mm, 1.5, 4.0))
    rim = signs.rim_hu * shell(shape.outside_mm, -rim_mm, rim_mm)
    early = enhancement.liver[0] + rng.normal(22.0, 4.0) + texture + rim
    late = enhancement.liver[1] - signs.washout_hu + 0.8 * texture
    tissue.paint(inside, (early, late))
    tissue.paint(_necrosis(shape, signs.necrotic_share, grid, rng), (_NECROSIS_HU, _NECROSIS_HU))
    capsule = signs.capsule_hu * shell(shape.outside_mm, 0.5, 1.6)
    tissue.add((0.15 * capsule, capsule))
    for _ in range(signs.n_satellites):
        _draw_satellite(tissue, shape, grid=grid, enhancement=enhancement, rng=rng)


def _necrosis(shape: Shape, share: float, grid: Grid, rng: np.random.Generator) -> BoolArray:
    """An irregular core that takes a share of the tumor's voxels, away from the rim."""
    inside = shape.inside
    ragged = shape.outside_mm / shape.radius_mm + 0.22 * grid.noise(0.2 * shape.radius_mm, rng)
    n_core = round(share * int(inside.sum()))
    if n_core == 0:
        return np.zeros_like(inside)
    threshold = np.sort(ragged[inside])[n_core - 1]
    return np.asarray(inside & (ragged <= threshold))


def _draw_satellite(
    tissue: TwoPhaseTissue,
    shape: Shape,
    *,
    grid: Grid,
    enhancement: Enhancement,
    rng: np.random.Generator,
) -> None:
    """A nodule of a few millimeters in the liver, close to the tumor's largest section."""
    angle = rng.uniform(0.0, 2.0 * np.pi)
    radius = rng.uniform(0.8, 1.2) * np.clip(0.10 * shape.radius_mm, 3.0, 5.0)
    is_central = np.abs(grid.z) < 0.5 * SLICE_SPACING_MM
    direction = np.cos(angle) * grid.x + np.sin(angle) * grid.y
    offset = np.cos(angle) * grid.y - np.sin(angle) * grid.x
    ray = is_central & (direction > 0) & (np.abs(offset) <= grid.spacing_mm)
    surface = float(np.max(np.where(ray & shape.inside, direction, 0.0)))
    distance = surface + radius + rng.uniform(0.5, 2.0)
    height = rng.uniform(-SLICE_SPACING_MM, SLICE_SPACING_MM)
    around = grid.moved(0.0, distance * np.sin(angle), distance * np.cos(angle))
    in_slice = around.x**2 + around.y**2
    stretched = ((grid.z - height) / 1.5) ** 2
    ball = in_slice + stretched <= radius**2
    early, late = enhancement.liver
    tissue.paint(np.asarray(ball & ~shape.inside), (early + 45.0, late - 35.0))
