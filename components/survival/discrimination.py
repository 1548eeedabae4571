"""How well a score orders patients by risk: C and time-dependent AUC, with their intervals.

A higher score means a higher risk throughout. Own code because lifelines and scikit-survival give
Harrell's C without its standard error, weigh Uno's C and the AUC by G(T) where R takes G(T-), and
give no interval of a time-dependent AUC.
"""

import numpy as np

from components.study.results import Estimate
from components.survival.concordance import Concordance, pair_weights
from components.survival.horizons import is_estimable, last_estimable_horizon
from components.survival.intervals import influence_estimate, wald_estimate
from components.survival.ipcw import HIGH, LOW, censoring_influence, label_weights, risk_labels
from components.survival.target import FloatArray, SurvivalTarget
from components.survival.time_roc import (
    Classification,
    RocCurve,
    classification_at,
    roc_ipcw,
    youden_cutoff,
)

__all__ = [
    "Classification",
    "RocCurve",
    "auc_ipcw",
    "c_difference",
    "classification_at",
    "harrell_c",
    "is_estimable",
    "last_estimable_horizon",
    "roc_ipcw",
    "uno_c",
    "youden_cutoff",
]

_NO_PAIR = "no two patients are comparable: nobody dies while another is still followed"


def harrell_c(target: SurvivalTarget, score: FloatArray, *, level: float = 0.95) -> Estimate:
    """Harrell's C with the standard error of R's `survival::concordance`."""
    return _concordance_estimate(target, score, tau_days=None, level=level)


def uno_c(
    target: SurvivalTarget, score: FloatArray, *, tau_days: float, level: float = 0.95
) -> Estimate:
    """Uno's C over deaths up to tau, G from these patients.

    Uno et al. 2011, doi:10.1002/sim.4154; R: `concordance(timewt = "n/G2", ymax = tau)`.
    """
    return _concordance_estimate(target, score, tau_days=tau_days, level=level)


def c_difference(
    target: SurvivalTarget,
    score_a: FloatArray,
    score_b: FloatArray,
    *,
    tau_days: float | None = None,
    level: float = 0.95,
) -> Estimate:
    """C of score a minus C of score b in the same patients: Harrell's, or Uno's up to a tau."""
    kind = "Harrell's" if tau_days is None else "Uno's"
    method = f"difference of {kind} C, paired infinitesimal jackknife"
    weight = pair_weights(target, tau_days)
    a, b = Concordance.of(target, score_a, weight), Concordance.of(target, score_b, weight)
    if a is None or b is None:
        return _not_estimable(target, _NO_PAIR, method=method, horizon_days=tau_days)
    std_error = float(np.sqrt(np.sum((a.influence - b.influence) ** 2)))
    return wald_estimate(
        target,
        a.value - b.value,
        std_error,
        method=method,
        level=level,
        horizon_days=tau_days,
        bounds=(-1.0, 1.0),
    )


def _concordance_estimate(
    target: SurvivalTarget, score: FloatArray, *, tau_days: float | None, level: float
) -> Estimate:
    method = f"{'Harrell' if tau_days is None else 'Uno'}'s C, infinitesimal jackknife"
    found = Concordance.of(target, score, pair_weights(target, tau_days))
    if found is None:
        return _not_estimable(target, _NO_PAIR, method=method, horizon_days=tau_days)
    return wald_estimate(
        target,
        found.value,
        found.std_error,
        method=method,
        level=level,
        horizon_days=tau_days,
        bounds=(0.0, 1.0),
    )


def auc_ipcw(
    target: SurvivalTarget,
    score: FloatArray,
    *,
    horizon_days: float,
    level: float = 0.95,
    weights: FloatArray | None = None,
) -> Estimate:
    """Cumulative/dynamic AUC: dead by the horizon against followed beyond it.

    Interval by the influence function (Blanche, Dartigues and Jacqmin-Gadda 2013,
    doi:10.1002/sim.5958), as R's timeROC; where `weights` are given, they are taken as known.

    Args:
        target: Follow-up of the n patients.
        score: (n,) higher = higher risk.
        horizon_days: Deaths at the horizon itself are cases.
        level: Confidence level.
        weights: (n,) of `label_weights`; by default from these patients' own G, uncapped.
    """
    method = "cumulative/dynamic AUC by IPCW, influence function"
    labels = risk_labels(target, horizon_days)
    case, control = labels == HIGH, labels == LOW
    if not case.any() or not control.any():
        reason = f"{int(case.sum())} have died by, {int(control.sum())} are seen beyond the horizon"
        return _not_estimable(target, reason, method=method, horizon_days=horizon_days)
    known = weights is not None
    if weights is None:
        weights = label_weights(target, horizon_days, fitted_on=target)
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
    return influence_estimate(
        target, value, influence, method=method, level=level, horizon_days=horizon_days
    )


def _share_below(among: FloatArray, weights: FloatArray, score: FloatArray) -> FloatArray:
    """The weighted share of `among` below each score, equal ones counted half."""
    order = np.argsort(among, kind="stable")
    total = np.concatenate([[0.0], np.cumsum(weights[order])])
    less = total[np.searchsorted(among[order], score, side="left")]
    up_to = total[np.searchsorted(among[order], score, side="right")]
    return np.asarray((less + up_to) / 2.0 / total[-1])


def _not_estimable(
    target: SurvivalTarget, reason: str, *, method: str, horizon_days: float | None
) -> Estimate:
    return Estimate.not_estimable(
        reason, n=target.n, n_events=target.n_events, method=method, horizon_days=horizon_days
    )
