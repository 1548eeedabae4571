"""Kaplan-Meier curves with intervals, quantiles, follow-up and numbers at risk.

Own code because lifelines' interval is log-log where R's default is log, its errors of the survival
are not returned, and neither lifelines nor scikit-survival takes the midpoint of a flat stretch as
a quantile.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from components.errors import DataError
from components.study.results import Estimate
from components.survival.target import FloatArray, IntArray, SurvivalTarget

IntervalScale = Literal["log", "log-log", "plain"]
"""The scale on which a curve's intervals are symmetric, as R's `conf.type`."""

# R's tolerance of `quantile.survfit`: survival this near to 0.5 is 0.5.
_TOLERANCE = float(np.sqrt(np.finfo(float).eps))


@dataclass(frozen=True, eq=False)
class KaplanMeier:
    """A Kaplan-Meier curve at the distinct times of m, with pointwise intervals.

    Where a limit does not exist it is NaN, as in R: at survival 0 (log and log-log) and at
    survival 1 (log-log).

    Attributes:
        times_days: (m,) distinct follow-up times, ascending; n_at_risk, n_events and n_censored
            there.
        survival: (m,) right-continuous: its value at and after each time.
        std_error: (m,) of log survival (Greenwood); infinite where survival is 0.
    """

    times_days: FloatArray
    survival: FloatArray
    lower: FloatArray
    upper: FloatArray
    std_error: FloatArray
    n_at_risk: IntArray
    n_events: IntArray
    n_censored: IntArray
    level: float

    @property
    def cumulative_hazard(self) -> FloatArray:
        """Nelson and Aalen's cumulative hazard (m,), right-continuous."""
        return np.asarray(np.cumsum(self.n_events / self.n_at_risk))

    @property
    def survival_std_error(self) -> FloatArray:
        """Greenwood's standard error (m,) of the survival; NaN where survival is 0."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self.survival * self.std_error)

    def at(self, times_days: ArrayLike) -> FloatArray:
        """Survival at each time: 1 before the first death, flat after the last follow-up."""
        index = np.searchsorted(self.times_days, times_days, side="right")
        return np.asarray(np.concatenate([[1.0], self.survival])[index])

    def before(self, times_days: ArrayLike) -> FloatArray:
        """Survival just before each time, S(t-)."""
        index = np.searchsorted(self.times_days, times_days, side="left")
        return np.asarray(np.concatenate([[1.0], self.survival])[index])


def kaplan_meier(
    target: SurvivalTarget, *, level: float = 0.95, interval: IntervalScale = "log"
) -> KaplanMeier:
    """The Kaplan-Meier curve of a sample, as R's `survfit` (doi:10.1080/01621459.1958.10501452).

    Raises:
        DataError: There are no patients.
    """
    if target.n == 0:
        msg = "expected patients for a Kaplan-Meier curve, there are none"
        raise DataError(msg)
    times, index, n_leaving = np.unique(target.time_days, return_inverse=True, return_counts=True)
    n_events = np.bincount(index, weights=target.event, minlength=times.size).astype(np.int64)
    n_at_risk = target.n - np.concatenate([[0], np.cumsum(n_leaving)[:-1]])
    survivors = n_at_risk - n_events
    survival = np.cumprod(survivors / n_at_risk)
    with np.errstate(divide="ignore"):
        std_error = np.sqrt(np.cumsum(n_events / (n_at_risk * survivors.astype(np.float64))))
    half = float(ndtri((1 + level) / 2)) * std_error
    lower, upper = _limits(survival, half, interval)
    return KaplanMeier(
        times_days=times,
        survival=survival,
        lower=lower,
        upper=upper,
        std_error=std_error,
        n_at_risk=n_at_risk,
        n_events=n_events,
        n_censored=n_leaving - n_events,
        level=level,
    )


def _limits(
    survival: FloatArray, half: FloatArray, interval: IntervalScale
) -> tuple[FloatArray, FloatArray]:
    """Limits (m,) from half-widths of log survival; NaN where there are none."""
    # log(0) and infinite widths end as NaN, which is R's answer.
    with np.errstate(all="ignore"):
        if interval == "plain":
            half = np.where(survival == 0, np.nan, half * survival)
            return np.maximum(survival - half, 0.0), np.minimum(survival + half, 1.0)
        if interval == "log":
            known = np.where(survival == 0, np.nan, survival)
            return known * np.exp(-half), np.minimum(known * np.exp(half), 1.0)
        known = np.where((survival == 0) | (survival == 1), np.nan, survival)
        log_log, width = np.log(-np.log(known)), -half / np.log(known)
        return np.exp(-np.exp(log_log + width)), np.exp(-np.exp(log_log - width))


def survival_estimate(
    target: SurvivalTarget,
    horizon_days: float,
    *,
    level: float = 0.95,
    interval: IntervalScale = "log",
) -> Estimate:
    """Survival at a horizon with its interval; not estimable beyond the follow-up of survivors."""
    method = f"Kaplan-Meier, {interval} interval"
    last = target.time_days.max(initial=0.0)
    # A curve that has reached 0 stays there.
    reaches_0 = bool(target.event[target.time_days == last].all())
    if target.n == 0 or (horizon_days > last and not reaches_0):
        reason = f"nobody is followed to day {horizon_days:g}"
        return Estimate.not_estimable(
            reason, n=target.n, n_events=target.n_events, method=method, horizon_days=horizon_days
        )
    curve = kaplan_meier(target, level=level, interval=interval)
    index = int(np.searchsorted(curve.times_days, horizon_days, side="right")) - 1
    value, lower, upper = (
        (1.0, 1.0, 1.0)
        if index < 0
        else (float(curve.survival[index]), float(curve.lower[index]), float(curve.upper[index]))
    )
    exists = bool(np.isfinite(lower))
    return Estimate(
        value=value,
        lower=lower if exists else None,
        upper=upper if exists else None,
        level=level,
        n=target.n,
        n_events=target.n_events,
        method=method,
        horizon_days=horizon_days,
        note=None if exists else f"at a survival of {value:g} there is no {interval} interval",
    )


def survival_quantile(
    target: SurvivalTarget,
    probability: float = 0.5,
    *,
    level: float = 0.95,
    interval: IntervalScale = "log",
) -> Estimate:
    """The time in days by which a share has died; a limit is None where its curve stays above.

    R's rules (`quantile.survfit`): where the curve lies at the share exactly, the midpoint of that
    stretch; the interval is that of the curve's own limits (Brookmeyer and Crowley 1982,
    doi:10.2307/2530286).
    """
    name = "median" if probability == 0.5 else f"quantile {probability:g}"
    method = f"Kaplan-Meier {name}, {interval} interval"
    if target.n == 0:
        return Estimate.not_estimable("there are no patients", n=0, n_events=0, method=method)
    curve = kaplan_meier(target, level=level, interval=interval)
    value, lower, upper = (
        _time_of(curve.times_days, one, probability)
        for one in (curve.survival, curve.lower, curve.upper)
    )
    return Estimate(
        value=value,
        lower=lower,
        upper=upper,
        level=level,
        n=target.n,
        n_events=target.n_events,
        method=method,
        note="not reached" if value is None else None,
    )


def median_survival(
    target: SurvivalTarget, *, level: float = 0.95, interval: IntervalScale = "log"
) -> Estimate:
    """The median survival time in days, its limits as R prints them (`print.survfit`).

    A limit is where its curve first reaches a half. `survival_quantile`, as R's `quantile.survfit`,
    takes a later place where the few patients of the end lift the curve to nearly a half again.
    """
    median = survival_quantile(target, level=level, interval=interval)
    if target.n == 0:
        return median
    curve = kaplan_meier(target, level=level, interval=interval)
    lower, upper = (
        _time_of(curve.times_days, np.where(np.isnan(one), one, np.fmin.accumulate(one)), 0.5)
        for one in (curve.lower, curve.upper)
    )
    return median.model_copy(update={"lower": lower, "upper": upper})


def median_follow_up(target: SurvivalTarget, *, level: float = 0.95) -> Estimate:
    """The median follow-up in days by reverse Kaplan-Meier, deaths taken as censored.

    Schemper and Smith 1996, doi:10.1016/0197-2456(96)00075-X.
    """
    reverse = median_survival(SurvivalTarget(target.time_days, ~target.event), level=level)
    return reverse.model_copy(
        update={"n_events": target.n_events, "method": "reverse Kaplan-Meier median, log interval"}
    )


def _time_of(times_days: FloatArray, curve: FloatArray, probability: float) -> float | None:
    """Where 1 - `curve` first reaches a share, in the order of its values as R takes them."""
    times = np.concatenate([[0.0], times_days])
    died = np.concatenate([[0.0], 1.0 - curve])
    died, first = np.unique(died[~np.isnan(died)], return_index=True)
    times, last = times[~np.isnan(np.concatenate([[0.0], curve]))][first], times[-1]
    if died.size == 0 or died[-1] + _TOLERANCE < probability:
        return None
    begin = float(times[np.searchsorted(died + _TOLERANCE, probability)])
    if died[-1] - _TOLERANCE >= probability:
        end = float(times[np.searchsorted(died - _TOLERANCE, probability)])
        return (begin + end) / 2
    return None if np.isnan(curve[-1]) else (begin + float(last)) / 2


def numbers_at_risk(target: SurvivalTarget, times_days: Sequence[float]) -> IntArray:
    """Patients still followed just before each time (n_times,), as below a survival plot."""
    ascending = np.sort(target.time_days)
    return target.n - np.searchsorted(ascending, times_days, side="left")
