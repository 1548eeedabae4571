"""CT scanners of the demo: voxel size, sharpness and noise of their images."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.intake.phantom_tissue import smooth_in_slices
from components.survival.target import FloatArray

_LOWEST_HU, _HIGHEST_HU = -1024, 3071


@dataclass(frozen=True)
class Scanner:
    """A scanner with its reconstruction kernel.

    `spacing_mm` is the pixel size within a slice. `blur_mm` and `noise_correlation_mm` are SDs of
    Gaussian kernels within a slice, `noise_sd_hu` the SD of the noise in homogeneous tissue.
    """

    name: str
    spacing_mm: float
    blur_mm: float
    noise_sd_hu: float
    noise_correlation_mm: float


SCANNERS = (
    Scanner("scanner_1", 1.375, blur_mm=0.7, noise_sd_hu=10.0, noise_correlation_mm=0.6),
    Scanner("scanner_2", 1.5, blur_mm=0.9, noise_sd_hu=8.5, noise_correlation_mm=0.9),
    Scanner("scanner_3", 1.625, blur_mm=1.1, noise_sd_hu=7.0, noise_correlation_mm=1.2),
)
"""Spacings are exact in binary, so that every file format holds the same geometry."""


def acquire(tissue_hu: FloatArray, scanner: Scanner, rng: np.random.Generator) -> NDArray[np.int16]:
    """The image (z, y, x) in HU that a scanner makes of ideal tissue of the same shape."""
    blurred = smooth_in_slices(tissue_hu, scanner.blur_mm / scanner.spacing_mm)
    white = rng.standard_normal(tissue_hu.shape)
    noise = smooth_in_slices(white, scanner.noise_correlation_mm / scanner.spacing_mm)
    image = blurred + scanner.noise_sd_hu * noise / noise.std()
    return np.asarray(np.clip(np.rint(image), _LOWEST_HU, _HIGHEST_HU), dtype=np.int16)
