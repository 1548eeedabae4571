"""P-values adjusted for the number of tests; a test that could not be made (NaN) does not count."""

import numpy as np
from numpy.typing import ArrayLike

from components.survival.target import FloatArray


def benjamini_hochberg(p_values: ArrayLike) -> FloatArray:
    """Adjusted p-values (m,): who rejects below q has an expected false share of at most q.

    Benjamini and Hochberg 1995, doi:10.1111/j.2517-6161.1995.tb02031.x; R's `p.adjust(p, "BH")`.
    """
    p = np.asarray(p_values, dtype=np.float64)
    known = np.flatnonzero(~np.isnan(p))
    falling = known[np.argsort(-p[known], kind="stable")]
    ranks = np.arange(falling.size, 0, -1)
    adjusted = np.full(p.size, np.nan)
    adjusted[falling] = np.minimum(np.minimum.accumulate(p[falling] * falling.size / ranks), 1.0)
    return adjusted


def bonferroni(p_values: ArrayLike) -> FloatArray:
    """P-values (m,) times the number of tests, at most 1."""
    p = np.asarray(p_values, dtype=np.float64)
    return np.asarray(np.minimum(p * np.sum(~np.isnan(p)), 1.0))


def holm(p_values: ArrayLike) -> FloatArray:
    """Adjusted p-values (m,): who rejects below alpha errs at all with at most that probability.

    Never larger than `bonferroni`'s. Holm 1979, Scand J Statist 6:65; R's `p.adjust(p, "holm")`.
    """
    p = np.asarray(p_values, dtype=np.float64)
    known = np.flatnonzero(~np.isnan(p))
    rising = known[np.argsort(p[known], kind="stable")]
    left = np.arange(rising.size, 0, -1)
    adjusted = np.full(p.size, np.nan)
    adjusted[rising] = np.minimum(np.maximum.accumulate(p[rising] * left), 1.0)
    return adjusted
