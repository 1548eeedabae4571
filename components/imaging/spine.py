"""The spine in a coarse CT: its canal from slice to slice and how deep its vertebrae are.

Over the height of a vertebra the brightest HU show the whole ring of bone: vertebral body, pedicles
and laminae around a canal that is dark at every level. That hole is found; the bone in front of it
is the vertebral body, whatever touches its front. With osteoporosis the body is a hole as well, a
shell around dark marrow: of two holes, one behind the other, the canal is the second.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from components.imaging.body import BoolArray
from components.imaging.coarse import CoarseArray, CoarsePhases
from components.imaging.upright import Path, upright_path
from components.imaging.volume import FloatArray

_BONE_HU = 150.0
_RING_HEIGHT_MM = 24.0
_CANAL_MM2 = (60.0, 700.0)
_MIDLINE_MM = 55.0
_BOTH_FLANKS_MM = 280.0
"""A body this wide shows its middle even where the field cuts it."""
_LEAST_BONE = 0.2
"""Weighted share of bone around a spine's axis over some centimetres; ribs reach half of that."""
_LEAST_CANAL = 0.04
_STEP_COST = 0.02
_LEAST_LENGTH_MM = 45.0
_LEVEL_MM = 36.0
"""A canal that is seen on both sides of such a gap goes on through it."""
_BODY_DEPTH_MM = (28.0, 48.0)
_ALIKE_MM = 90.0
"""Vertebrae over such a stretch are as deep as each other."""
_BODY_HALF_WIDTH_MM = 22.0
_CANAL_RADIUS_MM = 8.0


@dataclass(frozen=True, eq=False)
class Spine:
    """The canal's path and, by slice, the depth (mm) from there to the front of the vertebra."""

    canal: Path
    depth_mm: FloatArray
    spacing_mm: float

    def before_mm(self, n_rows: int) -> FloatArray:
        """How far in front of the canal each row lies (n_slices, n_rows)."""
        return np.asarray((self.canal.j[:, None] - np.arange(n_rows)) * self.spacing_mm)

    def left_mm(self, n_columns: int) -> FloatArray:
        """How far to the patient's left of the canal each column lies (n_slices, n_columns)."""
        return np.asarray((np.arange(n_columns) - self.canal.i[:, None]) * self.spacing_mm)

    def vertebrae(
        self, before_mm: FloatArray, left_mm: FloatArray, *, margin_mm: float
    ) -> BoolArray:
        """Where the vertebral bodies are (n_slices, n_rows, n_columns): an ellipse in each slice.

        Args:
            before_mm: Of each row, in front of the canal.
            left_mm: Of each column, left of the canal.
            margin_mm: Added around the ellipse.
        """
        depth = self.depth_mm[:, None]
        from_middle = before_mm - 0.5 * (depth + _CANAL_RADIUS_MM)
        rows = (from_middle / (0.5 * (depth - _CANAL_RADIUS_MM) + margin_mm)) ** 2
        columns = (left_mm / (_BODY_HALF_WIDTH_MM + margin_mm)) ** 2
        return np.asarray(rows[:, :, None] + columns < 1.0)


def find_spine(phases: CoarsePhases, body: BoolArray) -> Spine | None:
    """The spine; None where less than 45 mm of it is seen.

    The ring of bone is looked for in the brighter phase, which stands a small movement between the
    two; the front of the vertebrae in the darker, which shows least of a vessel that touches it.
    """
    spacing_mm = phases.spacing_mm
    n = 2 * round(0.5 * _RING_HEIGHT_MM / spacing_mm) + 1
    bones = [(np.nan_to_num(hu, nan=-1024.0) > _BONE_HU) & body for hu in phases.known]
    high = [ndimage.maximum_filter1d(bone, n, axis=0, mode="nearest") for bone in bones]
    rings, front = np.logical_or.reduce(high), np.logical_and.reduce(high)
    canal = np.stack([_canals(ring, spacing_mm) for ring in rings])
    sigma = (12.0 / spacing_mm, 4.0 / spacing_mm, 4.0 / spacing_mm)
    score = ndimage.gaussian_filter(canal.astype(np.float32), sigma)
    score[_around(np.logical_or.reduce(bones), spacing_mm) < _LEAST_BONE] = 0.0
    score[:, ~_posterior_middle(body, spacing_mm)] = 0.0
    path = upright_path(score, least=_LEAST_CANAL, step_cost=_STEP_COST)
    if path is None or path.n_seen * spacing_mm < _LEAST_LENGTH_MM:
        return None
    path = path.smoothed().bridged(round(_LEVEL_MM / spacing_mm))
    return Spine(path, _depth_mm(front, path, spacing_mm), spacing_mm)


