"""The cumulative/dynamic AUC at a horizon by IPCW, and each patient's influence on it."""

import numpy as np

from components.survival.ipcw import (
    HIGH,
    LOW,
    CaseRule,
    censoring_influence,
    label_weights,
    risk_labels,
)
from components.survival.scores import check_score
from components.survival.target import FloatArray, SurvivalTarget


def auc_with_influence(
    target: SurvivalTarget,
    score: FloatArray,
    horizon_days: float,
    *,
    weights: FloatArray | None,
    cases: CaseRule,
) -> tuple[float, FloatArray] | None:
    """The AUC and the influences (n,) of mean 0; None without a case or without a control.

    Arguments as in `discrimination.auc_ipcw`. The influences are those of the weighted mean over
    pairs, and, unless `weights` are given, of the estimated censoring.

    Raises:
        DataError: The score is missing in some patients.
    """
    check_score(target, score)
    labels = risk_labels(target, horizon_days, cases=cases)
    case, control = labels == HIGH, labels == LOW
    if not case.any() or not control.any():
        return None
    known = weights is not None
    if weights is None:
        weights = label_weights(target, horizon_days, fitted_on=target, cases=cases)
    below = _share_below(score[control], weights[control], score)
    above = 1.0 - _share_below(score[case], weights[case], score)
    value = float(np.average(below[case], weights=weights[case]))
    influence = np.zeros(target.n)
    influence[case] = weights[case] / weights[case].mean() / case.mean() * (below[case] - value)
    influence[control] = (
        weights[control] / weights[control].mean() / control.mean() * (above[control] - value)
    )
    if not known:
        influence = influence + censoring_influence(target, influence, horizon_days)
    return value, influence


def auc_reason(target: SurvivalTarget, horizon_days: float, cases: CaseRule) -> str:
    """Why there is no AUC at a horizon."""
    labels = risk_labels(target, horizon_days, cases=cases)
    n_dead, n_beyond = int(np.sum(labels == HIGH)), int(np.sum(labels == LOW))
    return f"{n_dead} have died {cases}, {n_beyond} are seen beyond the horizon"


def _share_below(among: FloatArray, weights: FloatArray, score: FloatArray) -> FloatArray:
    """The weighted share of `among` below each score, equal ones counted half."""
    order = np.argsort(among, kind="stable")
    total = np.concatenate([[0.0], np.cumsum(weights[order])])
    less = total[np.searchsorted(among[order], score, side="left")]
    up_to = total[np.searchsorted(among[order], score, side="right")]
    return np.asarray((less + up_to) / 2.0 / total[-1])
