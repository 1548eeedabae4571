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

from components.survival.scores import check_score
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
        """The order of patients with a score (n,).

        Raises:
            DataError: The score is missing in some patients.
        """
        check_score(target, score)
        # Not a stable sort, which takes ten times as long: the kernel puts the dead first.
        order, bounds, split = _blocks(np.argsort(target.time_days), target.time_days, target.event)
        rank, n_ranks = _ranks(np.argsort(score), score, order)
        return cls(order, rank, n_ranks, bounds, split)

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

    def by_patient(
        self, death_weight: FloatArray, case_weight: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """The weight of each patient's pairs in agreement (ties count half), and of all (n,).

        By row, weights as in `totals`. A patient's own case weight is left out: this is what the
        totals gain where it grows by one.
        """
        args = (self.rank, self.n_ranks, self.bounds, self.split, death_weight, case_weight)
        agree, pairs = np.empty(self.order.size), np.empty(self.order.size)
        agree[self.order], pairs[self.order] = _pairs_by_patient(*args)
        return agree, pairs


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
def _blocks(
    by_time: IntArray, time: FloatArray, event: BoolArray
) -> tuple[IntArray, IntArray, IntArray]:
    """Rows by time, at one time the dead first; where each time begins, and its censored."""
    n = by_time.size
    order, bounds = np.empty(n, np.int64), np.zeros(n + 1, np.int64)
    split = np.empty(n, np.int64)
    start = k = 0
    while start < n:
        stop = start
        while stop < n and time[by_time[stop]] == time[by_time[start]]:
            stop += 1
        dead = start
        for i in range(start, stop):
            if event[by_time[i]]:
                order[dead] = by_time[i]
                dead += 1
        split[k] = dead
        for i in range(start, stop):
            if not event[by_time[i]]:
                order[dead] = by_time[i]
                dead += 1
        k += 1
        bounds[k] = start = stop
    return order, bounds[: k + 1], split[:k]


@numba.njit(cache=True)
def _ranks(by_score: IntArray, score: FloatArray, order: IntArray) -> tuple[IntArray, int]:
    """The rank of each score in an order, among the distinct ones from 1; how many they are."""
    ranks, rank = np.empty(by_score.size, np.int64), 0
    for i in range(by_score.size):
        if i == 0 or score[by_score[i]] != score[by_score[i - 1]]:
            rank += 1
        ranks[by_score[i]] = rank
    return ranks[order], rank


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
) -> tuple[FloatArray, FloatArray]:
    """Both ways through time: deaths against those still followed, these against deaths before."""
    agree, pairs = np.zeros(rank.size), np.zeros(rank.size)
    tree, at_rank, seen = np.zeros(n_ranks + 1), np.zeros(n_ranks + 1), 0.0
    for block in range(split.size - 1, -1, -1):
        start, middle, stop = bounds[block], split[block], bounds[block + 1]
        for i in range(middle, stop):
            _add(tree, rank[i], case_weight[i])
            at_rank[rank[i]] += case_weight[i]
            seen += case_weight[i]
        for i in range(start, middle):
            lower = _up_to(tree, rank[i]) - at_rank[rank[i]] / 2.0
            agree[i], pairs[i] = death_weight[i] * lower, death_weight[i] * seen
        for i in range(start, middle):
            _add(tree, rank[i], case_weight[i])
            at_rank[rank[i]] += case_weight[i]
            seen += case_weight[i]
    tree[:], at_rank[:], seen = 0.0, 0.0, 0.0
    for block in range(split.size):
        start, middle, stop = bounds[block], split[block], bounds[block + 1]
        for i in range(start, middle):
            agree[i] += seen - _up_to(tree, rank[i]) + at_rank[rank[i]] / 2.0
            pairs[i] += seen
        for i in range(start, middle):
            weight = death_weight[i] * case_weight[i]
            _add(tree, rank[i], weight)
            at_rank[rank[i]] += weight
            seen += weight
        for i in range(middle, stop):
            agree[i] += seen - _up_to(tree, rank[i]) + at_rank[rank[i]] / 2.0
            pairs[i] += seen
    return agree, pairs
