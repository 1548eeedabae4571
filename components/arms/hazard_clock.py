"""A published cumulative hazard as the clock of a new center's follow-up.

With the published hazard H0 for time, deaths are Poisson with mean sum H0(T_i) exp(lp_i): their
level, a common slope and a level by interval are then parameters of a likelihood (Crowson, Atkinson
and Therneau 2016, doi:10.1177/0962280213497434).
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.optimize import minimize_scalar

from components.arms.published import PublishedBaseline
from components.survival.target import FloatArray, SurvivalTarget

_MOST_INTERVALS = 4
_DEATHS_PER_INTERVAL = 10


@dataclass(frozen=True, eq=False)
class HazardClock:
    """Deaths and expected hazard by interval of follow-up, where a baseline was published.

    `hazard` (n, k) is each patient's increase of H0 in each interval, `deaths` (k,) are those seen
    until the baseline's last day, `event` (n,) who died them.
    """

    hazard: FloatArray
    deaths: FloatArray
    event: FloatArray

    @classmethod
    def of(cls, baseline: PublishedBaseline, target: SurvivalTarget) -> Self:
        """The clock of these patients, follow-up cut off where the baseline ends."""
        seen = target.truncated(baseline.last_day)
        dead = np.sort(seen.time_days[seen.event])
        k = int(np.clip(dead.size // _DEATHS_PER_INTERVAL, 1, _MOST_INTERVALS))
        cuts = np.unique(np.quantile(dead, np.arange(1, k) / k)) if dead.size else np.empty(0)
        until = np.concatenate([cuts, [np.inf]])
        at_end = np.column_stack(
            [hazard_until(baseline, np.minimum(seen.time_days, end)) for end in until]
        )
        hazard = np.diff(at_end, axis=1, prepend=0.0)
        deaths = np.diff([np.sum(dead <= end) for end in until], prepend=0).astype(np.float64)
        # Where the baseline stands still nothing is expected: such an interval joins the next.
        while hazard.shape[1] > 1 and (idle := np.flatnonzero(hazard.sum(axis=0) == 0)).size:
            at = int(idle[0])
            other = at + 1 if at + 1 < hazard.shape[1] else at - 1
            hazard[:, other] += hazard[:, at]
            deaths[other] += deaths[at]
            hazard, deaths = np.delete(hazard, at, axis=1), np.delete(deaths, at)
        return cls(hazard, deaths, seen.event.astype(np.float64))

    def as_given(self, lp: FloatArray) -> float:
        """The log likelihood of the published baseline."""
        return float(self.event @ lp - self.hazard.sum(axis=1) @ np.exp(lp))

    def maximum(self, lp: FloatArray, *, slope: bool, by_interval: bool) -> float:
        """The log likelihood at its best level, or levels by interval, and slope."""
        hazard = self.hazard if by_interval else self.hazard.sum(axis=1, keepdims=True)
        deaths = self.deaths if by_interval else self.deaths.sum(keepdims=True)
        # The level takes up exp(gamma * mean), which is left out so that nothing overflows.
        centred = lp - lp.mean()

        def value(gamma: float) -> float:
            expected = np.exp(gamma * centred) @ hazard
            some = deaths > 0
            levels = np.log(deaths[some] / expected[some])
            return float(deaths[some] @ levels - deaths.sum() + gamma * (self.event @ centred))

        if not slope:
            return value(1.0)
        found = minimize_scalar(lambda gamma: -value(gamma), bracket=(0.5, 1.0), tol=1e-10)
        return value(float(found.x))

    def level(self, lp: FloatArray) -> float:
        """Log of the deaths observed over those expected."""
        return float(np.log(self.deaths.sum() / (self.hazard.sum(axis=1) @ np.exp(lp))))


def hazard_until(baseline: PublishedBaseline, times_days: FloatArray) -> FloatArray:
    """H0 (n,) at follow-up times: steps as they are, straight lines between horizons."""
    if baseline.kind == "steps":
        return baseline.cumulative_hazard(times_days.tolist())
    known = -np.log(baseline.survival)
    return np.asarray(np.interp(times_days, [0.0, *baseline.times_days], [0.0, *known]))
