"""Risk sets of a sample with the weights that Efron or Breslow give to tied deaths."""

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np

from components.survival.target import BoolArray, FloatArray, IntArray, SurvivalTarget

Ties = Literal["efron", "breslow"]


@dataclass(frozen=True, eq=False)
class RiskSets:
    """Order, deaths and ties of one stratum of n patients with d deaths.

    Everything below works on arrays sorted by `order`, whose first axis is the patients; further
    axes (columns of a design matrix, or one coefficient each) pass through.

    Attributes:
        order: (n,) rows of the sample by time, deaths first among equal times.
        is_death: (n,) of the sorted patients.
        death_times: (d,) ascending.
        first_at_risk: (d,) sorted position of the first patient at risk at each death.
        tie: (d,) number of the death's group of equal times; `tie_start` where each begins.
        fraction: (d,) share of the tied deaths already gone: l/m for the l-th of m (Efron), else 0.
        n_deaths_until: (n,) deaths at or before each sorted patient's time.
        tie_of_death: (n,) the tie of each sorted patient who died, -1 of the others.
    """

    order: IntArray
    is_death: BoolArray
    death_times: FloatArray
    first_at_risk: IntArray
    tie: IntArray
    tie_start: IntArray
    fraction: FloatArray
    n_deaths_until: IntArray
    tie_of_death: IntArray

    @classmethod
    def of(cls, target: SurvivalTarget, *, rows: IntArray, ties: Ties) -> Self:
        """The risk sets among `rows` of a sample."""
        time, event = target.time_days[rows], target.event[rows]
        order = np.lexsort((~event, time))
        time, event = time[order], event[order]
        deaths = np.flatnonzero(event)
        death_times = time[deaths]
        _, tie_start, tie, size = np.unique(
            death_times, return_index=True, return_inverse=True, return_counts=True
        )
        rank = np.arange(deaths.size) - tie_start[tie]
        tie_of_death = np.full(time.size, -1)
        tie_of_death[deaths] = tie
        return cls(
            order=rows[order],
            is_death=event,
            death_times=death_times,
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


def _along(vector: FloatArray, like: FloatArray) -> FloatArray:
    """A vector (d,) shaped to multiply an array (d, ...)."""
    return vector.reshape(-1, *([1] * (like.ndim - 1)))


def risk_sets(target: SurvivalTarget, *, strata: IntArray | None, ties: Ties) -> list[RiskSets]:
    """The risk sets of each stratum that holds a death, in the order of the strata's numbers."""
    if strata is None:
        strata = np.zeros(target.n, dtype=np.int64)
    groups = [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]
    return [
        RiskSets.of(target, rows=rows, ties=ties) for rows in groups if target.event[rows].any()
    ]
