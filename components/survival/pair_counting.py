"""Counting comparable pairs in O(n log n): the kernels behind every concordance.

Own code because scikit-survival's count is quadratic (some 200 times slower at 100,000 patients)
and lifelines' knows neither weights nor the influence of a patient. Patients are walked through by
time while a Fenwick tree over the ranks of their scores holds the weight of those seen so far, so
that the weight below a score takes log(n) steps (Fenwick 1994, doi:10.1002/spe.4380240306; the
same idea as in R's survival). The tests hold the kernels against a comparison of all pairs.
"""

from dataclasses import dataclass
from typing import Self

import numba
import numpy as np

from components.survival.target import BoolArray, FloatArray, IntArray, SurvivalTarget


@dataclass(frozen=True, eq=False)
class PairOrder:
    """Patients sorted once: by time, at one time the dead before the censored.

    `order` (n,) are row numbers, and in that order `rank` (n,) is the score's among the `n_ranks`
    distinct ones, from 1. Patients of one time are those from `bounds[k]` to `bounds[k + 1]`
    (m + 1,), the dead among them those before `split[k]` (m,).
    """

    order: IntArray
    rank: IntArray
    n_ranks: int
    bounds: IntArray
    split: IntArray

    @classmethod
    def of(cls, target: SurvivalTarget, score: FloatArray) -> Self:
        """The order of patients with a score (n,)."""
        dead_first = np.concatenate([np.flatnonzero(target.event), np.flatnonzero(~target.event)])
        time = target.time_days[dead_first]
        by_time = np.argsort(time, kind="stable")
        order, time = dead_first[by_time], time[by_time]
        bounds = np.concatenate([[0], np.flatnonzero(time[1:] != time[:-1]) + 1, [target.n]])
        dead_before = np.concatenate([[0], np.cumsum(target.event[order])])
        split = bounds[:-1] + np.diff(dead_before[bounds])
        by_score = np.argsort(score)
        ascending = score[by_score]
        new = np.concatenate([[True], ascending[1:] != ascending[:-1]])[: target.n]
        rank = np.empty(target.n, dtype=np.int64)
        rank[by_score] = np.cumsum(new)
        return cls(order, rank[order], int(new.sum()), bounds, split)

    def totals(self, death_weight: FloatArray, case_weight: FloatArray) -> tuple[float, ...]:
        """The weight of concordant, discordant and score-tied pairs.

        Args:
            death_weight: (n,) in this order: what pairs weigh in which the patient is the one who
                dies.
            case_weight: (n,) in this order: of the patients; a pair weighs the product.
        """
        args = (self.rank, self.n_ranks, self.bounds, self.split, death_weight, case_weight)
        concordant, discordant, tied = _pair_totals(*args)
        return concordant, discordant, tied

    def by_patient(self, death_weight: FloatArray, case_weight: FloatArray) -> FloatArray:
        """Concordant, discordant and score-tied weight of the pairs of each patient, (n, 3).

        By row, weights as in `totals`. A patient's own case weight is left out: the columns are
        what the totals gain where it grows by one.
        """
        args = (self.rank, self.n_ranks, self.bounds, self.split, death_weight, case_weight)
        sums = np.empty((self.order.size, 3))
        sums[self.order] = _pairs_by_patient(*args)
        return sums


def tied_deaths(
    target: SurvivalTarget, score: FloatArray, death_weight: FloatArray, case_weight: FloatArray
) -> tuple[float, float]:
    """The weight of pairs of deaths at one time: of different scores, and of equal ones."""
    dead = np.flatnonzero(target.event)
    if dead.size == 0:
        return 0.0, 0.0
    dead = dead[np.lexsort((score[dead], target.time_days[dead]))]
    time, score = target.time_days[dead], score[dead]
    case, death_weight = case_weight[dead], death_weight[dead]

    def pairs(new: BoolArray) -> float:
        start = np.flatnonzero(np.concatenate([[True], new]))
        sums, squares = np.add.reduceat(case, start), np.add.reduceat(case**2, start)
        return float(np.sum(death_weight[start] * (sums**2 - squares)) / 2.0)

    new_time, new_score = time[1:] != time[:-1], score[1:] != score[:-1]
    both = pairs(new_time | new_score)
    return pairs(new_time) - both, both


