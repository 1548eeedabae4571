"""How good a model is in one split: discrimination, error of prediction, calibration."""

from collections.abc import Callable, Mapping

from components.arms.curves import calibration, decision_curves, roc_curves
from components.arms.horizons import uno_tau_days
from components.arms.model_differences import model_differences
from components.arms.records import ModelEvaluation
from components.arms.scored import NO_PREDICTOR, NO_TAU, ScoredPatients
from components.study.protocol import EvaluationSection
from components.study.results import Estimate
from components.survival.brier import (
    brier_score,
    death_times,
    integrated_brier_score,
    prediction_accuracy,
)
from components.survival.calibration import (
    calibration_intercept,
    calibration_slope,
    log_observed_expected,
    observed_expected,
)
from components.survival.discrimination import auc_ipcw, harrell_c, uno_c
from components.survival.incident_dynamic import incident_dynamic_auc

__all__ = [
    "ScoredPatients",
    "calibration",
    "decision_curves",
    "evaluate",
    "model_differences",
    "roc_curves",
]

Judge = Callable[[ScoredPatients, int], Estimate]


def evaluate(scored: ScoredPatients, section: EvaluationSection) -> ModelEvaluation:
    """Every figure of a model in a split, those not estimable with their reason."""
    estimates = {"c_harrell": _harrell(scored), "c_uno": _uno(scored, section)}
    if section.truncated_c_days is not None:
        days = section.truncated_c_days
        estimates[f"c_harrell_{days}d"] = _truncated(scored, days)
    incident = {"auc_id": _incident_auc} if section.incident_dynamic else {}
    estimates |= _at_horizons(scored, {"auc_cd": _auc, **incident})
    estimates |= _at_horizons(scored, {"brier": _brier, "ipa": _accuracy})
    estimates["ibs"] = _integrated_brier(scored, section)
    estimates["cal_slope"] = _slope(scored)
    estimates["cal_intercept"] = _intercept(scored, section)
    estimates |= _at_horizons(scored, {"oe": _ratio, "cal_log_oe": _log_ratio, "ici": _ici})
    return ModelEvaluation(
        arm=scored.arm, kind=scored.kind, split=scored.split, estimates=estimates
    )


def _at_horizons(scored: ScoredPatients, judges: Mapping[str, Judge]) -> dict[str, Estimate]:
    """Each figure at each horizon, all horizons of a figure together."""
    return {
        f"{name}_{days}d": judge(scored, days)
        for name, judge in judges.items()
        for days in scored.horizons_days
    }


def _harrell(scored: ScoredPatients) -> Estimate:
    if scored.is_constant:
        return scored.refused(NO_PREDICTOR, "Harrell's C")
    return harrell_c(scored.target, scored.linear_predictor, level=scored.level)


def _truncated(scored: ScoredPatients, days: int) -> Estimate:
    """Harrell's C of who dies by `days`, everybody's follow-up cut off there."""
    method = f"Harrell's C of follow-up cut off at {days} days"
    if scored.is_constant:
        return scored.refused(NO_PREDICTOR, method, days)
    found = harrell_c(scored.target.truncated(days), scored.linear_predictor, level=scored.level)
    return found.model_copy(
        update={"method": f"{method}, infinitesimal jackknife", "horizon_days": days}
    )


def _uno(scored: ScoredPatients, section: EvaluationSection) -> Estimate:
    tau_days = uno_tau_days(scored.target, section)
    if scored.is_constant or tau_days is None:
        return scored.refused(NO_PREDICTOR if scored.is_constant else NO_TAU, "Uno's C")
    found = uno_c(scored.target, scored.linear_predictor, tau_days=tau_days, level=scored.level)
    method = f"Uno's C of deaths up to day {tau_days:g}, infinitesimal jackknife"
    return found.model_copy(update={"method": method})


def _auc(scored: ScoredPatients, days: int) -> Estimate:
    reason = NO_PREDICTOR if scored.is_constant else scored.not_estimable.get(days)
    if reason:
        return scored.refused(reason, "cumulative/dynamic AUC by IPCW", days)
    return auc_ipcw(scored.target, scored.linear_predictor, horizon_days=days, level=scored.level)


def _incident_auc(scored: ScoredPatients, days: int) -> Estimate:
    reason = NO_PREDICTOR if scored.is_constant else scored.not_estimable.get(days)
    if reason:
        return scored.refused(reason, "incident/dynamic AUC", days)
    return incident_dynamic_auc(
        scored.target, scored.linear_predictor, horizon_days=days, level=scored.level
    )


def _brier(scored: ScoredPatients, days: int) -> Estimate:
    return _predicted(scored, days, brier_score, "Brier score")


def _accuracy(scored: ScoredPatients, days: int) -> Estimate:
    return _predicted(scored, days, prediction_accuracy, "index of prediction accuracy")


def _ratio(scored: ScoredPatients, days: int) -> Estimate:
    return _predicted(scored, days, observed_expected, "observed/expected deaths")


def _log_ratio(scored: ScoredPatients, days: int) -> Estimate:
    method = "log of observed/expected deaths"
    return _predicted(scored, days, log_observed_expected, method)


def _predicted(
    scored: ScoredPatients,
    days: int,
    estimator: Callable[..., Estimate],
    method: str,
) -> Estimate:
    reason = scored.not_predictable.get(days)
    if reason:
        return scored.refused(reason, method, days)
    return estimator(scored.target, scored.survival(days), days, level=scored.level)


def _integrated_brier(scored: ScoredPatients, section: EvaluationSection) -> Estimate:
    """From 0 to the last day that both these patients and the model know."""
    method = "integrated Brier score"
    tau_days = _last_day(scored, section)
    if tau_days is None:
        return scored.refused(NO_TAU, method)
    times = death_times(scored.target, tau_days)
    survival = scored.model.survival_at(scored.linear_predictor, times.tolist())
    found = integrated_brier_score(
        scored.target, survival, times, tau_days=tau_days, level=scored.level
    )
    until = f"{method} by IPCW until day {tau_days:g}, influence function"
    return found.model_copy(update={"method": until})


def _slope(scored: ScoredPatients) -> Estimate:
    if scored.is_constant:
        return scored.refused(NO_PREDICTOR, "calibration slope")
    return calibration_slope(scored.target, scored.linear_predictor, level=scored.level)


def _intercept(scored: ScoredPatients, section: EvaluationSection) -> Estimate:
    method = "log of observed over expected deaths"
    tau_days = _last_day(scored, section)
    if tau_days is None:
        return scored.refused(NO_TAU, method)
    found = calibration_intercept(
        scored.target.truncated(tau_days),
        scored.expected_deaths(tau_days),
        horizon_days=tau_days,
        level=scored.level,
    )
    return found.model_copy(update={"method": f"{method} until day {tau_days:g}, Poisson, Wald"})


def _ici(scored: ScoredPatients, days: int) -> Estimate:
    reason = NO_PREDICTOR if scored.is_constant else scored.not_predictable.get(days)
    if reason:
        method = "mean distance of observed from predicted risk"
        return scored.refused(reason, method, days)
    return scored.calibration_curves[days].ici


def _last_day(scored: ScoredPatients, section: EvaluationSection) -> float | None:
    """The last estimable horizon of these patients, or the end of the training follow-up."""
    tau_days = uno_tau_days(scored.target, section)
    return None if tau_days is None else min(tau_days, scored.model.follow_up_days)
