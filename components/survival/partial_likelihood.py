"""The Cox log partial likelihood with its gradient and information, and what follows from it.

Own code because no library gives Efron ties, strata, case weights and a ridge penalty in one, nor a
likelihood at given coefficients, which the cross-validation of a penalty needs.

With r_i = w_i exp(lp_i), the death l of m tied ones weighs the tied with 1 - l/m (Efron 1977,
doi:10.1080/01621459.1977.10480613) and counts with the mean case weight of the tied.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from components.survival.exact_ties import add_exact_likelihood
from components.survival.likelihood_kernel import add_likelihood
from components.survival.risk_sets import RiskSets, SortedStrata, Ties, risk_sets
from components.survival.target import FloatArray, IntArray, SurvivalTarget


@dataclass(frozen=True, eq=False)
class Likelihood:
    """Log partial likelihood at some coefficients: its `gradient` (p,), `information` (p, p)."""

    value: float
    gradient: FloatArray
    information: FloatArray


def likelihood(x: FloatArray, coefficients: FloatArray, sets: Sequence[RiskSets]) -> Likelihood:
    """The log partial likelihood of a design matrix (n, p), Efron or Breslow as the risk sets."""
    ties: Ties = "efron" if any(group.fraction.any() for group in sets) else "breslow"
    sample = SortedStrata.of(sets)
    return sorted_likelihood(x[sample.order], coefficients, sample, ties=ties)


def sorted_likelihood(
    x: FloatArray, coefficients: FloatArray, sample: SortedStrata, *, ties: Ties
) -> Likelihood:
    """The log partial likelihood of a design matrix (n, p) whose rows are sorted as `sample`."""
    p = x.shape[1]
    gradient, information = np.zeros(p), np.zeros((p, p))
    lp = sample.shifted(x @ coefficients)
    if ties == "exact":
        value = add_exact_likelihood(
            x, lp, sample.first, sample.n_tied, sample.end, gradient, information
        )
    else:
        value = add_likelihood(
            x,
            lp,
            sample.weight,
            sample.first,
            sample.n_tied,
            sample.n_tied if ties == "efron" else np.ones_like(sample.n_tied),
            sample.end,
            gradient,
            information,
        )
    return Likelihood(value=value, gradient=gradient, information=information)


def log_likelihood(
    linear_predictors: FloatArray,
    target: SurvivalTarget,
    *,
    strata: IntArray | None = None,
    ties: Ties = "efron",
    weights: FloatArray | None = None,
) -> FloatArray:
    """The log partial likelihood (m,) of m linear predictors (n, m) or (n,), Efron or Breslow."""
    lp = linear_predictors.reshape(target.n, -1)
    total = np.zeros(lp.shape[1])
    for group in risk_sets(target, strata=strata, ties=ties, weights=weights):
        rows = lp[group.order]
        largest = rows.max(axis=0)
        s0 = group.at_deaths(group.weight[:, None] * np.exp(rows - largest))
        total += group.weight[group.is_death] @ (rows[group.is_death] - largest)
        total -= group.death_weight @ np.log(s0)
    return total


def baseline_hazard(
    linear_predictor: FloatArray,
    target: SurvivalTarget,
    *,
    ties: Ties = "efron",
    weights: FloatArray | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Distinct death times and the cumulative hazard there of a patient with linear predictor 0.

    The estimate goes with the ties: Efron's for an Efron fit, as R's `survfit.coxph`, where
    lifelines and scikit-survival take Breslow's for both.
    """
    (group,) = risk_sets(target, strata=None, ties=ties, weights=weights)
    _, increments = group.hazard_increments(linear_predictor)
    times = group.death_times[group.tie_start]
    return times, np.cumsum(np.add.reduceat(increments, group.tie_start))


def martingale_residuals(
    linear_predictor: FloatArray,
    target: SurvivalTarget,
    *,
    strata: IntArray | None = None,
    ties: Ties = "efron",
    weights: FloatArray | None = None,
) -> FloatArray:
    """Death minus expected deaths (n,); X' times w times it is the log likelihood's gradient.

    In a stratum without deaths they are 0; a patient of weight 0 has none (NaN).
    """
    residuals = np.zeros(target.n)
    if weights is not None:
        residuals[weights == 0] = np.nan
    for group in risk_sets(target, strata=strata, ties=ties, weights=weights):
        shifted = linear_predictor - linear_predictor[group.order].max()
        risk, increments = group.hazard_increments(shifted)
        residuals[group.order] = group.is_death - risk * group.until(increments)
    return residuals
