"""The upper abdomen around a tumor: liver with vessels, spine, aorta, stomach, spleen, body wall.

Coordinates are millimeters from the middle of the body: y toward the back, x toward the patient's
left, which stands on the right of an axial image.
"""

import numpy as np

from components.intake.phantom_lesion import Shape
from components.intake.phantom_tissue import Enhancement, Grid, TwoPhaseTissue
from components.survival.target import BoolArray, FloatArray

_TUMOR_CENTER_MM = {"right": (-4.0, -88.0), "left": (-46.0, -6.0), "both": (-30.0, -48.0)}
"""Center (y, x) of a tumor by lobe."""

_AIR_HU, _FAT_HU, _MUSCLE_HU, _BONE_HU = -1000.0, -95.0, 58.0, 290.0
_STOMACH_HU, _SPLEEN_HU = 18.0, (118.0, 122.0)
_LIVER_MARGIN_MM = 18.0
_WALL_MARGIN_MM = 30.0


def draw_abdomen(
    grid: Grid,
    shape: Shape,
    *,
    location: str,
    is_cirrhotic: bool,
    enhancement: Enhancement,
    rng: np.random.Generator,
) -> TwoPhaseTissue:
    """The tissue around a tumor that lies in a lobe; the liver makes room for it.

    Args:
        grid: Voxels, counted from the tumor's center.
        shape: Where the tumor lies on the grid.
        location: "left", "right" or "both" lobes.
        is_cirrhotic: Whether the parenchyma is coarse and its surface nodular.
        enhancement: The patient's contrast.
        rng: Decides the rest.
    """
    y, x = _TUMOR_CENTER_MM[location]
    dy, dx = rng.uniform(-8.0, 8.0, size=2)
    body = grid.moved(0.0, -(y + dy), -(x + dx))
    outside_body = _ellipse(body, (0.0, 0.0), (118.0, 165.0))
    # The body wall bulges around a tumor that would reach it.
    outside_body = np.minimum(outside_body, shape.outside_mm - _WALL_MARGIN_MM)
    tissue = TwoPhaseTissue.filled(grid.shape, _AIR_HU)
    tissue.paint(outside_body < 0.0, (_FAT_HU, _FAT_HU))
    tissue.paint((outside_body < -11.0) & (outside_body > -21.0), (_MUSCLE_HU, _MUSCLE_HU))
    tissue.paint(_ribs(body, outside_body), (_BONE_HU, _BONE_HU))
    _draw_midline(tissue, body, enhancement)
    _draw_liver(tissue, body, shape, is_cirrhotic=is_cirrhotic, enhancement=enhancement, rng=rng)
    return tissue


def _ellipse(body: Grid, center: tuple[float, float], semi_axes: tuple[float, float]) -> FloatArray:
    """Approximate distance in mm from an ellipse given as (y, x), negative inside, on the grid."""
    around = body.moved(0.0, *center)
    relative = np.sqrt((around.y / semi_axes[0]) ** 2 + (around.x / semi_axes[1]) ** 2)
    return np.asarray(
        np.broadcast_to((relative - 1.0) * min(semi_axes), body.shape), dtype=np.float64
    )


def _ribs(body: Grid, outside_body: FloatArray) -> BoolArray:
    angle = np.arctan2(body.y / 118.0, body.x / 165.0)
    turn = angle + 0.012 * body.z
    return np.asarray((np.abs(outside_body + 16.0) < 3.5) & (np.cos(13.0 * turn) > 0.72))


def _draw_midline(tissue: TwoPhaseTissue, body: Grid, enhancement: Enhancement) -> None:
    tissue.paint(_ellipse(body, (-12.0, 92.0), (48.0, 38.0)) < 0.0, (_MUSCLE_HU, 78.0))
    tissue.paint(_ellipse(body, (-12.0, 92.0), (44.0, 34.0)) < 0.0, (_STOMACH_HU, _STOMACH_HU))
    tissue.paint(_ellipse(body, (48.0, 108.0), (36.0, 26.0)) < 0.0, _SPLEEN_HU)
    tissue.paint(_ellipse(body, (72.0, 0.0), (17.0, 20.0)) < 0.0, (_BONE_HU, _BONE_HU))
    tissue.paint(_ellipse(body, (72.0, 0.0), (14.0, 17.0)) < 0.0, (180.0, 185.0))
    for side in (-1.0, 1.0):
        muscle = _ellipse(body, (84.0, 36.0 * side), (16.0, 20.0))
        tissue.paint(muscle < 0.0, (_MUSCLE_HU, _MUSCLE_HU + 6.0))
    tissue.paint(_ellipse(body, (42.0, 12.0), (11.0, 11.0)) < 0.0, enhancement.arteries)


def _draw_liver(
    tissue: TwoPhaseTissue,
    body: Grid,
    shape: Shape,
    *,
    is_cirrhotic: bool,
    enhancement: Enhancement,
    rng: np.random.Generator,
) -> None:
    lobes = np.minimum(
        _ellipse(body, (-2.0, -84.0), (82.0, 62.0)), _ellipse(body, (-48.0, -14.0), (42.0, 84.0))
    )
    outside = np.minimum(lobes, shape.outside_mm - _LIVER_MARGIN_MM)
    grain_mm, grain_hu, knobs_mm = (4.5, 7.0, 1.8) if is_cirrhotic else (3.0, 3.0, 0.4)
    liver = outside + knobs_mm * body.noise(5.0, rng) < 0.0
    grain = grain_hu * body.noise(grain_mm, rng)
    tissue.paint(liver, (enhancement.liver[0] + grain, enhancement.liver[1] + grain))
    tissue.paint(_ellipse(body, (34.0, -26.0), (12.0, 15.0)) < 0.0, enhancement.veins)
    for _ in range(rng.integers(5, 8)):
        radius = rng.uniform(1.8, 4.2)
        tissue.paint(liver & _tube(body, radius, rng), enhancement.veins)
    for _ in range(rng.integers(2, 5)):
        tissue.paint(liver & _tube(body, 1.4, rng), (enhancement.arteries[0] - 90.0, 135.0))


def _tube(body: Grid, radius_mm: float, rng: np.random.Generator) -> BoolArray:
    """A gently bent vessel that fans out from the porta hepatis through a few slices."""
    angle = rng.uniform(0.75 * np.pi, 1.75 * np.pi)
    porta = body.moved(rng.uniform(-20.0, 20.0), 8.0, -34.0)
    along = np.cos(angle) * porta.x + np.sin(angle) * porta.y
    across = np.cos(angle) * porta.y - np.sin(angle) * porta.x
    bend = rng.uniform(-0.004, 0.004) * along**2
    rise = porta.z - rng.uniform(-0.25, 0.25) * along
    taper = radius_mm * np.clip(1.0 - along / 130.0, 0.25, 1.0)
    distance = (across - bend) ** 2 + (0.6 * rise) ** 2
    return np.asarray((along > 0.0) & (distance < taper**2))
