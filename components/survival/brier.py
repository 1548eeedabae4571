"""Brier score of predicted survival by IPCW, beside the Kaplan-Meier prediction for everyone.

scikit-survival weighs deaths by G(T) where R's riskRegression takes G(T-), and gives no interval.
"""

import numpy as np

from components.errors import UsageError
from components.study.results import Estimate
from components.survival.intervals import influence_estimate, not_estimable
from components.survival.ipcw import HIGH, LOW, censoring_influence, label_weights, risk_labels
from components.survival.kaplan_meier import kaplan_meier
from components.survival.scores import check_survival
from components.survival.target import FloatArray, SurvivalTarget


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
    found = brier_with_influence(target, predicted_survival, horizon_days)
    if found is None:
        reason = brier_reason(target, horizon_days)
        return not_estimable(target, reason, method=method, horizon_days=horizon_days)
    value, influence = found
    return influence_estimate(
        target, value, influence, method=method, level=level, horizon_days=horizon_days
    )


def null_brier_score(
    target: SurvivalTarget, horizon_days: float, *, level: float = 0.95
) -> Estimate:
    """The Brier score where everyone is predicted these patients' Kaplan-Meier survival."""
    null = null_survival(target, np.array([horizon_days]))[:, 0]
    score = brier_score(target, null, horizon_days, level=level)
    return score.model_copy(update={"method": f"{score.method}, Kaplan-Meier for everyone"})


def prediction_accuracy(
    target: SurvivalTarget,
    predicted_survival: FloatArray,
    horizon_days: float,
    *,
    level: float = 0.95,
) -> Estimate:
    """The index of prediction accuracy: 1 - Brier score / that of Kaplan-Meier for everyone.

    Kattan and Gerds 2018, doi:10.1186/s41512-018-0029-2. The interval counts both scores'
    influences (delta method); the null prediction's own error changes its score by nothing to
    first order, for Kaplan-Meier minimises it.
    """
    method = "IPA (1 - Brier / Brier of Kaplan-Meier) by IPCW, influence function"
    null = null_survival(target, np.array([horizon_days]))[:, 0]
    model = brier_with_influence(target, predicted_survival, horizon_days)
    reference = brier_with_influence(target, null, horizon_days)
    if model is None or reference is None or reference[0] == 0:
        reason = brier_reason(target, horizon_days)
        return not_estimable(target, reason, method=method, horizon_days=horizon_days)
    ratio = model[0] / reference[0]
    influence = (ratio * reference[1] - model[1]) / reference[0]
    return influence_estimate(
        target,
        1.0 - ratio,
        influence,
        method=method,
        level=level,
        horizon_days=horizon_days,
        bounds=(-np.inf, 1.0),
    )


def integrated_brier_score(
    target: SurvivalTarget,
    predicted_survival: FloatArray,
    times_days: FloatArray,
    *,
    tau_days: float,
    level: float = 0.95,
) -> Estimate:
    """The mean Brier score from 0 to tau.

    The score is a step function that jumps at the given times, 0 before the first, as R's
    riskRegression takes it; with every day of death (`death_times`) nothing is lost by that.

    Args:
        target: Follow-up of the n patients.
        predicted_survival: (n, m) at the times.
        times_days: (m,) ascending, up to tau.
        tau_days: Where the integral ends.
        level: Confidence level.

    Raises:
        UsageError: The times do not ascend, go beyond tau, or are not as many as the columns.
    """
    _check_times(predicted_survival, times_days, tau_days)
    method = f"integrated Brier score by IPCW at {times_days.size} times, influence function"
    if not np.any(target.time_days > tau_days):
        reason = brier_reason(target, tau_days)
        return not_estimable(target, reason, method=method, horizon_days=tau_days)
    widths = np.diff(np.append(times_days, tau_days)) / tau_days
    value, influence = 0.0, np.zeros(target.n)
    for column, (time, width) in enumerate(zip(times_days, widths, strict=True)):
        found = brier_with_influence(target, predicted_survival[:, column], float(time))
        if width > 0 and found is not None:
            value += width * found[0]
            influence += width * found[1]
    return influence_estimate(
        target, value, influence, method=method, level=level, horizon_days=tau_days
    )


def death_times(target: SurvivalTarget, tau_days: float) -> FloatArray:
    """The distinct times of death up to tau, ascending: where the Brier score is worth a value."""
    return np.unique(target.time_days[target.event & (target.time_days <= tau_days)])


def null_survival(target: SurvivalTarget, times_days: FloatArray) -> FloatArray:
    """The Kaplan-Meier survival of these patients, for each of them at each time (n, m)."""
    return np.tile(kaplan_meier(target).at(times_days), (target.n, 1))


def brier_with_influence(
    target: SurvivalTarget, predicted_survival: FloatArray, horizon_days: float
) -> tuple[float, FloatArray] | None:
    """The Brier score and the influences (n,) of mean 0; None where nobody is seen beyond.

    Raises:
        DataError: The prediction is no probability, or missing in some patients.
    """
    check_survival(target, predicted_survival)
    labels = risk_labels(target, horizon_days)
    if not np.any(labels == LOW):
        return None
    weights = label_weights(target, horizon_days, fitted_on=target)
    alive = (labels != HIGH).astype(np.float64)
    loss = weights * (alive - predicted_survival) ** 2
    value = float(loss.mean())
    return value, loss - value + censoring_influence(target, loss, horizon_days)


def brier_reason(target: SurvivalTarget, horizon_days: float) -> str:
    """Why there is no Brier score, or nothing to compare it with, at a horizon."""
    if not np.any(target.time_days > horizon_days):
        last = target.time_days.max(initial=0.0)
        return f"nobody is seen beyond day {horizon_days:g}, follow-up ends at day {last:g}"
    return f"nobody has died by day {horizon_days:g}"


def _check_times(predicted_survival: FloatArray, times_days: FloatArray, tau_days: float) -> None:
    if predicted_survival.ndim != 2 or predicted_survival.shape[1] != times_days.size:
        msg = (
            f"expected predicted survival with a column for each of {times_days.size} times, came "
            f"an array of shape {predicted_survival.shape}"
        )
        raise UsageError(msg)
    if times_days.size == 0 or np.any(np.diff(times_days) <= 0) or times_days[-1] > tau_days:
        msg = f"expected ascending times up to tau = {tau_days:g} days, came {times_days.tolist()}"
        raise UsageError(msg)
