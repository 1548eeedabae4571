"""Net benefit of acting on a predicted risk, with censored follow-up (decision curves).

Own code because the package `dcurves` fits a lifelines curve at each threshold (a second for what
takes a millisecond here) and gives nothing where the curve of those above a threshold has reached 0
before the horizon; the tests hold the two against each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from components.errors import DataError, UsageError
from components.survival.target import BoolArray, FloatArray, IntArray, SurvivalTarget


@dataclass(frozen=True, eq=False)
class DecisionCurve:
    """What acting at a predicted risk of at least each threshold (m,) brings and costs.

    Attributes:
        thresholds: (m,) within 0 to 1, 1 excluded.
        n_positive: (m,) patients at or above each threshold.
        true_positive_rate: (m,) share of all patients who are positive and die by the horizon,
            by the Kaplan-Meier estimate among the positive.
        false_positive_rate: (m,) share of all patients who are positive and live beyond it.
        is_known: (m,) whether the positive are followed to the horizon, or have all died before;
            elsewhere the rates take their last known survival for that at the horizon.
    """

    thresholds: FloatArray
    n_positive: IntArray
    true_positive_rate: FloatArray
    false_positive_rate: FloatArray
    is_known: BoolArray

    @classmethod
    def of(
        cls,
        target: SurvivalTarget,
        predicted_risk: FloatArray,
        *,
        horizon_days: float,
        thresholds: Sequence[float],
    ) -> Self:
        """The decision curve of predicted risks (n,) of death by the horizon.

        Vickers et al. 2008, doi:10.1186/1472-6947-8-53. Predictions of 1 for everybody are the
        curve of acting always; acting never has a net benefit of 0.

        Raises:
            UsageError: A threshold or a risk lies outside 0 to 1, or a threshold is 1.
            DataError: Nobody is followed to the horizon.
        """
        levels = np.asarray(thresholds, dtype=np.float64)
        _check(predicted_risk, levels)
        last = target.time_days.max(initial=0.0)
        if horizon_days > last:
            msg = f"nobody is followed to day {horizon_days:g}, follow-up ends at day {last:g}"
            raise DataError(msg)
        order = np.lexsort((~target.event, target.time_days))
        time, event = target.time_days[order], target.event[order]
        positive = (predicted_risk[order][:, None] >= levels).astype(np.float64)
        survival = _survival_of_columns(time, event, positive, horizon_days)
        n_positive = positive.sum(axis=0)
        last_days = np.max(np.where(positive > 0, time[:, None], 0.0), axis=0, initial=0.0)
        share = n_positive / target.n
        return cls(
            thresholds=levels,
            n_positive=n_positive.astype(np.int64),
            true_positive_rate=share * (1.0 - survival),
            false_positive_rate=share * survival,
            is_known=(n_positive == 0) | (last_days >= horizon_days) | (survival == 0),
        )

    @property
    def net_benefit(self) -> FloatArray:
        """Net benefit (m,): true positives less false ones weighed by the threshold's odds."""
        odds = self.thresholds / (1.0 - self.thresholds)
        return np.asarray(self.true_positive_rate - odds * self.false_positive_rate)


def _check(predicted_risk: FloatArray, levels: FloatArray) -> None:
    if not np.all((levels >= 0) & (levels < 1)):
        msg = (
            "expected thresholds of 0 or more and below 1; a net benefit at a risk of 1 is endless"
        )
        raise UsageError(msg)
    wrong = int(np.sum(~((predicted_risk >= 0) & (predicted_risk <= 1))))
    if wrong:
        msg = f"expected predicted risks between 0 and 1, {wrong} of {predicted_risk.size} are not"
        raise UsageError(msg)


def _survival_of_columns(
    time: FloatArray, event: BoolArray, member: FloatArray, horizon_days: float
) -> FloatArray:
    """Kaplan-Meier survival (m,) at the horizon among the members (n, m) of each column.

    `time` and `event` are sorted by time, deaths first; a column without members survives.
    """
    at_risk = np.cumsum(member[::-1], axis=0)[::-1]
    dying = np.flatnonzero(event & (time <= horizon_days))
    if not dying.size:
        return np.ones(member.shape[1])
    times, start = np.unique(time[dying], return_index=True)
    deaths = np.add.reduceat(member[dying], start, axis=0)
    there = at_risk[np.searchsorted(time, times, side="left")]
    return np.asarray(np.prod(1.0 - deaths / np.maximum(there, 1.0), axis=0))
