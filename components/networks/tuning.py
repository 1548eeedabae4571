"""The tuning target: the mean over arms of an out-of-fold figure within the arm."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

from components.errors import FitFailed
from components.networks.records import ArmTarget, TuningPlan
from components.study.protocol.evaluation import EvaluationSection
from components.study.results import Adaptation, Estimate
from components.study.vocabulary import TreatmentArm
from components.survival.discrimination import (
    auc_ipcw,
    is_estimable,
    last_estimable_horizon,
    uno_c,
)
from components.survival.target import FloatArray, SurvivalTarget


def plan_tuning(
    target: SurvivalTarget,
    arms: NDArray[np.str_],
    *,
    horizon_days: float,
    evaluation: EvaluationSection,
) -> TuningPlan:
    """What is estimated in each arm, settled on the endpoint before any network is trained.

    The IPCW AUC at the label's horizon where the arm has enough deaths before and patients at risk
    after it; else Uno's C up to the arm's last estimable horizon; an arm that has none is left out.
    Each departure is an adaptation.

    Raises:
        FitFailed: No arm has an estimable horizon.
    """
    chosen: dict[TreatmentArm, ArmTarget] = {}
    adaptations = []
    for arm in (arm for arm in TreatmentArm if np.any(arms == arm.value)):
        part = target.subset(arms == arm.value)
        figure = _arm_target(part, horizon_days=horizon_days, evaluation=evaluation)
        if figure is not None:
            chosen[arm] = figure
        if figure is None or figure.estimator != "auc_cd":
            adaptations.append(_adaptation(arm, figure, horizon_days, evaluation))
    if not chosen:
        msg = (
            "search: expected in some arm a horizon with at least "
            f"{evaluation.minimum_events_before} deaths before and "
            f"{evaluation.minimum_at_risk_after} patients at risk after it, found none"
        )
        raise FitFailed(msg)
    return TuningPlan(arms=chosen, adaptations=tuple(adaptations))


def _arm_target(
    target: SurvivalTarget, *, horizon_days: float, evaluation: EvaluationSection
) -> ArmTarget | None:
    events, at_risk = evaluation.minimum_events_before, evaluation.minimum_at_risk_after
    if is_estimable(target, horizon_days, minimum_events=events, minimum_at_risk=at_risk):
        return ArmTarget(estimator="auc_cd", horizon_days=horizon_days)
    last = last_estimable_horizon(target, minimum_events=events, minimum_at_risk=at_risk)
    return None if last is None else ArmTarget(estimator="c_uno", horizon_days=last)


def _adaptation(
    arm: TreatmentArm, figure: ArmTarget | None, horizon_days: float, section: EvaluationSection
) -> Adaptation:
    done = (
        "the arm is left out of the tuning target"
        if figure is None
        else f"Uno's C up to {figure.horizon_days:.0f} days within the {arm.label} arm"
    )
    return Adaptation(
        step="search",
        asked=f"tuning on the AUC at {horizon_days:g} days within the {arm.label} arm",
        done=done,
        why=(
            f"fewer than {section.minimum_events_before} deaths before or fewer than "
            f"{section.minimum_at_risk_after} patients at risk after {horizon_days:g} days"
        ),
    )


def arm_figures(
    plan: TuningPlan,
    target: SurvivalTarget,
    arms: NDArray[np.str_],
    scores: FloatArray,
    *,
    level: float,
) -> dict[TreatmentArm, Estimate]:
    """The figure of each planned arm for scores (n,), higher meaning a higher risk."""
    figures = {}
    for arm, figure in plan.arms.items():
        members = arms == arm.value
        part, part_scores = target.subset(members), scores[members]
        if figure.estimator == "auc_cd":
            figures[arm] = auc_ipcw(
                part, part_scores, horizon_days=figure.horizon_days, level=level
            )
        else:
            figures[arm] = uno_c(part, part_scores, tau_days=figure.horizon_days, level=level)
    return figures


def mean_figure(figures: Sequence[Estimate]) -> float | None:
    """The tuning target: the mean of the arms' figures; None if one of them has no value."""
    values = [figure.value for figure in figures if figure.value is not None]
    return math.fsum(values) / len(values) if len(values) == len(figures) else None


def mean_standard_error(figures: Sequence[Estimate]) -> float:
    """Standard error of the mean of the arms' figures, whose patients are independent.

    Each arm's standard error is that of its influence function, read back from the half of its
    interval that the limits of 0 and 1 have not cut; the variance of a mean of independent figures
    is the mean of their variances over their number.
    """
    variances = [_standard_error(figure) ** 2 for figure in figures]
    return math.sqrt(math.fsum(variances)) / len(variances)


def _standard_error(figure: Estimate) -> float:
    if figure.value is None or figure.lower is None or figure.upper is None:
        return 0.0
    z = float(special.ndtri(0.5 + figure.level / 2))
    return max(figure.upper - figure.value, figure.value - figure.lower) / z
