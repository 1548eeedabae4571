"""Two models in the same patients: the difference of C, AUC or Brier score, paired, with its test.

Both figures' influences come from the same patients, so that the difference's variance needs no
resampling and counts their correlation.
"""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from components.study.results import Estimate, Record
from components.survival.brier import brier_reason, brier_with_influence
from components.survival.concordance import Concordance, pair_weights
from components.survival.cumulative_auc import auc_reason, auc_with_influence
from components.survival.intervals import not_estimable, wald_estimate
from components.survival.ipcw import CaseRule
from components.survival.target import FloatArray, SurvivalTarget

NO_PAIR = "no two patients are comparable: nobody dies while another is still followed"

_NO_TEST = "the difference has no variance in these patients: no test"


class PairedComparison(Record):
    """First minus second, and the two-sided test that they are equal.

    `covariance` (2 x 2) is that of the two figures; it, `std_error`, `z` and `p` are None where the
    difference is not estimable, `z` and `p` also where its standard error is 0.
    """

    difference: Estimate
    std_error: float | None = None
    z: float | None = None
    p: float | None = None
    covariance: tuple[tuple[float, float], tuple[float, float]] | None = None

    @classmethod
    def of(cls, difference: Estimate, covariance: NDArray[Any]) -> Self:
        """The comparison behind a difference, from the covariance (2, 2) of the two figures."""
        std_error = _std_error(covariance)
        (a, both), (_, b) = covariance.tolist()
        tested: dict[str, float] = {}
        if difference.value is not None and std_error > 0:
            z = difference.value / std_error
            tested = {"z": z, "p": float(2.0 * ndtr(-abs(z)))}
        else:
            difference = difference.model_copy(update={"note": _NO_TEST})
        return cls(
            difference=difference,
            std_error=std_error,
            covariance=((a, both), (both, b)),
            **tested,
        )


def compare_c(
    target: SurvivalTarget,
    score_a: FloatArray,
    score_b: FloatArray,
    *,
    tau_days: float | None = None,
    strata: NDArray[Any] | None = None,
    level: float = 0.95,
) -> PairedComparison:
    """C of score a minus C of score b: Harrell's, or Uno's up to a tau; pairs within strata.

    As R's `survival::concordance(y ~ a + b)` with the infinitesimal jackknife.
    """
    kind = "Harrell's" if tau_days is None else "Uno's"
    method = f"difference of {kind} C, paired infinitesimal jackknife"
    weight = pair_weights(target, tau_days, strata=strata)
    a = Concordance.of(target, score_a, weight, strata=strata)
    b = Concordance.of(target, score_b, weight, strata=strata)
    if a is None or b is None:
        reason = not_estimable(target, NO_PAIR, method=method, horizon_days=tau_days)
        return PairedComparison(difference=reason)
    influence = np.stack([a.influence, b.influence])
    covariance = influence @ influence.T
    return _wald_comparison(target, a.value - b.value, covariance, method, tau_days, level)


def compare_auc(
    target: SurvivalTarget,
    score_a: FloatArray,
    score_b: FloatArray,
    *,
    horizon_days: float,
    weights: FloatArray | None = None,
    cases: CaseRule = "by",
    level: float = 0.95,
) -> PairedComparison:
    """AUC of score a minus AUC of score b at a horizon; arguments as in `auc_ipcw`.

    Blanche, Dartigues and Jacqmin-Gadda 2013, doi:10.1002/sim.5958; R: `timeROC::compare`
    (`cases="before"`), the contrasts of `riskRegression::Score` (`cases="by"`).
    """
    method = "difference of cumulative/dynamic AUC by IPCW, paired influence functions"
    a = auc_with_influence(target, score_a, horizon_days, weights=weights, cases=cases)
    b = auc_with_influence(target, score_b, horizon_days, weights=weights, cases=cases)
    if a is None or b is None:
        reason = auc_reason(target, horizon_days, cases)
        return PairedComparison(
            difference=not_estimable(target, reason, method=method, horizon_days=horizon_days)
        )
    covariance = np.cov(np.stack([a[1], b[1]])) / target.n
    return _wald_comparison(target, a[0] - b[0], covariance, method, horizon_days, level)


def compare_brier(
    target: SurvivalTarget,
    survival_a: FloatArray,
    survival_b: FloatArray,
    horizon_days: float,
    *,
    level: float = 0.95,
) -> PairedComparison:
    """Brier score of prediction a minus that of b at a horizon, both (n,) survival.

    As the contrasts of `riskRegression::Score`; below 0, a is better.
    """
    method = "difference of Brier scores by IPCW, paired influence functions"
    a = brier_with_influence(target, survival_a, horizon_days)
    b = brier_with_influence(target, survival_b, horizon_days)
    if a is None or b is None:
        reason = brier_reason(target, horizon_days)
        return PairedComparison(
            difference=not_estimable(target, reason, method=method, horizon_days=horizon_days)
        )
    covariance = np.cov(np.stack([a[1], b[1]])) / target.n
    return _wald_comparison(target, a[0] - b[0], covariance, method, horizon_days, level)


def _wald_comparison(
    target: SurvivalTarget,
    value: float,
    covariance: NDArray[Any],
    method: str,
    horizon_days: float | None,
    level: float,
) -> PairedComparison:
    difference = wald_estimate(
        target,
        value,
        _std_error(covariance),
        method=method,
        level=level,
        horizon_days=horizon_days,
        bounds=(-1.0, 1.0),
    )
    return PairedComparison.of(difference, covariance)


def _std_error(covariance: NDArray[Any]) -> float:
    contrast = np.array([1.0, -1.0])
    return float(np.sqrt(max(contrast @ covariance @ contrast, 0.0)))
