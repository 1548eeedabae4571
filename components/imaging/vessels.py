"""The aorta in a coarse CT: a bright round tube that runs upright in front of the spine.

A point is scored by a disc in its slice and a circle around that: a contrast-filled vessel is
bright and even over the disc, as bright above and below, and darker on most of the circle (fat,
lung, crura; a vertebra or the vena cava may touch it on one side). A vertebra has its bright cortex
on the circle and changes with its end plates; an organ is as bright there as within. The aorta is
the upright path of the highest score.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from components.imaging.coarse import CoarseArray
from components.imaging.spine import Spine
from components.imaging.spine_front import SpineFront
from components.imaging.upright import Path, upright_path
from components.imaging.volume import FloatArray

_RADII_MM = (6.0, 9.0, 12.0, 16.0)
_GAP_MM = 6.0
_REACH_MM = _RADII_MM[-1] + _GAP_MM
_LOWEST_HU, _HIGHEST_HU = 0.0, 600.0
_LEAST_WINDOW_MM2 = 3500.0
_RIGHT_COST_PER_MM = 0.4
_LEAST_SCORE = 22.0
_LEAST_LENGTH_MM = 45.0
_LEAST_OF_FIRST = 0.5
"""A second tube is a vessel too where it stands out half as well."""
_BONE_HU, _UNCHANGED = 180.0, 1.08
_STEP_COST = 6.0
_VERTEBRA_MM = 36.0


@dataclass(frozen=True, eq=False)
class Tube:
    """A vessel's course in front of the spine: its path and its radius (mm) in each slice."""

    front: SpineFront
    path: Path
    radius_mm: FloatArray

    @property
    def mean_score(self) -> float:
        """How well it stands out (HU), over the slices in which it is seen."""
        return float(self.path.score[self.path.seen].mean())

    def median_hu(self, hu: CoarseArray) -> float | None:
        """What a volume (k, j, i) shows inside the vessel; None where it does not cover it."""
        local, reach = self.front.cut(hu), self.front.margin
        slices = np.flatnonzero(self.path.seen)
        values = np.empty(slices.size)
        for n, k in enumerate(slices):
            inner = _disc(0.6 * self.radius_mm[k] / self.front.spacing_mm) + reach
            values[n] = np.median(
                local[k, self.path.j[k] + inner[:, 0], self.path.i[k] + inner[:, 1]]
            )
        known = values[np.isfinite(values)]
        if known.size * self.front.spacing_mm < _LEAST_LENGTH_MM:
            return None
        return float(np.median(known))


def find_aorta(phases: Sequence[CoarseArray], spine: Spine) -> Tube | None:
    """The upright tube in front of the spine that is the aorta; None where none runs 45 mm.

    It is looked for in the higher HU of the phases, so that it is the same whichever comes first.
    In the portal venous phase the vena cava can be as fine a tube: of two, the aorta is the one
    that is brighter in the phase in which it is brightest. What is as bright in both, and brighter
    than blood without contrast could be, is bone, or contrast that was swallowed.

    Args:
        phases: HU (k, j, i) of one phase or two.
        spine: The spine.
    """
    hu = np.asarray(np.fmax.reduce(phases))
    front = SpineFront.of(spine, hu, margin_mm=_REACH_MM)
    local = np.clip(np.nan_to_num(front.cut(hu), nan=_LOWEST_HU), _LOWEST_HU, _HIGHEST_HU)
    scores = np.stack([_tubeness(local, front, radius_mm=radius) for radius in _RADII_MM])
    right_mm = np.maximum(-front.left_mm, 0.0)
    best = scores.max(axis=0) - _RIGHT_COST_PER_MM * right_mm
    best = np.where(front.window, np.maximum(best, 0.0), 0.0)
    first = _best_tube(best, scores, front)
    if first is None:
        return None
    second = _best_tube(_without(best, first), scores, front)
    if second is None or second.mean_score < _LEAST_OF_FIRST * first.mean_score:
        return first
    brightness = {tube: [tube.median_hu(hu) or 0.0 for hu in phases] for tube in (first, second)}
    blood = [tube for tube, hu in brightness.items() if not _is_unchanging(hu)]
    return max(blood or [first], key=lambda tube: max(brightness[tube]))


def _is_unchanging(hu: Sequence[float]) -> bool:
    return len(hu) > 1 and min(hu) > _BONE_HU and max(hu) < _UNCHANGED * min(hu)


def _best_tube(best: CoarseArray, scores: CoarseArray, front: SpineFront) -> Tube | None:
    path = upright_path(best, least=_LEAST_SCORE, step_cost=_STEP_COST)
    path = path and path.longest()
    if path is None or path.n_seen * front.spacing_mm < _LEAST_LENGTH_MM:
        return None
    at = scores[:, np.arange(len(best)), path.j, path.i]
    return Tube(front, path, np.asarray(_RADII_MM)[at.argmax(axis=0)])


