"""Concordant pairs of a score, and the influence of each patient on their share."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from components.survival.ipcw import CensoringDistribution
from components.survival.target import FloatArray, SurvivalTarget

# Pairs compared at a time: some 32 MB an array.
_BLOCK_PAIRS = 4_000_000


@dataclass(frozen=True, eq=False)
class Concordance:
    """The weighted share of concordant pairs, and its infinitesimal jackknife.

    `influence` (n,) sums to 0; the root of its sum of squares is the standard error. `pairs` is the
    weight of all comparable pairs.
    """

    value: float
    influence: FloatArray
    pairs: float

    @classmethod
    def of(cls, target: SurvivalTarget, score: FloatArray, weight: FloatArray) -> Self | None:
        """The concordance of a score (n,), higher = higher risk; None without a comparable pair.

        A pair is comparable if one dies while the other is still followed; it weighs as much as
        the one who dies (`weight`, (n,)). Pairs of equal scores count half, pairs of deaths at
        one time not at all.
        """
        dying = np.flatnonzero(target.event & (weight > 0))
        agree, pairs = np.zeros(target.n), np.zeros(target.n)
        for block in np.array_split(dying, 1 + dying.size * target.n // _BLOCK_PAIRS):
            time, own = target.time_days[block, None], score[block, None]
            outlives = (target.time_days > time) | ((target.time_days == time) & ~target.event)
            weighted = weight[block, None] * outlives
            agreeing = weighted * (np.sign(own - score) + 1.0) / 2.0
            agree += agreeing.sum(axis=0)
            pairs += weighted.sum(axis=0)
            agree[block] += agreeing.sum(axis=1)
            pairs[block] += weighted.sum(axis=1)
        total = float(pairs.sum()) / 2.0
        if total == 0:
            return None
        value = float(agree.sum()) / 2.0 / total
        return cls(value, (agree - value * pairs) / total, total)

    @property
    def std_error(self) -> float:
        """Standard error by the infinitesimal jackknife, the weights taken as known."""
        return float(np.sqrt(np.sum(self.influence**2)))


def concordance_within(
    target: SurvivalTarget, score: FloatArray, groups: NDArray[Any]
) -> float | None:
    """Harrell's C over the comparable pairs within each group (n,); None where there is none.

    Pairs of two groups do not count, as with R's `concordance(... + strata(group))`.
    """
    found = []
    for group in np.unique(groups):
        part = target.subset(groups == group)
        found.append(Concordance.of(part, score[groups == group], pair_weights(part, None)))
    known = [one for one in found if one is not None]
    if not known:
        return None
    return float(np.average([one.value for one in known], weights=[one.pairs for one in known]))


def pair_weights(target: SurvivalTarget, tau_days: float | None) -> FloatArray:
    """Harrell's pair weights 1, or with a tau Uno's: 1/G(T-)^2 of deaths up to tau, else 0."""
    if tau_days is None:
        return np.ones(target.n)
    weight = np.zeros(target.n)
    dead = target.event & (target.time_days <= tau_days)
    weight[dead] = 1.0 / CensoringDistribution.fit(target).before(target.time_days[dead]) ** 2
    return weight
