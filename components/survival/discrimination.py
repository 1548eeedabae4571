"""How well a score orders patients by risk: C and time-dependent AUC, with their intervals.

A higher score means a higher risk throughout. Own code because lifelines and scikit-survival give
Harrell's C without its standard error, weigh Uno's C and the AUC by G(T) where R takes G(T-), and
give no interval of a time-dependent AUC.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.study.results import Estimate
from components.survival.comparison import NO_PAIR, compare_c
from components.survival.concordance import Concordance, deaths_up_to, pair_weights
from components.survival.cumulative_auc import auc_reason, auc_with_influence
from components.survival.horizons import is_estimable, last_estimable_horizon
from components.survival.intervals import influence_estimate, not_estimable, wald_estimate
from components.survival.ipcw import CaseRule
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


def harrell_c(
    target: SurvivalTarget,
    score: FloatArray,
    *,
    tau_days: float | None = None,
    strata: NDArray[Any] | None = None,
    case_weight: FloatArray | None = None,
    level: float = 0.95,
) -> Estimate:
    """Harrell's C with the standard error of R's `survival::concordance`.

    Harrell et al. 1996, doi:10.1002/(SICI)1097-0258(19960229)15:4<361::AID-SIM168>3.0.CO;2-4.

    Args:
        target: Follow-up of the n patients.
        score: (n,) higher = higher risk.
        tau_days: Only deaths up to it count (R: `ymax`); all by default.
        strata: (n,) pairs count within a stratum only.
        case_weight: (n,) of the patients.
        level: Confidence level.
    """
    method = "Harrell's C, infinitesimal jackknife"
    weight = np.ones(target.n) if tau_days is None else deaths_up_to(target, tau_days)
    found = Concordance.of(target, score, weight, strata=strata, case_weight=case_weight)
    return _concordance_estimate(target, found, method=method, level=level, tau_days=tau_days)


def uno_c(
    target: SurvivalTarget,
    score: FloatArray,
    *,
    tau_days: float,
    strata: NDArray[Any] | None = None,
    case_weight: FloatArray | None = None,
    level: float = 0.95,
) -> Estimate:
    """Uno's C over deaths up to tau, G from these patients (of a stratum); else as `harrell_c`.

    Uno et al. 2011, doi:10.1002/sim.4154; R: `concordance(timewt = "n/G2", ymax = tau)`.
    """
    method = "Uno's C, infinitesimal jackknife"
    if target.n and tau_days > target.time_days.max():
        reason = f"follow-up ends at day {target.time_days.max():g}, before tau {tau_days:g}"
        return not_estimable(target, reason, method=method, horizon_days=tau_days)
    weight = pair_weights(target, tau_days, strata=strata, case_weight=case_weight)
    found = Concordance.of(target, score, weight, strata=strata, case_weight=case_weight)
    return _concordance_estimate(target, found, method=method, level=level, tau_days=tau_days)


def c_difference(
    target: SurvivalTarget,
    score_a: FloatArray,
    score_b: FloatArray,
    *,
    tau_days: float | None = None,
    level: float = 0.95,
) -> Estimate:
    """C of score a minus C of score b in the same patients: Harrell's, or Uno's up to a tau.

    `comparison.compare_c` gives the test and the covariance as well.
    """
    return compare_c(target, score_a, score_b, tau_days=tau_days, level=level).difference


def auc_ipcw(
    target: SurvivalTarget,
    score: FloatArray,
    *,
    horizon_days: float,
    level: float = 0.95,
    weights: FloatArray | None = None,
    cases: CaseRule = "by",
) -> Estimate:
    """Cumulative/dynamic AUC: dead by the horizon against followed beyond it.

    Interval by the influence function (Blanche, Dartigues and Jacqmin-Gadda 2013,
    doi:10.1002/sim.5958), as R's timeROC; where `weights` are given, they are taken as known.

    Args:
        target: Follow-up of the n patients.
        score: (n,) higher = higher risk.
        horizon_days: The horizon.
        level: Confidence level.
        weights: (n,) of `label_weights`; by default from these patients' own G, uncapped.
        cases: `by` takes deaths at the horizon itself for cases, as R's riskRegression; `before`
            for neither cases nor controls, as R's timeROC.
    """
    by = "" if cases == "by" else ", deaths before the horizon"
    method = f"cumulative/dynamic AUC by IPCW{by}, influence function"
    found = auc_with_influence(target, score, horizon_days, weights=weights, cases=cases)
    if found is None:
        reason = auc_reason(target, horizon_days, cases)
        return not_estimable(target, reason, method=method, horizon_days=horizon_days)
    value, influence = found
    return influence_estimate(
        target, value, influence, method=method, level=level, horizon_days=horizon_days
    )


def _concordance_estimate(
    target: SurvivalTarget,
    found: Concordance | None,
    *,
    method: str,
    level: float,
    tau_days: float | None,
) -> Estimate:
    if found is None:
        return not_estimable(target, NO_PAIR, method=method, horizon_days=tau_days)
    return wald_estimate(
        target,
        found.value,
        found.std_error,
        method=method,
        level=level,
        horizon_days=tau_days,
        bounds=(0.0, 1.0),
    )
