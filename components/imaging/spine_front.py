"""What lies in front of the spine, straightened along it: where great vessels are looked for."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from components.imaging.body import BoolArray
from components.imaging.coarse import CoarseArray
from components.imaging.spine import Spine
from components.imaging.volume import FloatArray

_BEFORE_CANAL_MM = (12.0, 88.0)
_BESIDE_CANAL_MM = 42.0
"""How far from the spinal canal the middle of the aorta may lie."""
_VERTEBRA_MARGIN_MM = 5.0
_FIELD_MARGIN_MM = 12.0


@dataclass(frozen=True, eq=False)
class SpineFront:
    """A window in front of the spinal canal and a margin around it, the same in every slice.

    `rows` and `columns` (n_slices, n) are indices (j, i) of the coarse grid, the margin included;
    `window` (n_slices, n_rows, n_columns) are points, without the margin, where the middle of the
    aorta may lie; `left_mm` (n_columns,) says how far left of the canal they are.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    window: BoolArray
    left_mm: FloatArray
    margin: int
    spacing_mm: float

    @classmethod
    def of(cls, spine: Spine, hu: CoarseArray, *, margin_mm: float) -> "SpineFront":
        """The window in a volume (k, j, i): beside the vertebrae, and not at the field's edge."""
        spacing = spine.spacing_mm
        margin = int(np.ceil(margin_mm / spacing))
        nearest, farthest = (round(mm / spacing) for mm in _BEFORE_CANAL_MM)
        beside = round(_BESIDE_CANAL_MM / spacing)
        before = np.arange(farthest, nearest - 1, -1)
        left = np.arange(-beside, beside + 1)
        before_mm, left_mm = (np.asarray(n * spacing, np.float64) for n in (before, left))
        window = ~spine.vertebrae(before_mm, left_mm, margin_mm=_VERTEBRA_MARGIN_MM)
        window &= spine.canal.seen[:, None, None]
        made = cls(
            rows=spine.canal.j[:, None] - _with_margin(before[::-1], margin)[::-1],
            columns=spine.canal.i[:, None] + _with_margin(left, margin),
            window=window,
            left_mm=left_mm,
            margin=margin,
            spacing_mm=spacing,
        )
        n = 2 * round(_FIELD_MARGIN_MM / spacing) + 1
        known = ndimage.minimum_filter(np.isfinite(made.cut(hu)), size=(1, n, n), mode="nearest")
        window &= known[:, margin:-margin, margin:-margin]
        return made

    def cut(self, hu: CoarseArray) -> CoarseArray:
        """A volume's HU (n_slices, rows, columns) there, NaN outside its grid."""
        _, height, width = hu.shape
        rows, columns = self.rows[:, :, None], self.columns[:, None, :]
        slices = np.arange(hu.shape[0])[:, None, None]
        values = hu[slices, np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)]
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        return np.asarray(np.where(inside, values, np.float32(np.nan)))


def _with_margin(steps: NDArray[np.int64], margin: int) -> NDArray[np.int64]:
    return np.arange(steps[0] - margin, steps[-1] + margin + 1)
