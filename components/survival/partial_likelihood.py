"""The Cox log partial likelihood with its gradient and information, Efron or Breslow ties.

Own code because no library gives Efron ties, strata and a ridge penalty in one, nor a likelihood
at given coefficients, which the cross-validation of a penalty needs.

With r_i = exp(lp_i), the death l of m tied ones weighs the tied with 1 - l/m (Efron 1977,
doi:10.1080/01621459.1977.10480613); H_i is the patient's sum of 1/S0 over the deaths in its time at
risk, so the gradient is sum_i x_i (D_i - r_i H_i) and the information
sum_i r_i H_i x_i x_i' - sum_l m_l m_l', m_l the weighted mean of x at death l: no p x p sums over
risk sets are needed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from components.survival.risk_sets import RiskSets, Ties, risk_sets
from components.survival.target import FloatArray, IntArray, SurvivalTarget


@dataclass(frozen=True, eq=False)
class Likelihood:
    """Log partial likelihood at some coefficients: its `gradient` (p,), `information` (p, p)."""

    value: float
    gradient: FloatArray
    information: FloatArray


def likelihood(x: FloatArray, coefficients: FloatArray, sets: Sequence[RiskSets]) -> Likelihood:
    """The log partial likelihood of a design matrix (n, p), summed over the strata."""
    value, p = 0.0, x.shape[1]
    gradient, information = np.zeros(p), np.zeros((p, p))
    for group in sets:
        rows = x[group.order]
        lp = rows @ coefficients
        # The largest linear predictor cancels in the likelihood; without it exp could overflow.
        risk = np.exp(lp - lp.max())
        s0 = group.at_deaths(risk)
        means = group.at_deaths(risk[:, None] * rows) / s0[:, None]
        expected = risk * group.until(1.0 / s0)
        value += float(np.sum(lp[group.is_death] - lp.max()) - np.sum(np.log(s0)))
        gradient += rows.T @ (group.is_death - expected)
        information += (rows * expected[:, None]).T @ rows - means.T @ means
    return Likelihood(value, gradient, information)


def log_likelihood(
    linear_predictor: FloatArray,
    target: SurvivalTarget,
    *,
    strata: IntArray | None = None,
    ties: Ties = "efron",
) -> FloatArray:
    """Log partial likelihood of given linear predictors, (n,) or one per column of (n, k): (k,)."""
    lp = linear_predictor.reshape(target.n, -1)
    total = np.zeros(lp.shape[1])
    for group in risk_sets(target, strata=strata, ties=ties):
        rows = lp[group.order]
        largest = rows.max(axis=0)
        s0 = group.at_deaths(np.exp(rows - largest))
        total += (rows[group.is_death] - largest).sum(axis=0) - np.log(s0).sum(axis=0)
    return total


def baseline_hazard(
    linear_predictor: FloatArray, target: SurvivalTarget, *, ties: Ties = "efron"
) -> tuple[FloatArray, FloatArray]:
    """Distinct death times and the cumulative hazard there of a patient with linear predictor 0.

    The estimate goes with the ties: Efron's for an Efron fit, as R's `survfit.coxph`, where
    lifelines and scikit-survival take Breslow's for both.
    """
    (group,) = risk_sets(target, strata=None, ties=ties)
    increments = 1.0 / group.at_deaths(np.exp(linear_predictor[group.order]))
    times = group.death_times[group.tie_start]
    return times, np.cumsum(np.add.reduceat(increments, group.tie_start))


def martingale_residuals(
    linear_predictor: FloatArray,
    target: SurvivalTarget,
    *,
    strata: IntArray | None = None,
    ties: Ties = "efron",
) -> FloatArray:
    """Death minus expected deaths (n,); X' times it is the gradient of the log likelihood."""
    residuals = np.zeros(target.n)
    for group in risk_sets(target, strata=strata, ties=ties):
        lp = linear_predictor[group.order]
        risk = np.exp(lp - lp.max())
        expected = risk * group.until(1.0 / group.at_deaths(risk))
        residuals[group.order] = group.is_death - expected
    return residuals
