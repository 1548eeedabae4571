"""How good a published model is in a study's own patients of one arm."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field

from components.arms.hazard_clock import hazard_until
from components.arms.horizons import not_estimable_horizons, uno_tau_days
from components.arms.published import NO_BASELINE, PublishedModel
from components.arms.published_patients import MatchedPatients
from components.errors import UsageError
from components.study.protocol import EvaluationSection
from components.study.randomness import step_seed
from components.study.results import Estimate, Record
from components.study.vocabulary import DataOrigin, TreatmentArm
from components.survival.brier import (
    brier_score,
    death_times,
    integrated_brier_score,
    prediction_accuracy,
)
from components.survival.calibration import (
    CalibrationGroup,
    calibration_by_group,
    calibration_intercept,
    calibration_slope,
    observed_expected,
)
from components.survival.calibration_curve import CalibrationCurve, calibration_curve
from components.survival.discrimination import auc_ipcw, harrell_c, roc_ipcw, uno_c
from components.survival.intervals import not_estimable
from components.survival.target import FloatArray, SurvivalTarget
from components.survival.time_roc import RocCurve

_CURVE_RESAMPLES = 200
_PATIENTS_PER_GROUP = 40
_GROUPS = (3, 5)
_NO_TAU = "no horizon is estimable in these patients"

_AtHorizon = Callable[..., Estimate]


class PublishedScore(Record):
    """A published model judged in the patients of an arm, none of whom it was fitted to.

    `left_out` counts who could not be scored, by reason. Keys of `estimates` are those of a
    model's evaluation: `c_harrell`, `c_uno`, `cal_slope`, `cal_intercept`, `ibs`, and with
    `_<days>d` `auc_cd`, `brier`, `ipa`, `oe`, `ici`. `roc`, `calibration` and `groups` are by
    horizon, where these can be told.
    """

    schema_: Literal["armwise.published_score/1"] = Field(
        default="armwise.published_score/1", alias="schema"
    )
    model: PublishedModel
    arm: TreatmentArm
    origin: DataOrigin
    n: int
    n_events: int
    left_out: dict[str, int]
    estimates: dict[str, Estimate]
    roc: dict[int, RocCurve]
    calibration: dict[int, CalibrationCurve]
    groups: dict[int, tuple[CalibrationGroup, ...]]
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Scored:
    """The model's predictions; `refused` and `unpredicted` say why a horizon is not judged."""

    model: PublishedModel
    target: SurvivalTarget
    lp: FloatArray
    refused: dict[int, str]
    unpredicted: dict[int, str]

    def survival(self, days: int) -> FloatArray:
        """Predicted survival (n,)."""
        return self.model.survival_at(self.lp, [days])[:, 0]


def score_published(
    model: PublishedModel,
    patients: MatchedPatients,
    *,
    arm: TreatmentArm,
    origin: DataOrigin,
    horizons_days: Sequence[int],
    evaluation: EvaluationSection,
    seed: int,
) -> PublishedScore:
    """Every figure of a published model in these patients, those not estimable with their reason.

    Args:
        model: The model.
        patients: Of one arm, in the model's units.
        arm: The arm.
        origin: Whether the patients exist.
        horizons_days: Where survival is judged.
        evaluation: Confidence level and horizon rule.
        seed: For the resamples of the calibration curves.
    """
    target = patients.target
    refused = not_estimable_horizons(target, horizons_days, evaluation)
    scored = _Scored(
        model=model,
        target=target,
        lp=model.linear_predictor(patients.table),
        refused=refused,
        unpredicted={**_unpredicted(model, horizons_days), **refused},
    )
    predicted = [days for days in horizons_days if days not in scored.unpredicted]
    curves = {days: _curve(scored, days, seed, evaluation) for days in predicted}
    return PublishedScore(
        model=model,
        arm=arm,
        origin=origin,
        n=target.n,
        n_events=target.n_events,
        left_out=patients.left_out,
        estimates=_estimates(scored, horizons_days, curves, evaluation),
        roc={
            days: roc_ipcw(target, scored.lp, horizon_days=days)
            for days in horizons_days
            if days not in refused
        },
        calibration=curves,
        groups={days: _groups(scored, days, evaluation) for days in predicted},
        notes=patients.notes,
    )


def _unpredicted(model: PublishedModel, horizons_days: Sequence[int]) -> dict[int, str]:
    """The horizons of which the model predicts nothing, each with its reason."""
    if model.baseline is None:
        return dict.fromkeys(horizons_days, NO_BASELINE)
    found = {}
    for days in horizons_days:
        try:
            model.baseline.cumulative_hazard([days])
        except UsageError as error:
            found[days] = str(error)
    return found


