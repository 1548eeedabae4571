"""Whether predicted survival is what is observed: slope, level, groups, observed/expected.

Everything takes predictions as arrays, of any model; what only a model of the hazard can give (its
linear predictor, the expected deaths until each patient's last day) is an argument.
"""

import numpy as np

from components.errors import DataError, UsageError
from components.study.results import Estimate, Record
from components.survival.intervals import exponential, not_estimable, wald_estimate
from components.survival.kaplan_meier import kaplan_meier, survival_estimate
from components.survival.newton import fit_cox
from components.survival.target import FloatArray, SurvivalTarget


def calibration_slope(
    target: SurvivalTarget, linear_predictor: FloatArray, *, level: float = 0.9
) -> Estimate:
    """The coefficient of the linear predictor in a Cox model of these patients (Efron, Wald).

    1 is ideal, below 1 the predictions are too extreme; not estimable where it is constant.
    """
    method = "Cox slope of the linear predictor, Wald"
    try:
        fit = fit_cox(linear_predictor.reshape(-1, 1), target, columns=("linear predictor",))
    except DataError as error:
        return not_estimable(target, str(error), method=method)
    slope, std_error = float(fit.coefficients[0]), float(fit.standard_errors[0])
    return wald_estimate(target, slope, std_error, method=method, level=level)


def log_log_risk(predicted_survival: FloatArray) -> FloatArray:
    """The complementary log-log of the predicted risk, log(-log S): the scale of a Cox model.

    Raises:
        DataError: A prediction is not strictly between 0 and 1, or all are equal.
    """
    wrong = int(np.sum(~((predicted_survival > 0) & (predicted_survival < 1))))
    if wrong:
        msg = (
            f"expected predicted survival above 0 and below 1, {wrong} of "
            f"{predicted_survival.size} predictions are not"
        )
        raise DataError(msg)
    if np.ptp(predicted_survival) == 0:
        msg = "all patients have the same predicted survival"
        raise DataError(msg)
    return np.asarray(np.log(-np.log(predicted_survival)))


def risk_calibration_slope(
    target: SurvivalTarget,
    predicted_survival: FloatArray,
    horizon_days: float,
    *,
    level: float = 0.95,
) -> Estimate:
    """The calibration slope of predicted survival (n,) at a horizon, where there is nothing else.

    The coefficient of log(-log S) in a Cox model of the follow-up until the horizon; of a Cox
    model's predictions it is the slope of the linear predictor (van Houwelingen 2000,
    doi:10.1002/1097-0258(20001230)19:24<3401::AID-SIM554>3.0.CO;2-2).
    """
    method = "Cox slope of the predicted log cumulative hazard until the horizon, Wald"
    try:
        scale = log_log_risk(predicted_survival)
        until = target.truncated(horizon_days)
        fit = fit_cox(scale.reshape(-1, 1), until, columns=("predicted log cumulative hazard",))
    except DataError as error:
        return not_estimable(target, str(error), method=method, horizon_days=horizon_days)
    return wald_estimate(
        target,
        float(fit.coefficients[0]),
        float(fit.standard_errors[0]),
        method=method,
        level=level,
        horizon_days=horizon_days,
    )


def calibration_intercept(
    target: SurvivalTarget,
    expected_deaths: FloatArray,
    *,
    horizon_days: float | None = None,
    level: float = 0.95,
) -> Estimate:
    """Calibration in the large: the log of all deaths over those expected; 0 is ideal.

    The intercept of a Poisson model of the deaths with the log of `expected_deaths` as offset
    (Crowson, Atkinson and Therneau 2016, doi:10.1177/0962280213497434).

    Args:
        target: Follow-up of the n patients, cut off where the predictions end.
        expected_deaths: (n,) predicted cumulative hazard until each patient's last day.
        horizon_days: Where the follow-up was cut off, for the record.
        level: Confidence level.
    """
    method = "log of observed over expected deaths, Poisson, Wald"
    expected = float(expected_deaths.sum())
    if target.n_events == 0 or not 0 < expected < np.inf:
        reason = f"{target.n_events} deaths are observed and {expected:.3g} expected"
        return not_estimable(target, reason, method=method, horizon_days=horizon_days)
    return wald_estimate(
        target,
        float(np.log(target.n_events / expected)),
        target.n_events**-0.5,
        method=method,
        level=level,
        horizon_days=horizon_days,
    )


class CalibrationGroup(Record):
    """Patients of similar predictions: their mean prediction beside their Kaplan-Meier survival."""

    mean_predicted: float
    observed: Estimate
    n: int


def calibration_by_group(
    target: SurvivalTarget,
    predicted_survival: FloatArray,
    *,
    horizon_days: float,
    n_groups: int,
    level: float = 0.95,
) -> list[CalibrationGroup]:
    """Groups between quantiles of predicted risk, from low to high risk; survival is (n,).

    Equal predictions stay together, so heavily tied predictions give fewer groups.

    Raises:
        UsageError: There are fewer than two groups.
    """
    if n_groups < 2:
        msg = f"expected at least 2 calibration groups, came {n_groups}"
        raise UsageError(msg)
    risk = 1.0 - predicted_survival
    cuts = np.unique(np.quantile(risk, np.arange(1, n_groups) / n_groups))
    group_of = np.searchsorted(cuts, risk, side="left")
    groups = []
    for group in np.unique(group_of):
        members = group_of == group
        part = target.subset(members)
        groups.append(
            CalibrationGroup(
                mean_predicted=float(predicted_survival[members].mean()),
                observed=survival_estimate(part, horizon_days, level=level),
                n=part.n,
            )
        )
    return groups


def log_observed_expected(
    target: SurvivalTarget,
    predicted_survival: FloatArray,
    horizon_days: float,
    *,
    level: float = 0.95,
) -> Estimate:
    """The log of deaths by the horizon, by Kaplan-Meier, over those predicted; 0 is ideal."""
    method = "log of observed/expected deaths, Kaplan-Meier, Wald"
    curve = kaplan_meier(target, level=level)
    observed = 1.0 - float(curve.at(horizon_days))
    expected = 1.0 - float(predicted_survival.mean())
    if horizon_days > target.time_days.max() or observed <= 0 or expected <= 0:
        reason = f"no death or no follow-up until day {horizon_days:g}, or none predicted"
        return not_estimable(target, reason, method=method, horizon_days=horizon_days)
    index = int(np.searchsorted(curve.times_days, horizon_days, side="right")) - 1
    # Delta method: se(log O) = S se(log S) / O.
    std_error = (1.0 - observed) * float(curve.std_error[index]) / observed
    return wald_estimate(
        target,
        float(np.log(observed / expected)),
        std_error,
        method=method,
        level=level,
        horizon_days=horizon_days,
    )


def observed_expected(
    target: SurvivalTarget,
    predicted_survival: FloatArray,
    horizon_days: float,
    *,
    level: float = 0.95,
) -> Estimate:
    """Deaths by the horizon by Kaplan-Meier over those predicted; interval on the log scale."""
    ratio = log_observed_expected(target, predicted_survival, horizon_days, level=level)
    return exponential(ratio, method="observed/expected deaths, Kaplan-Meier, log interval")
