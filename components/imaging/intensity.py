"""From HU to the channels of a network, in the order that keeps the difference in HU."""

import numpy as np
from numpy.typing import NDArray

from components.imaging.volume import FloatArray
from components.study.protocol.imaging import ImagingSection

CHANNELS = ("arterial", "portal_venous", "arterial_minus_portal_hu")


def to_channels(
    arterial_hu: FloatArray, portal_venous_hu: FloatArray, section: ImagingSection
) -> NDArray[np.float32]:
    """The channels (3, h, w) of two phases (h, w) in HU.

    Arterial minus portal venous is taken in HU, before any window. The phases are clipped to the
    liver window and the difference to its own; then each channel is brought to mean 0 and SD 1
    over the image. Outside a volume (NaN) a phase takes its window's lower limit, the difference 0.
    """
    low = section.window_center_hu - section.window_width_hu / 2
    high = section.window_center_hu + section.window_width_hu / 2
    limit = section.difference_window_hu
    difference = np.nan_to_num(arterial_hu - portal_venous_hu, nan=0.0)
    return np.stack(
        [
            _standardized(np.clip(np.nan_to_num(arterial_hu, nan=low), low, high)),
            _standardized(np.clip(np.nan_to_num(portal_venous_hu, nan=low), low, high)),
            _standardized(np.clip(difference, -limit, limit)),
        ]
    ).astype(np.float32)


def _standardized(image: FloatArray) -> FloatArray:
    """Mean 0, SD 1; all zero where the image is flat."""
    centered = image - image.mean()
    sd = float(centered.std())
    # A flat image has rounding noise for an SD; one HU in 10,000 pixels has 0.01.
    return centered / sd if sd > 1e-6 else np.zeros_like(image)
