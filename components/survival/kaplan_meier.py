"""Kaplan-Meier curves, medians, follow-up, numbers at risk and the log-rank test.

Own curve because lifelines' interval is log-log where R's default is log, and neither lifelines nor
scikit-survival takes the midpoint of a flat stretch at 0.5 as the median; the log-rank test is
lifelines'.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from lifelines.statistics import multivariate_logrank_test
from numpy.typing import ArrayLike
from scipy.special import ndtri

from components.errors import DataError
from components.study.results import Estimate, Record
from components.survival.target import FloatArray, IntArray, SurvivalTarget

# R's tolerance of `quantile.survfit`: survival this near to 0.5 is 0.5.
_TOLERANCE = float(np.sqrt(np.finfo(float).eps))


@dataclass(frozen=True, eq=False)
class KaplanMeier:
    """A Kaplan-Meier curve at the distinct times of m, with pointwise log intervals (R's default).

    Where the curve has reached 0 the log interval does not exist (R: NA); the limits keep their
    last values there.

    Attributes:
        times_days: (m,) distinct follow-up times, ascending; n_at_risk and n_events there.
        survival: (m,) right-continuous: its value at and after each time.
        std_error: (m,) of log survival (Greenwood).
    """

    times_days: FloatArray
    survival: FloatArray
    lower: FloatArray
    upper: FloatArray
    std_error: FloatArray
    n_at_risk: IntArray
    n_events: IntArray
    level: float

    def at(self, times_days: ArrayLike) -> FloatArray:
        """Survival at each time: 1 before the first death, flat after the last follow-up."""
        index = np.searchsorted(self.times_days, times_days, side="right")
        return np.asarray(np.concatenate([[1.0], self.survival])[index])

    def before(self, times_days: ArrayLike) -> FloatArray:
        """Survival just before each time, S(t-)."""
        index = np.searchsorted(self.times_days, times_days, side="left")
        return np.asarray(np.concatenate([[1.0], self.survival])[index])


def kaplan_meier(target: SurvivalTarget, *, level: float = 0.95) -> KaplanMeier:
    """The Kaplan-Meier curve of a sample of at least one patient."""
    times, index, n_leaving = np.unique(target.time_days, return_inverse=True, return_counts=True)
    n_events = np.bincount(index, weights=target.event, minlength=times.size).astype(np.int64)
    n_at_risk = target.n - np.concatenate([[0], np.cumsum(n_leaving)[:-1]])
    survivors = n_at_risk - n_events
    survival = np.cumprod(survivors / n_at_risk)
    alive = survivors > 0
    variance = np.zeros(times.size)
    variance[alive] = n_events[alive] / (n_at_risk[alive] * survivors[alive])
    std_error = np.sqrt(np.cumsum(variance))
    half = ndtri((1 + level) / 2) * std_error
    lower, upper = survival * np.exp(-half), np.minimum(survival * np.exp(half), 1.0)
    if not alive[-1]:
        lower[-1] = lower[-2] if times.size > 1 else 0.0
        upper[-1] = upper[-2] if times.size > 1 else 1.0
    return KaplanMeier(
        times_days=times,
        survival=survival,
        lower=lower,
        upper=upper,
        std_error=std_error,
        n_at_risk=n_at_risk,
        n_events=n_events,
        level=level,
    )


def survival_estimate(
    target: SurvivalTarget, horizon_days: float, *, level: float = 0.95
) -> Estimate:
    """Survival at a horizon with its log interval; not estimable beyond the follow-up."""
    method = "Kaplan-Meier, log interval"
    if target.n == 0 or horizon_days > target.time_days.max():
        reason = f"nobody is followed to day {horizon_days:g}"
        return Estimate.not_estimable(
            reason, n=target.n, n_events=target.n_events, method=method, horizon_days=horizon_days
        )
    curve = kaplan_meier(target, level=level)
    index = int(np.searchsorted(curve.times_days, horizon_days, side="right")) - 1
    value, lower, upper = (
        (1.0, 1.0, 1.0)
        if index < 0
        else (curve.survival[index], curve.lower[index], curve.upper[index])
    )
    return Estimate(
        value=float(value),
        lower=float(lower),
        upper=float(upper),
        level=level,
        n=target.n,
        n_events=target.n_events,
        method=method,
        horizon_days=horizon_days,
    )


def median_survival(target: SurvivalTarget, *, level: float = 0.95) -> Estimate:
    """The median survival time in days; limits are None where a limit's curve stays above 0.5.

    R's rules: where the curve lies at 0.5 exactly, the midpoint of that stretch; the interval is
    that of the curve's own limits (Brookmeyer and Crowley 1982, doi:10.2307/2530286).
    """
    method = "Kaplan-Meier median, log interval"
    if target.n == 0:
        return Estimate.not_estimable("there are no patients", n=0, n_events=0, method=method)
    curve = kaplan_meier(target, level=level)
    value = _first_below_half(curve.times_days, curve.survival)
    return Estimate(
        value=value,
        lower=_first_below_half(curve.times_days, curve.lower),
        upper=_first_below_half(curve.times_days, curve.upper),
        level=level,
        n=target.n,
        n_events=target.n_events,
        method=method,
        note="not reached" if value is None else None,
    )


def median_follow_up(target: SurvivalTarget, *, level: float = 0.95) -> Estimate:
    """The median follow-up in days by reverse Kaplan-Meier, deaths taken as censored.

    Schemper and Smith 1996, doi:10.1016/0197-2456(96)00075-X.
    """
    reverse = median_survival(SurvivalTarget(target.time_days, ~target.event), level=level)
    return reverse.model_copy(
        update={"n_events": target.n_events, "method": "reverse Kaplan-Meier median, log interval"}
    )


def _first_below_half(times_days: FloatArray, curve: FloatArray) -> float | None:
    reached = np.flatnonzero(curve <= 0.5 + _TOLERANCE)
    if not reached.size:
        return None
    first = reached[0]
    if curve[first] < 0.5 - _TOLERANCE:
        return float(times_days[first])
    below = np.flatnonzero(curve < 0.5 - _TOLERANCE)
    end = below[0] if below.size else times_days.size - 1
    return float((times_days[first] + times_days[end]) / 2)


def numbers_at_risk(target: SurvivalTarget, times_days: Sequence[float]) -> IntArray:
    """Patients still followed just before each time (n_times,), as below a survival plot."""
    ascending = np.sort(target.time_days)
    return target.n - np.searchsorted(ascending, times_days, side="left")


class LogRank(Record):
    """A log-rank test of equal survival in two or more groups."""

    statistic: float
    degrees_of_freedom: int
    p_value: float


def log_rank(target: SurvivalTarget, groups: ArrayLike) -> LogRank:
    """The log-rank test between the groups (n,) of any labels.

    Raises:
        DataError: There are fewer than two groups, or nobody has died.
    """
    labels = np.unique(np.asarray(groups), return_inverse=True)[1]
    n_groups = int(labels.max()) + 1 if labels.size else 0
    if n_groups < 2 or target.n_events == 0:
        msg = (
            f"a log-rank test needs at least two groups and one death, came {n_groups} groups "
            f"and {target.n_events} deaths"
        )
        raise DataError(msg)
    test = multivariate_logrank_test(target.time_days, labels, target.event)
    return LogRank(
        statistic=float(test.test_statistic),
        degrees_of_freedom=n_groups - 1,
        p_value=float(test.p_value),
    )