def _around(bone: BoolArray, spacing_mm: float) -> CoarseArray:
    """Share of bone around each voxel, weighted by distance over some centimetres."""
    sigma = (6.0 / spacing_mm, 14.0 / spacing_mm, 14.0 / spacing_mm)
    filled = np.stack([ndimage.binary_fill_holes(layer) for layer in bone])
    return np.asarray(ndimage.gaussian_filter(filled.astype(np.float32), sigma))


def _canals(ring: BoolArray, spacing_mm: float) -> BoolArray:
    """Holes of a slice's bone that are as large as a spinal canal and have no other behind them."""
    closed = ndimage.binary_closing(ring, iterations=1) | ring
    labels, n = ndimage.label(ndimage.binary_fill_holes(closed) & ~closed)
    if n == 0:
        return np.zeros_like(ring)
    areas = np.bincount(labels.ravel()) * spacing_mm**2
    fitting = (areas >= _CANAL_MM2[0]) & (areas <= _CANAL_MM2[1])
    fitting[0] = False
    holes = np.where(fitting[labels], labels, 0)
    return (holes > 0) & ~_before_another(holes)


def _before_another(holes: NDArray[np.int32]) -> BoolArray:
    """Voxels of those numbered holes (j, i) that mostly have another one behind them.

    A vertebra's marrow, where it is dark, lies in front of the canal.
    """
    rows = np.arange(len(holes))[:, None]
    last = holes[np.where(holes > 0, rows, -1).argmax(axis=0), np.arange(holes.shape[1])]
    hidden = (holes > 0) & (holes != last)
    n = int(holes.max()) + 1
    n_hidden, n_all = (np.bincount(holes[mask], minlength=n) for mask in (hidden, holes > 0))
    return np.asarray((n_hidden > 0.5 * n_all)[holes])


def _depth_mm(rings: BoolArray, canal: Path, spacing_mm: float) -> FloatArray:
    """Bone and marrow in front of the canal, evened along the spine, within what vertebrae have."""
    low, high = _BODY_DEPTH_MM
    depths = []
    for k in range(rings.shape[0]):
        outline = ndimage.binary_fill_holes(rings[k])
        columns = outline[:, max(canal.i[k] - 2, 0) : canal.i[k] + 3]
        front = columns[: canal.j[k] + 1].mean(axis=1)[::-1] >= 0.5
        after = np.flatnonzero(front)
        start = int(after[0]) if after.size else 0
        gap = np.flatnonzero(~front[start:])
        depths.append((start + (int(gap[0]) if gap.size else 0)) * spacing_mm)
    # A vessel that touches a vertebra lengthens it at some levels, so the shorter ones count.
    known = np.where(canal.seen, depths, np.inf)
    n = 2 * round(0.5 * _ALIKE_MM / spacing_mm) + 1
    padded = np.pad(known, n // 2, constant_values=np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, n)
    return np.clip([_low_quartile(window) for window in windows], low, high)


def _low_quartile(values: FloatArray) -> float:
    finite = values[np.isfinite(values)]
    return float(np.quantile(finite, 0.25)) if finite.size else _BODY_DEPTH_MM[0]


def _posterior_middle(body: BoolArray, spacing_mm: float) -> BoolArray:
    """Columns (j, i) of the grid in which a spine can stand."""
    outline = body.mean(axis=0) > 0.2
    columns = np.zeros(outline.shape, dtype=bool)
    if not outline.any():
        return columns
    j, i = np.nonzero(outline)
    columns[round(j.min() + 0.35 * (j.max() - j.min())) :, :] = True
    whole = i.min() > 0 and i.max() < outline.shape[1] - 1
    if whole or (i.max() - i.min()) * spacing_mm > _BOTH_FLANKS_MM:
        from_middle = np.abs(np.arange(outline.shape[1]) - 0.5 * (i.min() + i.max()))
        columns[:, from_middle * spacing_mm > _MIDLINE_MM] = False
    return columns
