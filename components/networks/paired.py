"""Backbones against each other, on the same patients' out-of-fold scores.

Not DeLong's test: it knows no weights, and on scores of several networks whose training patients
overlap its 95% intervals cover less than that. The paired influence functions know the weights and
the censoring; they too take the networks as given, so small p-values are to be read as too small.
"""

import math
from collections.abc import Mapping
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from components.networks.honesty_records import BackbonePair
from components.networks.records import ArmTarget, TuningPlan
from components.study.results import Estimate
from components.survival.comparison import PairedComparison, compare_auc, compare_c
from components.survival.intervals import wald_estimate
from components.survival.multiplicity import holm
from components.survival.target import FloatArray, SurvivalTarget

_METHOD = "difference of the tuning targets, mean over arms, paired influence functions"


def compare_backbones(
    plan: TuningPlan,
    target: SurvivalTarget,
    arms: NDArray[np.str_],
    scores: Mapping[str, FloatArray],
    *,
    level: float,
) -> tuple[BackbonePair, ...]:
    """Every pair of backbones by the tuning target, p-values adjusted by Holm.

    Args:
        plan: What is estimated in each arm.
        target: Follow-up of the n patients.
        arms: (n,).
        scores: Out-of-fold scores (n,) of each backbone's best configuration, by its name.
        level: Confidence level of each difference, which is not adjusted.
    """
    pairs = list(combinations(scores, 2))
    found = [
        paired_difference(plan, target, arms, scores[one], scores[other], level=level)
        for one, other in pairs
    ]
    adjusted = holm([math.nan if one.p is None else one.p for one in found])
    return tuple(
        BackbonePair(
            first=one,
            second=other,
            difference=said.difference,
            p=said.p,
            p_holm=None if said.p is None else float(p_holm),
        )
        for (one, other), said, p_holm in zip(pairs, found, adjusted, strict=True)
    )


def paired_difference(
    plan: TuningPlan,
    target: SurvivalTarget,
    arms: NDArray[np.str_],
    first: FloatArray,
    second: FloatArray,
    *,
    level: float,
) -> PairedComparison:
    """The tuning target of `first` minus that of `second`, both (n,), and its two-sided test.

    The arms' patients are independent: the variance of the mean of their differences is the mean of
    the variances over the number of arms.
    """
    parts = []
    for arm, figure in plan.arms.items():
        members = arms == arm.value
        part = target.subset(members)
        parts.append(_within(part, first[members], second[members], figure, level))
    values = [part.difference.value for part in parts if part.difference.value is not None]
    if len(values) < len(parts):
        reason = next(p.difference.note for p in parts if p.difference.value is None)
        return PairedComparison(
            difference=Estimate.not_estimable(
                reason or "an arm has no figure",
                n=target.n,
                n_events=target.n_events,
                method=_METHOD,
            )
        )
    mean = math.fsum(values) / len(values)
    known = [part.covariance for part in parts if part.covariance is not None]
    covariance = np.sum(known, axis=0) / len(parts) ** 2
    contrast = np.array([1.0, -1.0])
    std_error = math.sqrt(max(float(contrast @ covariance @ contrast), 0.0))
    estimate = wald_estimate(
        target, mean, std_error, method=_METHOD, level=level, bounds=(-1.0, 1.0)
    )
    return PairedComparison.of(estimate, covariance)


def _within(
    target: SurvivalTarget, first: FloatArray, second: FloatArray, figure: ArmTarget, level: float
) -> PairedComparison:
    if figure.estimator == "auc_cd":
        return compare_auc(target, first, second, horizon_days=figure.horizon_days, level=level)
    return compare_c(target, first, second, tau_days=figure.horizon_days, level=level)
