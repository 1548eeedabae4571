"""How good a model is in one split: discrimination, calibration, curves."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from components.arms.horizons import uno_tau_days
from components.arms.records import (
    CalibrationAtHorizon,
    ModelDifference,
    ModelEvaluation,
    RocAtHorizon,
)
from components.study.protocol import EvaluationSection
from components.study.results import Estimate
from components.study.vocabulary import ModelKind, Split, TreatmentArm
from components.survival.calibration import (
    brier_score,
    calibration_by_group,
    calibration_slope,
    observed_expected,
)
from components.survival.cox import CoxModel
from components.survival.discrimination import (
    auc_ipcw,
    c_difference,
    harrell_c,
    roc_ipcw,
    uno_c,
)
from components.survival.target import FloatArray, SurvivalTarget

_NO_PREDICTOR = "the model has no predictor"
_NO_TAU = "no horizon is estimable in these patients"
_PATIENTS_PER_CALIBRATION_GROUP = 40
_CALIBRATION_GROUPS = (3, 5)


@dataclass(frozen=True, eq=False)
class ScoredPatients:
    """A model's predictions for the patients of a split.

    `not_estimable` holds the horizons that the horizon rule refuses for these patients,
    `not_predictable` those and the ones that the training patients cannot support.
    """

    arm: TreatmentArm
    kind: ModelKind
    split: Split
    model: CoxModel
    target: SurvivalTarget
    linear_predictor: FloatArray
    horizons_days: tuple[int, ...]
    not_estimable: Mapping[int, str]
    not_predictable: Mapping[int, str]

    @property
    def is_constant(self) -> bool:
        """Whether the model tells no two patients apart."""
        return not self.model.predictors

    def survival(self, horizon_days: int) -> FloatArray:
        """Predicted survival (n,) at a horizon."""
        return self.model.survival_at(self.linear_predictor, [horizon_days])[:, 0]

    def refused(self, reason: str, method: str, horizon_days: float | None = None) -> Estimate:
        """The record of a figure that these patients cannot give."""
        return Estimate.not_estimable(
            reason,
            n=self.target.n,
            n_events=self.target.n_events,
            method=method,
            horizon_days=horizon_days,
        )


def evaluate(scored: ScoredPatients, section: EvaluationSection) -> ModelEvaluation:
    """Every figure of a model in a split, those not estimable with their reason."""
    estimates = {
        "c_harrell": _harrell(scored, section.confidence_level),
        "c_uno": _uno(scored, section),
        "cal_slope": _slope(scored, section.confidence_level),
    }
    if section.truncated_c_days is not None:
        days = section.truncated_c_days
        estimates[f"c_harrell_{days}d"] = _truncated(scored, days, section.confidence_level)
    for days in scored.horizons_days:
        estimates |= _at_horizon(scored, days, section.confidence_level)
    return ModelEvaluation(
        arm=scored.arm, kind=scored.kind, split=scored.split, estimates=estimates
    )


def _harrell(scored: ScoredPatients, level: float) -> Estimate:
    if scored.is_constant:
        return scored.refused(_NO_PREDICTOR, "Harrell's C")
    return harrell_c(scored.target, scored.linear_predictor, level=level)


def _truncated(scored: ScoredPatients, days: int, level: float) -> Estimate:
    """Harrell's C of who dies by `days`, everybody's follow-up cut off there."""
    method = f"Harrell's C of follow-up cut off at {days} days"
    if scored.is_constant:
        return scored.refused(_NO_PREDICTOR, method, days)
    found = harrell_c(scored.target.truncated(days), scored.linear_predictor, level=level)
    return found.model_copy(
        update={"method": f"{method}, infinitesimal jackknife", "horizon_days": days}
    )


def _uno(scored: ScoredPatients, section: EvaluationSection) -> Estimate:
    tau_days = uno_tau_days(scored.target, section)
    if scored.is_constant or tau_days is None:
        return scored.refused(_NO_PREDICTOR if scored.is_constant else _NO_TAU, "Uno's C")
    return uno_c(
        scored.target, scored.linear_predictor, tau_days=tau_days, level=section.confidence_level
    )


def _slope(scored: ScoredPatients, level: float) -> Estimate:
    if scored.is_constant:
        return scored.refused(_NO_PREDICTOR, "calibration slope")
    return calibration_slope(scored.target, scored.linear_predictor, level=level)


def _at_horizon(scored: ScoredPatients, days: int, level: float) -> dict[str, Estimate]:
    return {
        f"auc_cd_{days}d": auc_at(scored, days, level),
        f"brier_{days}d": _predicted(scored, days, level, brier_score, "Brier score"),
        f"oe_{days}d": _predicted(scored, days, level, observed_expected, "observed/expected"),
    }


def auc_at(scored: ScoredPatients, days: int, level: float) -> Estimate:
    """Cumulative/dynamic AUC at a horizon."""
    reason = _NO_PREDICTOR if scored.is_constant else scored.not_estimable.get(days)
    if reason:
        return scored.refused(reason, "cumulative/dynamic AUC by IPCW", days)
    return auc_ipcw(scored.target, scored.linear_predictor, horizon_days=days, level=level)


def _predicted(
    scored: ScoredPatients,
    days: int,
    level: float,
    estimator: Callable[..., Estimate],
    method: str,
) -> Estimate:
    reason = scored.not_predictable.get(days)
    if reason:
        return scored.refused(reason, method, days)
    return estimator(scored.target, scored.survival(days), days, level=level)


def calibration(scored: ScoredPatients, section: EvaluationSection) -> list[CalibrationAtHorizon]:
    """Calibration by groups of predicted survival, at each estimable horizon."""
    if scored.is_constant:
        return []
    fewest, most = _CALIBRATION_GROUPS
    n_groups = int(np.clip(scored.target.n // _PATIENTS_PER_CALIBRATION_GROUP, fewest, most))
    return [
        CalibrationAtHorizon(
            arm=scored.arm,
            kind=scored.kind,
            split=scored.split,
            horizon_days=days,
            groups=tuple(
                calibration_by_group(
                    scored.target,
                    scored.survival(days),
                    horizon_days=days,
                    n_groups=n_groups,
                    level=section.confidence_level,
                )
            ),
        )
        for days in scored.horizons_days
        if days not in scored.not_predictable
    ]


def roc_curves(scored: ScoredPatients, section: EvaluationSection) -> list[RocAtHorizon]:
    """The ROC curve at each estimable horizon."""
    if scored.is_constant:
        return []
    curves = []
    for days in scored.horizons_days:
        if days in scored.not_estimable:
            continue
        curve = roc_ipcw(scored.target, scored.linear_predictor, horizon_days=days)
        curves.append(
            RocAtHorizon(
                arm=scored.arm,
                kind=scored.kind,
                split=scored.split,
                horizon_days=days,
                false_positive_rate=curve.false_positive_rate,
                true_positive_rate=curve.true_positive_rate,
                auc=auc_at(scored, days, section.confidence_level),
            )
        )
    return curves


def differences(
    scored: Iterable[ScoredPatients],
    section: EvaluationSection,
    *,
    kind: ModelKind,
    reference: ModelKind,
) -> list[ModelDifference]:
    """Harrell's and Uno's C of one model minus those of another, paired, in each split."""
    by_place = {(one.kind, one.split): one for one in scored}
    found = []
    for split in Split:
        a, b = by_place[kind, split], by_place[reference, split]
        taus = {"c_harrell": None, "c_uno": uno_tau_days(a.target, section)}
        for estimator, tau_days in taus.items():
            found.append(
                ModelDifference(
                    arm=a.arm,
                    kind=kind,
                    reference=reference,
                    split=split,
                    estimator=estimator,
                    estimate=_difference(a, b, estimator, tau_days, section.confidence_level),
                )
            )
    return found


def _difference(
    a: ScoredPatients, b: ScoredPatients, estimator: str, tau_days: float | None, level: float
) -> Estimate:
    if a.model == b.model:
        return a.refused("the two models are the same", "difference of C")
    if a.is_constant or b.is_constant:
        return a.refused(_NO_PREDICTOR, "difference of C")
    if estimator == "c_uno" and tau_days is None:
        return a.refused(_NO_TAU, "difference of C")
    return c_difference(
        a.target, a.linear_predictor, b.linear_predictor, tau_days=tau_days, level=level
    )
