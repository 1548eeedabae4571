"""The figures of the radiomics label regression, computed as a backbone's row is."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from components.arms.horizons import not_estimable_horizons
from components.arms.radiomics_records import NetworkMinusRadiomics, RadiomicsLabel
from components.cohort.endpoint import survival_target
from components.networks.judging import Judged
from components.networks.records import TuningPlan
from components.networks.tuning import arm_figures, mean_figure, mean_standard_error
from components.study.protocol import EvaluationSection, LabelSection
from components.study.results import Adaptation, Estimate
from components.study.vocabulary import TreatmentArm
from components.survival.comparison import compare_auc
from components.survival.discrimination import (
    auc_ipcw,
    classification_at,
    roc_ipcw,
    youden_cutoff,
)
from components.survival.ipcw import risk_labels
from components.survival.target import BoolArray, FloatArray, SurvivalTarget


def judged_figures(
    table: pd.DataFrame,
    scores: FloatArray,
    networks: Mapping[str, pd.Series],
    *,
    tuning: TuningPlan,
    label: LabelSection,
    evaluation: EvaluationSection,
    n_features: int,
    penalties: tuple[float, ...],
    adaptations: tuple[Adaptation, ...],
) -> RadiomicsLabel:
    """The record of out-of-fold scores (n,) of the patients of a table.

    Args:
        table: Indexed by patient, with `arm` and the endpoint.
        scores: (n,) probability of high risk.
        networks: Out-of-fold probability by patient, by backbone.
        tuning: The networks' tuning target.
        label: Protocol section.
        evaluation: Protocol section.
        n_features: How many features there were.
        penalties: One a fold.
        adaptations: What could not be done as asked.
    """
    target, arms = survival_target(table), table["arm"].to_numpy(dtype=np.str_)
    level, horizon = evaluation.confidence_level, label.horizon_days
    judged = Judged.of(target, arms, label)
    inside = scores[judged.where]
    pooled = _Group("pooled", judged.target, inside, judged.weights)
    cutoff = youden_cutoff(
        curve := roc_ipcw(judged.target, inside, horizon_days=horizon, weights=judged.weights)
    )
    classified = classification_at(
        judged.target,
        inside,
        cutoff=cutoff,
        horizon_days=horizon,
        level=level,
        weights=judged.weights,
    )
    targets = arm_figures(tuning, target, arms, scores, level=level)
    return RadiomicsLabel(
        n=target.n,
        n_features=n_features,
        penalties=penalties,
        scores=dict(zip(map(str, table.index), scores.tolist(), strict=True)),
        tuning_target=_mean(list(targets.values()), target, level),
        arm_targets=targets,
        within_arm_auc={
            TreatmentArm(group.name): group.auc(label, evaluation)
            for group in _arms(judged, inside)
        },
        pooled_auc=pooled.auc(label, evaluation),
        arm_only_auc=_Group(
            "pooled", judged.target, _arm_only(judged, horizon), judged.weights
        ).auc(label, evaluation),
        cutoff=cutoff,
        accuracy=classified.accuracy,
        sensitivity=classified.sensitivity,
        specificity=classified.specificity,
        roc=curve,
        differences=tuple(
            one
            for name, said in networks.items()
            for one in _differences(name, said, table, scores, label, evaluation)
        ),
        adaptations=adaptations,
    )


@dataclass(frozen=True, eq=False)
class _Group:
    """An arm's judged patients, or all: follow-up, scores (n,), weights (n,) or the group's own."""

    name: str
    target: SurvivalTarget
    scores: FloatArray
    weights: FloatArray | None

    def auc(self, label: LabelSection, evaluation: EvaluationSection) -> Estimate:
        """The AUC at the label's horizon, where the horizon rule allows it within an arm."""
        horizon = label.horizon_days
        refused = self.refused(label, evaluation)
        if refused is not None:
            return Estimate.not_estimable(
                refused,
                n=self.target.n,
                n_events=self.target.n_events,
                method="cumulative/dynamic AUC by IPCW",
                horizon_days=horizon,
            )
        return auc_ipcw(
            self.target,
            self.scores,
            horizon_days=horizon,
            level=evaluation.confidence_level,
            weights=self.weights,
        )

    def refused(self, label: LabelSection, evaluation: EvaluationSection) -> str | None:
        """Why the horizon is not estimable; None where it is, and for all arms together."""
        if self.name == "pooled":
            return None
        horizon = label.horizon_days
        return not_estimable_horizons(self.target, [horizon], evaluation).get(horizon)


def _arms(judged: Judged, scores: FloatArray) -> list[_Group]:
    found = []
    for arm in (one.value for one in TreatmentArm):
        members = judged.arms == arm
        if members.any():
            found.append(_Group(arm, judged.target.subset(members), scores[members], None))
    return found


def _differences(
    backbone: str,
    said: pd.Series,
    table: pd.DataFrame,
    scores: FloatArray,
    label: LabelSection,
    evaluation: EvaluationSection,
) -> list[NetworkMinusRadiomics]:
    """Per arm and pooled, in the patients whom both score."""
    own = pd.Series(scores, index=table.index)
    both = table.index[table.index.isin(said.dropna().index)]
    part = table.loc[both]
    judged = Judged.of(survival_target(part), part["arm"].to_numpy(dtype=np.str_), label)
    theirs = said.loc[both].to_numpy(dtype=np.float64)[judged.where]
    mine = own.loc[both].to_numpy(dtype=np.float64)[judged.where]
    everyone: BoolArray = np.ones(judged.target.n, dtype=np.bool_)
    groups: list[tuple[str, BoolArray, FloatArray | None]] = [("pooled", everyone, judged.weights)]
    for arm in TreatmentArm:
        members = judged.arms == arm.value
        if members.any():
            groups.append((arm.value, members, None))
    found = []
    for name, members, weights in groups:
        group = _Group(name, judged.target.subset(members), mine[members], weights)
        if group.refused(label, evaluation) is not None:
            continue
        compared = compare_auc(
            group.target,
            theirs[members],
            group.scores,
            horizon_days=label.horizon_days,
            weights=weights,
            level=evaluation.confidence_level,
        )
        found.append(
            NetworkMinusRadiomics(
                backbone=backbone, group=name, estimate=compared.difference, p_value=compared.p
            )
        )
    return found


def _arm_only(judged: Judged, horizon_days: float) -> NDArray[np.float64]:
    """Each patient's arm's weighted share of high risk (n,)."""
    high = risk_labels(judged.target, horizon_days) == 1
    scores = np.zeros(judged.target.n)
    for arm in np.unique(judged.arms):
        members = judged.arms == arm
        total = judged.weights[members].sum()
        share = judged.weights[members & high].sum()
        scores[members] = share / total if total > 0 else 0.0
    return scores


def _mean(figures: list[Estimate], target: SurvivalTarget, level: float) -> Estimate:
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
    )
