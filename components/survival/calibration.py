"""Whether predicted survival is what is observed: slope, groups, observed/expected, Brier score."""

import numpy as np

from components.errors import DataError, UsageError
from components.study.results import Estimate, Record
from components.survival.intervals import influence_estimate, wald_estimate
from components.survival.ipcw import HIGH, LOW, censoring_influence, label_weights, risk_labels
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
        return Estimate.not_estimable(
            str(error), n=target.n, n_events=target.n_events, method=method
        )
    slope, std_error = float(fit.coefficients[0]), float(fit.standard_errors[0])
    return wald_estimate(target, slope, std_error, method=method, level=level)


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


def observed_expected(
    target: SurvivalTarget,
    predicted_survival: FloatArray,
    horizon_days: float,
    *,
    level: float = 0.95,
) -> Estimate:
    """Deaths by the horizon by Kaplan-Meier over those predicted; interval on the log scale."""
    method = "observed/expected deaths, Kaplan-Meier, log interval"
    curve = kaplan_meier(target, level=level)
    observed = 1.0 - float(curve.at(horizon_days))
    expected = 1.0 - float(predicted_survival.mean())
    if horizon_days > target.time_days.max() or observed <= 0 or expected <= 0:
        reason = f"no death or no follow-up until day {horizon_days:g}, or none predicted"
        return Estimate.not_estimable(
            reason, n=target.n, n_events=target.n_events, method=method, horizon_days=horizon_days
        )
    index = int(np.searchsorted(curve.times_days, horizon_days, side="right")) - 1
    # Delta method: se(log O) = S se(log S) / O.
    std_error = (1.0 - observed) * float(curve.std_error[index]) / observed
    ratio = wald_estimate(
        target,
        float(np.log(observed / expected)),
        std_error,
        method=method,
        level=level,
        horizon_days=horizon_days,
    )
    parts = {"value": ratio.value, "lower": ratio.lower, "upper": ratio.upper}
    return ratio.model_copy(
        update={name: float(np.exp(part)) for name, part in parts.items() if part is not None}
    )


def brier_score(
    target: SurvivalTarget,
    predicted_survival: FloatArray,
    horizon_days: float,
    *,
    level: float = 0.95,
) -> Estimate:
    """The Brier score of predicted survival (n,) at a horizon by IPCW, deaths by 1/G(T-).

    Graf et al. 1999, doi:10.1002/(SICI)1097-0258(19990915/30)18:17/18<2529::AID-SIM274>3.0.CO;2-5;
    interval by the influence function, as R's riskRegression.
    """
    method = "Brier score by IPCW, influence function"
    labels = risk_labels(target, horizon_days)
    if not np.any(labels == LOW):
        reason = f"nobody is seen beyond day {horizon_days:g}"
        return Estimate.not_estimable(
            reason, n=target.n, n_events=target.n_events, method=method, horizon_days=horizon_days
        )
    weights = label_weights(target, horizon_days, fitted_on=target)
    alive = (labels != HIGH).astype(np.float64)
    loss = weights * (alive - predicted_survival) ** 2
    influence = loss - loss.mean() + censoring_influence(target, loss, horizon_days)
    return influence_estimate(
        target,
        float(loss.mean()),
        influence,
        method=method,
        level=level,
        horizon_days=horizon_days,
    )