def _without(best: CoarseArray, tube: Tube) -> CoarseArray:
    """The scores without a tube and its surroundings."""
    _, height, width = best.shape
    rows = (np.arange(height) - tube.path.j[:, None])[:, :, None]
    columns = (np.arange(width) - tube.path.i[:, None])[:, None, :]
    away = (tube.radius_mm + _GAP_MM)[:, None, None] / tube.front.spacing_mm
    return np.where(rows**2 + columns**2 > away**2, best, np.float32(0.0))


def brightest_before_spine(hu: CoarseArray, spine: Spine) -> tuple[float, float] | None:
    """HU that no vessel of 1 cm in front of the spine exceeds in a quarter, in half of the slices.

    Low, they say that there is no contrast in the aorta, although the aorta itself may not stand
    out. None where the field shows less than 45 mm of that region.
    """
    front = SpineFront.of(spine, hu, margin_mm=_REACH_MM)
    disc = _disc(0.8 * _RADII_MM[0] / spine.spacing_mm)
    filled = _lowest(_shifted(front.cut(hu), front, disc), 0.2)
    ceilings = np.where(front.window, filled, -np.inf).max(axis=(1, 2))
    # Where the field cuts the region, the aorta may lie beyond.
    whole = front.window.sum(axis=(1, 2)) >= _LEAST_WINDOW_MM2 / spine.spacing_mm**2
    if whole.sum() * spine.spacing_mm < _LEAST_LENGTH_MM:
        return None
    quarter, half = np.quantile(ceilings[whole], (0.25, 0.5))
    return float(quarter), float(half)


def _tubeness(local: CoarseArray, front: SpineFront, *, radius_mm: float) -> CoarseArray:
    """How far the disc around each point stands out, less how uneven it is (HU)."""
    disc = _shifted(local, front, _disc(0.8 * radius_mm / front.spacing_mm))
    circle = _shifted(local, front, _circle((radius_mm + _GAP_MM) / front.spacing_mm))
    # Calcium in the wall makes a third of a disc bright: neither figure counts it.
    dark, middle, around = _lowest(disc, 0.2), _lowest(disc, 0.5), _lowest(circle, 0.5)
    uneven = 2.0 * (middle - dark) + _change_along(middle, front.spacing_mm)
    return np.asarray(dark - around - 0.5 * uneven, dtype=np.float32)


def _lowest(values: CoarseArray, share: float) -> CoarseArray:
    """The value that a share of those at each point (along axis 0) does not reach."""
    at = int(len(values) * share)
    return np.asarray(np.partition(values, at, axis=0)[at])


def _change_along(level: CoarseArray, spacing_mm: float) -> CoarseArray:
    """How much the brightness (k, rows, columns) of a disc changes over the height of a vertebra.

    A vessel stays as bright as it is; end plates, marrow and discs of a spine differ by 100 HU.
    The brightest neighbour in the slice is taken, for a vessel that runs a little aslant.
    """
    brightest = ndimage.maximum_filter(level, size=(1, 3, 3), mode="nearest")
    n = 2 * round(0.5 * _VERTEBRA_MM / spacing_mm) + 1
    low, high = (
        ndimage.percentile_filter(brightest, q, size=(n, 1, 1), mode="nearest") for q in (15, 85)
    )
    return np.asarray(high - low)


def _shifted(local: CoarseArray, front: SpineFront, offsets: NDArray[np.int64]) -> CoarseArray:
    """Values (n_offsets, k, rows, columns) at each offset (row, column) from a window's points."""
    _, height, width = front.window.shape
    return np.stack(
        [
            local[
                :,
                front.margin + row : front.margin + row + height,
                front.margin + column : front.margin + column + width,
            ]
            for row, column in offsets
        ]
    )


def _disc(radius: float) -> NDArray[np.int64]:
    """Offsets (n, 2) of voxels up to a radius in voxels; of a large disc about 20 of them."""
    reach = int(np.floor(radius + 1e-6))
    row, column = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    inside = np.argwhere(row**2 + column**2 <= radius**2 + 1e-6) - reach
    return inside[:: max(1, len(inside) // 20)]


def _circle(radius: float) -> NDArray[np.int64]:
    """Offsets (12, 2) of the voxels nearest to a circle of a radius in voxels."""
    angle = np.arange(12) * np.pi / 6
    return np.rint(radius * np.stack([np.sin(angle), np.cos(angle)], axis=1)).astype(np.int64)