@numba.njit(cache=True)
def _add(tree: FloatArray, rank: int, weight: float) -> None:
    while rank < tree.size:
        tree[rank] += weight
        rank += rank & -rank


@numba.njit(cache=True)
def _up_to(tree: FloatArray, rank: int) -> float:
    total = 0.0
    while rank > 0:
        total += tree[rank]
        rank -= rank & -rank
    return total


@numba.njit(cache=True)
def _pair_totals(
    rank: IntArray,
    n_ranks: int,
    bounds: IntArray,
    split: IntArray,
    death_weight: FloatArray,
    case_weight: FloatArray,
) -> tuple[float, float, float]:
    """From the last time to the first: each death against those who are still followed."""
    tree, at_rank = np.zeros(n_ranks + 1), np.zeros(n_ranks + 1)
    seen = concordant = discordant = tied = 0.0
    for block in range(split.size - 1, -1, -1):
        start, middle, stop = bounds[block], split[block], bounds[block + 1]
        for i in range(middle, stop):
            _add(tree, rank[i], case_weight[i])
            at_rank[rank[i]] += case_weight[i]
            seen += case_weight[i]
        for i in range(start, middle):
            weight = death_weight[i] * case_weight[i]
            if weight > 0.0:
                up_to, same = _up_to(tree, rank[i]), at_rank[rank[i]]
                concordant += weight * (up_to - same)
                discordant += weight * (seen - up_to)
                tied += weight * same
        for i in range(start, middle):
            _add(tree, rank[i], case_weight[i])
            at_rank[rank[i]] += case_weight[i]
            seen += case_weight[i]
    return concordant, discordant, tied


@numba.njit(cache=True)
def _pairs_by_patient(
    rank: IntArray,
    n_ranks: int,
    bounds: IntArray,
    split: IntArray,
    death_weight: FloatArray,
    case_weight: FloatArray,
) -> FloatArray:
    """Both ways through time: deaths against those still followed, these against deaths before."""
    sums = np.zeros((rank.size, 3))
    tree, at_rank, seen = np.zeros(n_ranks + 1), np.zeros(n_ranks + 1), 0.0
    for block in range(split.size - 1, -1, -1):
        start, middle, stop = bounds[block], split[block], bounds[block + 1]
        for i in range(middle, stop):
            _add(tree, rank[i], case_weight[i])
            at_rank[rank[i]] += case_weight[i]
            seen += case_weight[i]
        for i in range(start, middle):
            up_to, same = _up_to(tree, rank[i]), at_rank[rank[i]]
            sums[i, 0] = death_weight[i] * (up_to - same)
            sums[i, 1] = death_weight[i] * (seen - up_to)
            sums[i, 2] = death_weight[i] * same
        for i in range(start, middle):
            _add(tree, rank[i], case_weight[i])
            at_rank[rank[i]] += case_weight[i]
            seen += case_weight[i]
    tree[:], at_rank[:], seen = 0.0, 0.0, 0.0
    for block in range(split.size):
        start, middle, stop = bounds[block], split[block], bounds[block + 1]
        _as_outliving(sums, tree, at_rank, seen, rank, start, middle)
        for i in range(start, middle):
            weight = death_weight[i] * case_weight[i]
            _add(tree, rank[i], weight)
            at_rank[rank[i]] += weight
            seen += weight
        _as_outliving(sums, tree, at_rank, seen, rank, middle, stop)
    return sums


@numba.njit(cache=True)
def _as_outliving(
    sums: FloatArray,
    tree: FloatArray,
    at_rank: FloatArray,
    seen: float,
    rank: IntArray,
    start: int,
    stop: int,
) -> None:
    """The pairs of patients `start` to `stop` with the deaths that the tree holds."""
    for i in range(start, stop):
        up_to, same = _up_to(tree, rank[i]), at_rank[rank[i]]
        # Whoever outlives a death agrees with a lower score.
        sums[i, 0] += seen - up_to
        sums[i, 1] += up_to - same
        sums[i, 2] += same
