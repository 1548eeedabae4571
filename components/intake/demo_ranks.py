"""From a latent score to a column that has the wanted distribution exactly.

A column is a monotone function of a score's ranks: correlation comes from the scores, the
distribution from Table 1.
"""

from collections.abc import Callable, Mapping
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from components.intake.demo_marginals import Quartiles, Scale
from components.survival.target import FloatArray, IntArray

Level = TypeVar("Level", str, int)
_Transform = Callable[[ArrayLike], FloatArray]

_UPPER_QUARTILE_Z = float(norm.ppf(0.75))
_TRANSFORMS: dict[str, tuple[_Transform, _Transform]] = {
    "linear": (np.asarray, np.asarray),
    "root": (np.sqrt, np.square),
    "log": (np.log, np.exp),
}


def ranks(score: FloatArray) -> IntArray:
    """Ranks 0 to n - 1 of a score (n,); ties keep their order."""
    order = np.argsort(score, kind="stable")
    rank = np.empty(score.size, dtype=np.int64)
    rank[order] = np.arange(score.size)
    return rank


def in_proportion(counts: Mapping[Level, int], total: int) -> dict[Level, int]:
    """Counts that add up to `total` in the given proportion (largest remainders first)."""
    exact = {level: count * total / sum(counts.values()) for level, count in counts.items()}
    shares = {level: int(share) for level, share in exact.items()}
    by_remainder = sorted(exact, key=lambda level: shares[level] - exact[level])
    for level in by_remainder[: total - sum(shares.values())]:
        shares[level] += 1
    return shares


def ranked_levels(score: FloatArray, counts: Mapping[Level, int]) -> NDArray[np.object_]:
    """Levels (n,) in proportion to `counts`: the lowest scores get the first level, and so on."""
    shares = in_proportion(counts, score.size)
    levels = [level for level, share in shares.items() for _ in range(share)]
    return np.array(levels, dtype=object)[ranks(score)]


def quartile_matched(score: FloatArray, quartiles: Quartiles, scale: Scale) -> FloatArray:
    """Values (n,) in the score's order whose sample quartiles are the given ones.

    On the variable's scale the values follow a normal distribution with one standard deviation
    below the median and another above it.
    """
    n = score.size
    probability = np.clip(ranks(score) / max(n - 1, 1), 0.5 / n, 1 - 0.5 / n)
    z = norm.ppf(probability) / _UPPER_QUARTILE_Z
    forward, backward = _TRANSFORMS[scale.transform]
    first, median, third = (forward(quartile) for quartile in quartiles)
    value = median + np.where(z < 0, (median - first) * z, (third - median) * z)
    rounded = np.round(backward(value), scale.decimals)
    return np.asarray(np.clip(rounded, scale.lower, scale.upper), dtype=np.float64)