def _estimates(
    scored: _Scored,
    horizons_days: Sequence[int],
    curves: dict[int, CalibrationCurve],
    evaluation: EvaluationSection,
) -> dict[str, Estimate]:
    target, level = scored.target, evaluation.confidence_level
    found = {
        "c_harrell": harrell_c(target, scored.lp, level=level),
        "c_uno": _uno(scored, evaluation),
    }
    for days in horizons_days:
        found[f"auc_cd_{days}d"] = _auc(scored, days, level)
    figures: dict[str, tuple[_AtHorizon, str]] = {
        "brier": (brier_score, "Brier score"),
        "ipa": (prediction_accuracy, "index of prediction accuracy"),
        "oe": (observed_expected, "observed/expected deaths"),
    }
    for name, (estimator, method) in figures.items():
        for days in horizons_days:
            found[f"{name}_{days}d"] = _predicted(scored, days, level, estimator, method)
    for days in horizons_days:
        found[f"ici_{days}d"] = (
            curves[days].ici
            if days in curves
            else _refused(scored, days, "mean distance of observed from predicted risk")
        )
    found["ibs"] = _integrated_brier(scored, evaluation)
    found["cal_slope"] = calibration_slope(target, scored.lp, level=level)
    found["cal_intercept"] = _intercept(scored, level)
    return found


def _uno(scored: _Scored, evaluation: EvaluationSection) -> Estimate:
    tau_days = uno_tau_days(scored.target, evaluation)
    if tau_days is None:
        return not_estimable(scored.target, _NO_TAU, method="Uno's C")
    return uno_c(scored.target, scored.lp, tau_days=tau_days, level=evaluation.confidence_level)


def _auc(scored: _Scored, days: int, level: float) -> Estimate:
    reason = scored.refused.get(days)
    if reason:
        method = "cumulative/dynamic AUC by IPCW"
        return not_estimable(scored.target, reason, method=method, horizon_days=days)
    return auc_ipcw(scored.target, scored.lp, horizon_days=days, level=level)


def _predicted(
    scored: _Scored, days: int, level: float, estimator: _AtHorizon, method: str
) -> Estimate:
    if days in scored.unpredicted:
        return _refused(scored, days, method)
    return estimator(scored.target, scored.survival(days), days, level=level)


def _refused(scored: _Scored, days: int, method: str) -> Estimate:
    reason = scored.unpredicted[days]
    return not_estimable(scored.target, reason, method=method, horizon_days=days)


def _integrated_brier(scored: _Scored, evaluation: EvaluationSection) -> Estimate:
    """From 0 to the last estimable day, where the whole baseline was published."""
    method, baseline = "integrated Brier score by IPCW", scored.model.baseline
    if baseline is None or baseline.kind == "horizons":
        reason = NO_BASELINE if baseline is None else "the baseline is published at horizons alone"
        return not_estimable(scored.target, reason, method=method)
    tau_days = uno_tau_days(scored.target, evaluation)
    if tau_days is None:
        return not_estimable(scored.target, _NO_TAU, method=method)
    tau_days = min(tau_days, baseline.last_day)
    times = death_times(scored.target, tau_days)
    survival = scored.model.survival_at(scored.lp, times.tolist())
    return integrated_brier_score(
        scored.target, survival, times, tau_days=tau_days, level=evaluation.confidence_level
    )


def _intercept(scored: _Scored, level: float) -> Estimate:
    """Calibration in the large over the follow-up that the baseline covers."""
    baseline = scored.model.baseline
    if baseline is None:
        method = "log of observed over expected deaths, Poisson, Wald"
        return not_estimable(scored.target, NO_BASELINE, method=method)
    seen = scored.target.truncated(baseline.last_day)
    expected = hazard_until(baseline, seen.time_days) * np.exp(scored.lp)
    return calibration_intercept(seen, expected, level=level)


def _curve(
    scored: _Scored, days: int, seed: int, evaluation: EvaluationSection
) -> CalibrationCurve:
    return calibration_curve(
        scored.target,
        scored.survival(days),
        horizon_days=days,
        n_resamples=_CURVE_RESAMPLES,
        rng=np.random.default_rng(step_seed(seed, f"published calibration at {days} days")),
        level=evaluation.confidence_level,
    )


def _groups(
    scored: _Scored, days: int, evaluation: EvaluationSection
) -> tuple[CalibrationGroup, ...]:
    fewest, most = _GROUPS
    return tuple(
        calibration_by_group(
            scored.target,
            scored.survival(days),
            horizon_days=days,
            n_groups=int(np.clip(scored.target.n // _PATIENTS_PER_GROUP, fewest, most)),
            level=evaluation.confidence_level,
        )
    )
