"""Risk sets of a sample with the weights that Efron or Breslow give to tied deaths."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np

from components.survival.target import BoolArray, FloatArray, IntArray, SurvivalTarget

Ties = Literal["efron", "breslow", "exact"]
"""How tied deaths share a risk set; residuals and hazards of an exact fit are Breslow's, as R's."""


@dataclass(frozen=True, eq=False)
class RiskSets:
    """Order, deaths and ties of one stratum of n patients with d deaths.

    Everything below works on arrays sorted by `order`, whose first axis is the patients; further
    axes (columns of a design matrix, or one coefficient each) pass through.

    Attributes:
        order: (n,) rows of the sample by time, deaths first among equal times.
        is_death: (n,) of the sorted patients.
        weight: (n,) case weights of the sorted patients, all above 0.
        death_times: (d,) ascending.
        death_weight: (d,) mean case weight of the death's group of equal times.
        first_at_risk: (d,) sorted position of the first patient at risk at each death.
        tie: (d,) number of the death's group of equal times; `tie_start` where each begins.
        fraction: (d,) share of the tied deaths already gone: l/m for the l-th of m (Efron), else 0.
        n_deaths_until: (n,) deaths at or before each sorted patient's time.
        tie_of_death: (n,) the tie of each sorted patient who died, -1 of the others.
    """

    order: IntArray
    is_death: BoolArray
    weight: FloatArray
    death_times: FloatArray
    death_weight: FloatArray
    first_at_risk: IntArray
    tie: IntArray
    tie_start: IntArray
    fraction: FloatArray
    n_deaths_until: IntArray
    tie_of_death: IntArray

    @classmethod
    def of(
        cls,
        target: SurvivalTarget,
        *,
        rows: IntArray,
        ties: Ties,
        weights: FloatArray | None = None,
    ) -> Self:
        """The risk sets among `rows` of a sample, at least one of whom has died."""
        time, event = target.time_days[rows], target.event[rows]
        order = np.lexsort((~event, time))
        time, event = time[order], event[order]
        weight = np.ones(rows.size) if weights is None else weights[rows][order]
        deaths = np.flatnonzero(event)
        death_times = time[deaths]
        is_new = np.concatenate([[True], death_times[1:] != death_times[:-1]])
        tie_start, tie = np.flatnonzero(is_new), np.cumsum(is_new) - 1
        size = np.diff(np.append(tie_start, deaths.size))
        rank = np.arange(deaths.size) - tie_start[tie]
        tie_of_death = np.full(time.size, -1)
        tie_of_death[deaths] = tie
        return cls(
            order=rows[order],
            is_death=event,
            weight=weight,
            death_times=death_times,
            death_weight=(np.add.reduceat(weight[deaths], tie_start) / size)[tie],
            first_at_risk=np.searchsorted(time, death_times, side="left"),
            tie=tie,
            tie_start=tie_start,
            fraction=rank / size[tie] if ties == "efron" else np.zeros(deaths.size),
            n_deaths_until=np.searchsorted(death_times, time, side="right"),
            tie_of_death=tie_of_death,
        )

    @property
    def n_deaths(self) -> int:
        """Number of deaths d."""
        return int(self.death_times.size)

    def at_deaths(self, values: FloatArray) -> FloatArray:
        """Sums (d, ...) of sorted `values` (n, ...) over the patients at risk at each death."""
        at_risk = np.cumsum(values[::-1], axis=0)[::-1][self.first_at_risk]
        if not self.fraction.any():
            return np.asarray(at_risk)
        tied = np.add.reduceat(values[self.is_death], self.tie_start, axis=0)[self.tie]
        return np.asarray(at_risk - _along(self.fraction, tied) * tied)

    def until(self, increments: FloatArray) -> FloatArray:
        """Sums (n, ...) of the deaths' `increments` (d, ...) over each patient's time at risk.

        A patient who dies bears only the share of the tied deaths' increments that Efron leaves.
        """
        zero = np.zeros((1, *increments.shape[1:]))
        total = np.concatenate([zero, np.cumsum(increments, axis=0)])[self.n_deaths_until]
        if self.fraction.any():
            spared = np.add.reduceat(
                _along(self.fraction, increments) * increments, self.tie_start, axis=0
            )
            total[self.is_death] -= spared[self.tie_of_death[self.is_death]]
        return np.asarray(total)

    def hazard_increments(self, linear_predictor: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Risks exp(lp) (n,) of the sorted patients and the hazard's increments (d,) at deaths."""
        risk = np.exp(linear_predictor[self.order])
        return risk, self.death_weight / self.at_deaths(self.weight * risk)


def _along(vector: FloatArray, like: FloatArray) -> FloatArray:
    """A vector (d,) shaped to multiply an array (d, ...)."""
    return vector.reshape(-1, *([1] * (like.ndim - 1)))


def risk_sets(
    target: SurvivalTarget,
    *,
    strata: IntArray | None,
    ties: Ties,
    weights: FloatArray | None = None,
) -> list[RiskSets]:
    """The risk sets of each stratum that holds a death, in the order of the strata's numbers.

    A patient of weight 0 is in no risk set: Efron's shares count the tied deaths.
    """
    used = np.arange(target.n) if weights is None else np.flatnonzero(weights > 0)
    if strata is None:
        groups = [used]
    else:
        groups = [used[strata[used] == stratum] for stratum in np.unique(strata[used])]
    return [
        RiskSets.of(target, rows=rows, ties=ties, weights=weights)
        for rows in groups
        if target.event[rows].any()
    ]


@dataclass(frozen=True, eq=False)
class SortedStrata:
    """The strata's risk sets laid end to end, as compiled loops read them.

    Attributes:
        order: (n,) rows of the sample by stratum, then time, deaths first among equal times.
        weight: (n,) case weights in that order.
        stratum_start: (s,) where each stratum begins.
        stratum_size: (s,) its patients.
        first: (k,) position of the first of each group of tied deaths; those at risk follow it.
        n_tied: (k,) deaths of the group.
        end: (k,) position behind the last patient of the group's stratum.
    """

    order: IntArray
    weight: FloatArray
    stratum_start: IntArray
    stratum_size: IntArray
    first: IntArray
    n_tied: IntArray
    end: IntArray

    @classmethod
    def of(cls, sets: Sequence[RiskSets]) -> Self:
        """The layout of at least one stratum."""
        size = np.array([group.order.size for group in sets])
        end = np.cumsum(size)
        start = end - size
        return cls(
            order=np.concatenate([group.order for group in sets]),
            weight=np.concatenate([group.weight for group in sets]),
            stratum_start=start,
            stratum_size=size,
            first=np.concatenate(
                [g.first_at_risk[g.tie_start] + at for g, at in zip(sets, start, strict=True)]
            ),
            n_tied=np.concatenate(
                [np.diff(np.append(group.tie_start, group.n_deaths)) for group in sets]
            ),
            end=np.repeat(end, [group.tie_start.size for group in sets]),
        )

    def shifted(self, linear_predictor: FloatArray) -> FloatArray:
        """A sorted linear predictor (n,) minus each stratum's largest, so that exp is at most 1.

        The largest cancels in the likelihood; without the shift exp could overflow.
        """
        largest = np.maximum.reduceat(linear_predictor, self.stratum_start)
        return np.asarray(linear_predictor - np.repeat(largest, self.stratum_size))
