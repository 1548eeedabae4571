"""Concordant pairs of a score, and the influence of each patient on their share."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from components.survival.ipcw import CensoringDistribution
from components.survival.pair_counting import PairOrder, tied_deaths
from components.survival.scores import check_case_weight
from components.survival.target import FloatArray, SurvivalTarget


@dataclass(frozen=True)
class PairCounts:
    """The weight of the pairs by kind, as R's `concordance` prints them.

    `tied_score` (R: tied.x) counts half in C, `tied_time` and `tied_both` (two deaths at one time,
    of different and of equal scores; tied.y, tied.xy) not at all.
    """

    concordant: float
    discordant: float
    tied_score: float
    tied_time: float
    tied_both: float


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
    def of(
        cls,
        target: SurvivalTarget,
        score: FloatArray,
        weight: FloatArray,
        *,
        strata: NDArray[Any] | None = None,
        case_weight: FloatArray | None = None,
    ) -> Self | None:
        """The concordance of a score (n,), higher = higher risk; None without a comparable pair.

        A pair is comparable if one dies while the other is still followed; pairs of equal scores
        count half, pairs of deaths at one time not at all. O(n log n).

        Args:
            target: Follow-up of the n patients.
            score: (n,) higher = higher risk.
            weight: (n,) of a pair by the one who dies, as `pair_weights` gives it.
            strata: (n,) pairs count within a stratum only; one stratum by default.
            case_weight: (n,) of the patients, a pair weighs the product; 1 by default.

        Raises:
            DataError: A score is missing, or a case weight is missing, negative or infinite.
        """
        case = _case_weight(target, case_weight)
        agree, pairs = np.empty(target.n), np.empty(target.n)
        for rows, part in _by_stratum(target, strata):
            order = PairOrder.of(part, score[rows])
            weights = weight[rows][order.order], case[rows][order.order]
            agree[rows], pairs[rows] = order.by_patient(*weights)
        total = float(np.sum(case * pairs)) / 2.0
        if total == 0:
            return None
        value = float(np.sum(case * agree)) / 2.0 / total
        return cls(value, case * (agree - value * pairs) / total, total)

    @property
    def std_error(self) -> float:
        """Standard error by the infinitesimal jackknife, the weights taken as known."""
        return float(np.sqrt(np.sum(self.influence**2)))


def concordance_value(
    target: SurvivalTarget,
    score: FloatArray,
    weight: FloatArray | None = None,
    *,
    strata: NDArray[Any] | None = None,
) -> float | None:
    """C alone, without the influences: half the time of `Concordance.of`; Harrell's by default."""
    everyone = np.ones(target.n)
    weight = everyone if weight is None else weight
    counts = _comparable(target, score, weight, strata, everyone)
    pairs = counts.sum()
    return float((counts[0] + counts[2] / 2.0) / pairs) if pairs > 0 else None


def pair_counts(
    target: SurvivalTarget,
    score: FloatArray,
    weight: FloatArray | None = None,
    *,
    strata: NDArray[Any] | None = None,
    case_weight: FloatArray | None = None,
) -> PairCounts:
    """The pairs by kind, weighed as in `Concordance.of`; Harrell's counts by default."""
    weight = np.ones(target.n) if weight is None else weight
    case = _case_weight(target, case_weight)
    comparable = _comparable(target, score, weight, strata, case)
    tied = [
        tied_deaths(part, score[rows], weight[rows], case[rows])
        for rows, part in _by_stratum(target, strata)
    ]
    return PairCounts(*comparable.tolist(), *np.sum(tied, axis=0).tolist())


def concordance_within(
    target: SurvivalTarget, score: FloatArray, groups: NDArray[Any]
) -> float | None:
    """Harrell's C over the comparable pairs within each group (n,); None where there is none.

    Pairs of two groups do not count, as with R's `concordance(... + strata(group))`.
    """
    return concordance_value(target, score, strata=groups)


def pair_weights(
    target: SurvivalTarget,
    tau_days: float | None,
    *,
    strata: NDArray[Any] | None = None,
    case_weight: FloatArray | None = None,
) -> FloatArray:
    """Harrell's pair weights 1, or with a tau Uno's: 1/G(T-)^2 of deaths up to tau, else 0.

    G is that of the patients (n,) of a stratum, each counted by the case weight.
    """
    if tau_days is None:
        return np.ones(target.n)
    weight = np.zeros(target.n)
    case = _case_weight(target, case_weight)
    for rows, part in _by_stratum(target, strata):
        dead = np.flatnonzero(part.event & (part.time_days <= tau_days))
        probability = CensoringDistribution.fit(part, case[rows]).before(part.time_days[dead])
        # It is 0 only where all who are left weigh nothing.
        known = probability > 0
        own = np.zeros(part.n)
        own[dead[known]] = 1.0 / np.square(probability[known])
        weight[rows] = own
    return weight


def deaths_up_to(target: SurvivalTarget, tau_days: float) -> FloatArray:
    """The pair weights (n,) of Harrell's C over deaths up to tau (R: `ymax`)."""
    return np.asarray(target.event & (target.time_days <= tau_days), dtype=np.float64)


def _comparable(
    target: SurvivalTarget,
    score: FloatArray,
    weight: FloatArray,
    strata: NDArray[Any] | None,
    case: FloatArray,
) -> FloatArray:
    """Concordant, discordant and score-tied weight (3,)."""
    counts = np.zeros(3)
    for rows, part in _by_stratum(target, strata):
        order = PairOrder.of(part, score[rows])
        counts += order.totals(weight[rows][order.order], case[rows][order.order])
    return counts


def _by_stratum(
    target: SurvivalTarget, strata: NDArray[Any] | None
) -> list[tuple[slice | NDArray[np.intp], SurvivalTarget]]:
    """The row numbers of each stratum, and its patients."""
    if strata is None:
        return [(slice(None), target)]
    _, stratum = np.unique(strata, return_inverse=True)
    order = np.argsort(stratum, kind="stable")
    rows = np.split(order, np.cumsum(np.bincount(stratum))[:-1])
    return [(part, target.subset(part)) for part in rows]


def _case_weight(target: SurvivalTarget, case_weight: FloatArray | None) -> FloatArray:
    """The patients' weights, 1 by default."""
    if case_weight is None:
        return np.ones(target.n)
    check_case_weight(target, case_weight)
    return case_weight
