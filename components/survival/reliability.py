"""How far measurements that are repeated agree: the intraclass correlation, one way, single."""

import numpy as np
from numpy.typing import NDArray

from components.survival.target import FloatArray


def icc_one_way(values: NDArray[np.float64]) -> FloatArray:
    """ICC(1, 1) of every feature: the share of its variance that lies between patients.

    (MSB - MSW) / (MSB + (k - 1) MSW), Shrout and Fleiss 1979, doi:10.1037/0033-2909.86.2.420. The
    repetitions of a patient are exchangeable, as ROIs that are perturbed by chance. A feature that
    does not vary at all tells no patient from another: its ICC is 0. Where a value is not finite,
    the ICC is NaN.

    Args:
        values: (n_patients, k, n_features) with at least two patients and two repetitions.

    Returns:
        (n_features,)
    """
    n, k, _ = values.shape
    means = values.mean(axis=1)
    between = k * np.var(means, axis=0, ddof=1)
    within = ((values - means[:, None]) ** 2).sum(axis=(0, 1)) / (n * (k - 1))
    total = between + (k - 1) * within
    scale = np.abs(values).max(axis=(0, 1))
    flat = total <= (1e-12 * scale) ** 2
    icc = (between - within) / np.where(flat, 1.0, total)
    return np.asarray(np.where(flat, 0.0, icc))
