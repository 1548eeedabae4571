"""The crops of a cohort, where a network takes its images from."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Crops:
    """The crops (n, C, H, W) of a cohort, on a GPU as a whole, on a CPU gathered by the batch."""

    def __init__(self, crops: NDArray[np.float32], device: torch.device) -> None:
        self._device = device
        self._on_gpu = torch.from_numpy(crops.copy()).to(device) if device.type == "cuda" else None
        self._crops = crops

    def take(self, rows: NDArray[np.int64]) -> Tensor:
        """The images (B, C, H, W) of these rows, laid out for fast convolutions."""
        if self._on_gpu is not None:
            images = self._on_gpu[torch.from_numpy(rows).to(self._device)]
        else:
            images = torch.from_numpy(self._crops[rows])
        return images.contiguous(memory_format=torch.channels_last)
