"""Restricted mean survival time, and what two groups differ by.

Own code because lifelines returns the variance of the restricted time, not that of its mean.
"""

import numpy as np
from scipy.special import ndtr, ndtri

from components.errors import UsageError
from components.study.results import Estimate, Record
from components.survival.intervals import not_estimable, wald_estimate
from components.survival.kaplan_meier import kaplan_meier
from components.survival.target import SurvivalTarget

_METHOD = "area under Kaplan-Meier, Greenwood's variance, Wald"


def restricted_mean(target: SurvivalTarget, tau_days: float) -> tuple[float, float]:
    """The area under the Kaplan-Meier curve to `tau_days`, and its standard error, in days.

    The curve is drawn on flat beyond the last follow-up (as R's `survfit` does): see `rmst`. The
    variance is the sum over the death times of (area from there to tau)^2 d / (n (n - d)), a last
    death that leaves nobody adding nothing (Irwin 1949, doi:10.1017/S0022172400014443; Royston and
    Parmar 2013, doi:10.1186/1471-2288-13-152).

    Raises:
        UsageError: Tau is not above 0.
        DataError: There are no patients.
    """
    if not 0 < tau_days < np.inf:
        msg = f"expected a restriction time above 0 days, came {tau_days:g}"
        raise UsageError(msg)
    curve = kaplan_meier(target)
    inside = curve.times_days <= tau_days
    times = np.concatenate([[0.0], curve.times_days[inside], [tau_days]])
    areas = np.diff(times) * np.concatenate([[1.0], curve.survival[inside]])
    ahead = np.cumsum(areas[::-1])[::-1][1:]
    n, d = curve.n_at_risk[inside].astype(np.float64), curve.n_events[inside]
    left = n > d
    variance = np.sum(ahead[left] ** 2 * d[left] / (n[left] * (n[left] - d[left])))
    return float(areas.sum()), float(np.sqrt(variance))


def rmst(target: SurvivalTarget, tau_days: float, *, level: float = 0.95) -> Estimate:
    """The restricted mean survival time in days; not estimable beyond the follow-up.

    Raises:
        UsageError: Tau is not above 0.
    """
    reason = _not_followed(target, tau_days)
    if reason is not None:
        return not_estimable(target, reason, method=_METHOD, horizon_days=tau_days)
    value, std_error = restricted_mean(target, tau_days)
    return wald_estimate(
        target, value, std_error, method=_METHOD, level=level, horizon_days=tau_days
    )


class RmstContrast(Record):
    """Restricted means of two groups to the same time, `second` against `first`.

    `difference` is second minus first in days, `ratio` second over first (Wald on the log scale),
    each with its two-sided p, None where it is not estimable.
    """

    tau_days: float
    first: Estimate
    second: Estimate
    difference: Estimate
    difference_p: float | None
    ratio: Estimate
    ratio_p: float | None


def rmst_contrast(
    first: SurvivalTarget, second: SurvivalTarget, tau_days: float, *, level: float = 0.95
) -> RmstContrast:
    """What two groups differ by; not estimable beyond the follow-up of either.

    Raises:
        UsageError: Tau is not above 0.
    """
    both = SurvivalTarget(
        np.concatenate([first.time_days, second.time_days]),
        np.concatenate([first.event, second.event]),
    )
    one, other = (rmst(group, tau_days, level=level) for group in (first, second))
    methods = (f"difference of: {_METHOD}", f"ratio of: {_METHOD} of its logarithm")
    difference_p = ratio_p = None
    if one.value is None or other.value is None:
        reason = str(one.note if one.value is None else other.note)
        difference, ratio = (
            not_estimable(both, reason, method=method, horizon_days=tau_days) for method in methods
        )
    else:
        (a, se_a), (b, se_b) = (restricted_mean(group, tau_days) for group in (first, second))
        difference = wald_estimate(
            both,
            b - a,
            float(np.hypot(se_a, se_b)),
            method=methods[0],
            level=level,
            horizon_days=tau_days,
        )
        log_error = float(np.hypot(se_a / a, se_b / b))
        ratio = _ratio(both, b / a, log_error, methods[1], level, tau_days)
        difference_p = _p_value(b - a, float(np.hypot(se_a, se_b)))
        ratio_p = _p_value(float(np.log(b / a)), log_error)
    return RmstContrast(
        tau_days=tau_days,
        first=one,
        second=other,
        difference=difference,
        difference_p=difference_p,
        ratio=ratio,
        ratio_p=ratio_p,
    )


def _ratio(
    target: SurvivalTarget,
    value: float,
    log_error: float,
    method: str,
    level: float,
    tau_days: float,
) -> Estimate:
    """A ratio with the Wald interval of its logarithm."""
    factor = float(np.exp(ndtri((1 + level) / 2) * log_error))
    return Estimate(
        value=value,
        lower=value / factor,
        upper=value * factor,
        level=level,
        n=target.n,
        n_events=target.n_events,
        method=method,
        horizon_days=tau_days,
    )


def _p_value(value: float, std_error: float) -> float | None:
    """Two-sided, by the normal distribution; None where nobody died and nothing varies."""
    return float(2 * ndtr(-abs(value) / std_error)) if std_error > 0 else None


def _not_followed(target: SurvivalTarget, tau_days: float) -> str | None:
    """Why a curve says nothing until tau; once all have died it says all."""
    if target.n == 0:
        return "there are no patients"
    last = target.time_days.max()
    if tau_days > last and not target.event[target.time_days == last].all():
        return f"nobody is followed to day {tau_days:g}, the last is seen on day {last:g}"
    return None
