"""The body in a coarse CT."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from components.imaging.coarse import CoarseArray

BoolArray = NDArray[np.bool_]

_BODY_HU = -300.0


def body_mask(hu: CoarseArray) -> BoolArray:
    """Where the body is (k, j, i): above -300 HU, the largest part, its holes filled by slice.

    Opening it first takes away a table that touches the back.
    """
    tissue = np.nan_to_num(hu, nan=-1024.0) > _BODY_HU
    opened = keep_largest(ndimage.binary_opening(tissue, iterations=1))
    if not opened.any():
        opened = keep_largest(tissue)
    return np.stack([ndimage.binary_fill_holes(layer) for layer in opened])


def keep_largest(mask: BoolArray) -> BoolArray:
    """The largest connected part of a mask; nothing of an empty one."""
    labels, n = ndimage.label(mask)
    if n == 0:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(labels == sizes.argmax())
