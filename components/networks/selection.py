"""Which backbone and configuration go on, and the table that shows why.

The table's figures are out of fold and chosen among: the tuning target of the winner is a maximum
and is called selected wherever it is shown.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from components.errors import FitFailed
from components.networks.arm_signal import judge_signal
from components.networks.backbones import BACKBONES
from components.networks.calibrating import calibrate
from components.networks.honesty_records import ArmSignal
from components.networks.judging import Judged
from components.networks.paired import compare_backbones
from components.networks.records import BackboneChoice, BackboneRow, SearchResult, TrialResult
from components.networks.tuning import arm_figures, mean_figure, mean_standard_error
from components.study.protocol.backbone import BackboneSection
from components.study.protocol.evaluation import EvaluationSection
from components.study.protocol.label import LabelSection
from components.study.results import Estimate
from components.study.vocabulary import TreatmentArm
from components.survival.comparison import compare_auc
from components.survival.discrimination import (
    RocCurve,
    auc_ipcw,
    classification_at,
    is_estimable,
    roc_ipcw,
    youden_cutoff,
)
from components.survival.ipcw import risk_labels
from components.survival.target import FloatArray, SurvivalTarget


@dataclass(frozen=True, eq=False)
class _Comparison:
    """What every row is computed from: all patients for the tuning target, else the judged."""

    result: SearchResult
    target: SurvivalTarget
    arms: NDArray[np.str_]
    judged: Judged
    label: LabelSection
    evaluation: EvaluationSection


def choose(
    result: SearchResult,
    target: SurvivalTarget,
    arms: NDArray[np.str_],
    *,
    label: LabelSection,
    evaluation: EvaluationSection,
    backbone: BackboneSection,
) -> BackboneChoice:
    """The backbone and configuration that go on.

    Within a backbone: the finished trial with the highest tuning target, of equal ones the first.
    Among backbones, with `one_standard_error`: the one with fewest multiply-adds whose target lies
    within one standard error of the best (Breiman et al. 1984; the standard error is that of the
    best's target); with `best` the best itself, which `test_accuracy` overrules later.

    Args:
        result: A finished search.
        target: Follow-up of its patients, in its order.
        arms: Their arms (n,).
        label: Protocol section; its horizon is that of the AUCs.
        evaluation: Protocol section; confidence level and horizon rule.
        backbone: Protocol section; its rule of selection.

    Raises:
        FitFailed: No trial has a tuning target: all of them diverged.
    """
    judged = Judged.of(target, arms, label)
    comparison = _Comparison(result, target, arms, judged, label, evaluation)
    best = _best_trials(result)
    rows = [_row(trial, comparison) for trial in best]
    chosen, reason = _chosen(rows, rule=backbone.selection)
    return BackboneChoice(
        backbone=chosen.backbone,
        configuration=chosen.configuration,
        reason=reason,
        rows=tuple(row.model_copy(update={"is_chosen": row is chosen}) for row in rows),
        unknown_dropped=label.unknown == "drop",
        pairs=compare_backbones(
            result.tuning,
            target,
            arms,
            {one.configuration.backbone: _scores(one) for one in best},
            level=evaluation.confidence_level,
        ),
    )


def _scores(trial: TrialResult) -> FloatArray:
    return np.asarray(trial.oof_scores, dtype=np.float64)


def _best_trials(result: SearchResult) -> list[TrialResult]:
    """The best finished trial of each backbone, in the order of the search."""
    best: dict[str, TrialResult] = {}
    for trial in result.trials:
        name = trial.configuration.backbone
        if trial.status == "finished" and trial.tuning_target is not None:
            held = best.get(name)
            if held is None or trial.tuning_target > (held.tuning_target or 0.0):
                best[name] = trial
    if not best:
        msg = "search: training diverged in every trial; lower search.space.learning_rate"
        raise FitFailed(msg)
    return list(best.values())


def _row(trial: TrialResult, comparison: _Comparison) -> BackboneRow:
    scores = _scores(trial)
    evaluation, label = comparison.evaluation, comparison.label
    level, horizon = evaluation.confidence_level, label.horizon_days
    figures = arm_figures(
        comparison.result.tuning, comparison.target, comparison.arms, scores, level=level
    )
    judged, scores = comparison.judged, scores[comparison.judged.where]
    within = _within_arm(scores, comparison)
    target, weights = judged.target, judged.weights
    curve = roc_ipcw(target, scores, horizon_days=horizon, weights=weights)
    cutoff = youden_cutoff(curve)
    classified = classification_at(
        target, scores, cutoff=cutoff, horizon_days=horizon, level=level, weights=weights
    )
    return BackboneRow(
        backbone=trial.configuration.backbone,
        configuration=trial.configuration,
        multiply_adds=BACKBONES[trial.configuration.backbone].multiply_adds,
        initialization=trial.initialization,
        is_chosen=False,
        epochs_done=trial.epochs_done,
        stopped_epochs=trial.stopped_epochs,
        tuning_target=_selected_target(list(figures.values()), comparison.target, level=level),
        standard_error=mean_standard_error(list(figures.values())),
        arm_targets=figures,
        within_arm_auc=within,
        pooled_auc=_pooled_auc(scores, comparison),
        arm_only_auc=_pooled_auc(_arm_only_scores(comparison), comparison),
        signal=_signal(figures, scores, comparison),
        calibration=calibrate(judged, scores, horizon_days=horizon, level=level),
        cutoff=cutoff,
        accuracy=classified.accuracy,
        sensitivity=classified.sensitivity,
        specificity=classified.specificity,
        roc=curve,
        arm_rocs=_arm_rocs(within, scores, comparison),
    )


def _selected_target(figures: list[Estimate], target: SurvivalTarget, *, level: float) -> Estimate:
    value = mean_figure(figures)
    half = float(special.ndtri(0.5 + level / 2)) * mean_standard_error(figures)
    return Estimate(
        value=value,
        lower=None if value is None else max(value - half, 0.0),
        upper=None if value is None else min(value + half, 1.0),
        level=level,
        n=target.n,
        n_events=target.n_events,
        method="mean over arms, out of fold, influence function",
        note="selected: the highest among the configurations tried, not a performance",
    )


def _within_arm(scores: FloatArray, comparison: _Comparison) -> dict[TreatmentArm, Estimate]:
    """The AUC at the label's horizon in each arm, where the horizon rule allows it."""
    figures = {}
    evaluation, horizon = comparison.evaluation, comparison.label.horizon_days
    judged = comparison.judged
    for arm in (arm for arm in TreatmentArm if np.any(judged.arms == arm.value)):
        members = judged.arms == arm.value
        part = judged.target.subset(members)
        events, at_risk = evaluation.minimum_events_before, evaluation.minimum_at_risk_after
        if is_estimable(part, horizon, minimum_events=events, minimum_at_risk=at_risk):
            figures[arm] = auc_ipcw(
                part, scores[members], horizon_days=horizon, level=evaluation.confidence_level
            )
        else:
            figures[arm] = Estimate.not_estimable(
                f"fewer than {events} deaths before or {at_risk} patients at risk after",
                n=part.n,
                n_events=part.n_events,
                method="cumulative/dynamic AUC by IPCW",
                horizon_days=horizon,
            )
    return figures


def _arm_rocs(
    within: dict[TreatmentArm, Estimate], scores: FloatArray, comparison: _Comparison
) -> dict[TreatmentArm, RocCurve]:
    """The ROC curve within each arm that has an AUC."""
    judged, curves = comparison.judged, {}
    for arm, estimate in within.items():
        if estimate.value is not None:
            members = judged.arms == arm.value
            curves[arm] = roc_ipcw(
                judged.target.subset(members),
                scores[members],
                horizon_days=comparison.label.horizon_days,
                weights=judged.weights[members],
            )
    return curves


def _pooled_auc(scores: FloatArray, comparison: _Comparison) -> Estimate:
    return auc_ipcw(
        comparison.judged.target,
        scores,
        horizon_days=comparison.label.horizon_days,
        level=comparison.evaluation.confidence_level,
        weights=comparison.judged.weights,
    )


def _signal(
    figures: dict[TreatmentArm, Estimate], scores: FloatArray, comparison: _Comparison
) -> ArmSignal:
    """Whether scores (m,) of the judged tell the patients apart, or only the arms."""
    judged, level = comparison.judged, comparison.evaluation.confidence_level
    arm_only = _arm_only_scores(comparison)
    difference = compare_auc(
        judged.target,
        scores,
        arm_only,
        horizon_days=comparison.label.horizon_days,
        weights=judged.weights,
        level=level,
    ).difference
    trials = comparison.result.trials
    return judge_signal(
        figures,
        comparison.target,
        pooled=_pooled_auc(scores, comparison),
        arm_only=_pooled_auc(arm_only, comparison),
        pooled_minus_arm_only=difference,
        n_configurations=max(sum(one.tuning_target is not None for one in trials), 1),
        n_arms=len(np.unique(judged.arms)),
        level=level,
    )


def _arm_only_scores(comparison: _Comparison) -> FloatArray:
    """Each patient's arm's weighted share of high risk (n,)."""
    judged = comparison.judged
    high = risk_labels(judged.target, comparison.label.horizon_days) == 1
    scores = np.zeros(judged.target.n)
    for arm in np.unique(judged.arms):
        members = judged.arms == arm
        total = judged.weights[members].sum()
        weight = judged.weights[members & high].sum()
        scores[members] = weight / total if total > 0 else 0.0
    return scores


def _chosen(rows: list[BackboneRow], *, rule: str) -> tuple[BackboneRow, str]:
    best = max(rows, key=lambda row: row.tuning_target.value or 0.0)
    top = best.tuning_target.value or 0.0
    if rule != "one_standard_error":
        return best, f"{best.backbone} has the highest tuning target, {top:.3f}"
    within = [row for row in rows if (row.tuning_target.value or 0.0) >= top - best.standard_error]
    chosen = min(within, key=lambda row: row.multiply_adds)
    if chosen is best:
        return best, (
            f"{best.backbone} has the highest tuning target, {top:.3f}, and no backbone with fewer "
            f"multiply-adds lies within its standard error of {best.standard_error:.3f}"
        )
    return chosen, (
        f"{chosen.backbone} has the fewest multiply-adds among the backbones within one standard "
        f"error ({best.standard_error:.3f}) of the best tuning target "
        f"({chosen.tuning_target.value or 0.0:.3f} against {top:.3f} of {best.backbone})"
    )
