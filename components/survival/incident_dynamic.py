"""Incident/dynamic AUC: who dies at a time against who is followed beyond it.

Heagerty and Zheng 2005, doi:10.1111/j.0006-341X.2005.030814.x, as R's `risksetROC` has it: under
proportional hazards those at risk at t die there in proportion to exp(gamma * score), so that the
distribution of the score among those who die at t can be had from all who are at risk, gamma from
a Cox model of the score (Efron ties). Own code because no Python library has it, and with an
interval that R's does not give. It answers another question than the cumulative/dynamic AUC and is
lower as a rule: it forgets the easy, early deaths.
"""

import numpy as np

from components.errors import DataError
from components.study.results import Estimate
from components.survival.intervals import influence_estimate, not_estimable
from components.survival.newton import fit_cox
from components.survival.residuals import dfbeta, score_residuals
from components.survival.scores import check_score
from components.survival.target import FloatArray, SurvivalTarget


def incident_dynamic_auc(
    target: SurvivalTarget, score: FloatArray, *, horizon_days: float, level: float = 0.95
) -> Estimate:
    """The incident/dynamic AUC of a score (n,), higher = higher risk, at a horizon.

    Interval by the influence function, that of the estimated gamma included. Not estimable where
    nobody is followed beyond the horizon, or where no Cox model of the score can be fitted.
    """
    check_score(target, score)
    method = "incident/dynamic AUC by proportional hazards, influence function"
    if not np.any(target.time_days > horizon_days):
        last = target.time_days.max(initial=0.0)
        reason = f"nobody is seen beyond day {horizon_days:g}, follow-up ends at day {last:g}"
        return not_estimable(target, reason, method=method, horizon_days=horizon_days)
    x = score.reshape(-1, 1)
    try:
        fit = fit_cox(x, target, columns=("score",))
    except DataError as error:
        return not_estimable(target, str(error), method=method, horizon_days=horizon_days)
    residuals = score_residuals(x, fit.coefficients, target)
    slope_influence = target.n * dfbeta(residuals, fit.covariance)[:, 0]
    value, influence, per_slope = _auc_at(target, score, float(fit.coefficients[0]), horizon_days)
    return influence_estimate(
        target,
        value,
        influence + per_slope * slope_influence,
        method=method,
        level=level,
        horizon_days=horizon_days,
    )


def _auc_at(
    target: SurvivalTarget, score: FloatArray, slope: float, horizon_days: float
) -> tuple[float, FloatArray, float]:
    """The AUC at a given gamma, the influences (n,) on it, and its derivative by gamma."""
    risk = np.where(target.time_days >= horizon_days, np.exp(slope * (score - score.max())), 0.0)
    beyond = (target.time_days > horizon_days).astype(np.float64)
    incident, control = risk / risk.mean(), beyond / beyond.mean()
    below, up_to = _cumulative(score, control)
    lower = (below + up_to) / 2.0
    below, up_to = _cumulative(score, incident)
    higher = 1.0 - (below + up_to) / 2.0
    value = float(np.mean(incident * lower))
    influence = incident * (lower - value) + control * (higher - value)
    per_slope = float(np.mean(incident * (lower - value) * score))
    return value, influence, per_slope


def _cumulative(score: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The mean weight (n,) of patients below each score, and of those up to it."""
    order = np.argsort(score, kind="stable")
    total = np.concatenate([[0.0], np.cumsum(weight[order])]) / score.size
    ascending = score[order]
    below = total[np.searchsorted(ascending, score, side="left")]
    return below, total[np.searchsorted(ascending, score, side="right")]
