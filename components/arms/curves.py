"""The curves of a model in a split: calibration, ROC and net benefit, at each estimable horizon."""

from collections.abc import Iterable, Iterator

import numpy as np

from components.arms.records import (
    CalibrationAtHorizon,
    DecisionCurveAtHorizon,
    RocAtHorizon,
)
from components.arms.scored import ScoredPatients
from components.study.protocol import EvaluationSection
from components.study.vocabulary import Split
from components.survival.calibration import calibration_by_group
from components.survival.decision_curve import DecisionCurve
from components.survival.discrimination import auc_ipcw, roc_ipcw
from components.survival.target import FloatArray

_PATIENTS_PER_CALIBRATION_GROUP = 40
_CALIBRATION_GROUPS = (3, 5)
_THRESHOLD_STEP = 0.01


def calibration(scored: ScoredPatients, section: EvaluationSection) -> list[CalibrationAtHorizon]:
    """Calibration by groups of predicted survival and smoothed, at each estimable horizon."""
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
            curve=curve,
        )
        for days, curve in scored.calibration_curves.items()
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
        area = auc_ipcw(
            scored.target,
            scored.linear_predictor,
            horizon_days=days,
            level=section.confidence_level,
        )
        curves.append(
            RocAtHorizon(
                arm=scored.arm,
                kind=scored.kind,
                split=scored.split,
                horizon_days=days,
                false_positive_rate=curve.false_positive_rate,
                true_positive_rate=curve.true_positive_rate,
                auc=area,
            )
        )
    return curves


def decision_curves(
    scored: Iterable[ScoredPatients], section: EvaluationSection
) -> Iterator[DecisionCurveAtHorizon]:
    """Net benefit of an arm's models, where the protocol asks for it, in each split.

    A model that tells no two patients apart is the choice between acting for all and for nobody,
    and has no curve of its own.
    """
    if section.decision_thresholds is None:
        return
    thresholds = _thresholds(*section.decision_thresholds)
    models = [one for one in scored if not one.is_constant]
    for split in Split:
        own = [one for one in models if one.split is split]
        if not own:
            continue
        for days in own[0].horizons_days:
            if days not in own[0].not_predictable:
                yield _decision_curve(own, days, thresholds)


def _decision_curve(
    models: list[ScoredPatients], days: int, thresholds: FloatArray
) -> DecisionCurveAtHorizon:
    first = models[0]
    acting_always = _net_benefit(first, np.ones(first.target.n), days, thresholds)
    return DecisionCurveAtHorizon(
        arm=first.arm,
        split=first.split,
        horizon_days=days,
        n=first.target.n,
        n_events=first.target.n_events,
        thresholds=tuple(thresholds.tolist()),
        models={
            one.kind: _known(_net_benefit(one, 1.0 - one.survival(days), days, thresholds))
            for one in models
        },
        treat_all=tuple(acting_always.net_benefit.tolist()),
    )


def _net_benefit(
    scored: ScoredPatients, risk: FloatArray, days: int, thresholds: FloatArray
) -> DecisionCurve:
    return DecisionCurve.of(scored.target, risk, horizon_days=days, thresholds=thresholds.tolist())


def _known(curve: DecisionCurve) -> tuple[float | None, ...]:
    pairs = zip(curve.net_benefit.tolist(), curve.is_known, strict=True)
    return tuple(value if known else None for value, known in pairs)


def _thresholds(lowest: float, highest: float) -> FloatArray:
    """Thresholds from the lowest to the highest, a hundredth apart, both included."""
    steps = int(np.ceil((highest - lowest) / _THRESHOLD_STEP - 1e-9))
    return np.round(np.linspace(lowest, highest, max(steps, 1) + 1), 6)
