"""The crops of a cohort, where a network takes its images from.

A patient has one slice or several. Of several the first is the ROI's largest, and all belong to one
row: whatever divides patients, into folds, batches or sets, never parts them.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Crops:
    """Crops (n, C, H, W), or (n, S, C, H, W) of S slices each, on a GPU or gathered by the batch.

    A slice that equals an earlier one of its patient, as where the ROI has fewer slices than S,
    counts no second time: neither is it drawn more often, nor does it weigh more in a mean.
    """

    def __init__(self, crops: NDArray[np.float32], device: torch.device) -> None:
        slices = crops if crops.ndim == 5 else crops[:, None]
        self._device = device
        self._on_gpu = torch.from_numpy(slices.copy()).to(device) if device.type == "cuda" else None
        self._slices = slices
        self._distinct, self._n_distinct = _distinct_slices(slices)

    def take(self, rows: NDArray[np.int64], slices: NDArray[np.int64] | None = None) -> Tensor:
        """The images (B, C, H, W) of these rows, laid out for fast convolutions.

        `slices` (B,) numbers each row's slice; without it, it is the ROI's largest.
        """
        numbers = np.zeros_like(rows) if slices is None else slices
        if self._on_gpu is not None:
            # A copy that blocks waits until the GPU has done all that it was given before.
            places = (torch.from_numpy(one) for one in (rows, numbers))
            images = self._on_gpu[tuple(one.to(self._device, non_blocking=True) for one in places)]
        else:
            images = torch.from_numpy(self._slices[rows, numbers])
        return images.contiguous(memory_format=torch.channels_last)

    def draw(self, rows: NDArray[np.int64]) -> Tensor:
        """The images (B, C, H, W) of these rows, each of a slice drawn by torch's generator.

        So an epoch costs the same whatever the number of slices, and no batch holds a patient
        twice. Where every patient has one slice nothing is drawn.
        """
        if self._slices.shape[1] == 1:
            return self.take(rows)
        found = self._n_distinct[rows]
        drawn = (torch.rand(len(rows), dtype=torch.float64).numpy() * found).astype(np.int64)
        return self.take(rows, self._distinct[rows, np.minimum(drawn, found - 1)])

    def distinct(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Every slice of these rows once: places in `rows` (m,), ascending, and slices (m,)."""
        found = self._n_distinct[rows]
        places, orders = np.nonzero(np.arange(self._slices.shape[1]) < found[:, None])
        return places, self._distinct[rows[places], orders]


def _distinct_slices(slices: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of each patient the numbers (n, S) of the slices that differ, first, and their count (n,)."""
    n, n_slices = slices.shape[:2]
    is_new = np.ones((n, n_slices), dtype=np.bool_)
    # One line of pixels tells nearly all slices apart, and reading whole images costs a minute.
    lines = slices[..., slices.shape[3] // 2, :]
    for later in range(1, n_slices):
        for earlier in range(later):
            alike = (lines[:, later] == lines[:, earlier]).all(axis=(1, 2))
            for row in np.flatnonzero(alike & is_new[:, later]):
                if np.array_equal(slices[row, later], slices[row, earlier]):
                    is_new[row, later] = False
    return np.argsort(~is_new, axis=1, kind="stable"), is_new.sum(axis=1)
