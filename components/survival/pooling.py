"""Rubin's rules: one answer from models fitted to several completed tables.

Rubin 1987, doi:10.1002/9780470316696; degrees of freedom of Barnard and Rubin 1999,
doi:10.1093/biomet/86.4.948; the pooled Wald test D1 of Li, Raghunathan and Rubin 1991,
doi:10.1080/01621459.1991.10475152. As R's `mice`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from components.errors import UsageError
from components.survival.cox import BaselineHazard, CoxModel
from components.survival.target import FloatArray

# mice's floor: with less, the degrees of freedom of Rubin's rule run to infinity.
_SMALLEST_LAMBDA = 1e-4


@dataclass(frozen=True, eq=False)
class Pooled:
    """Coefficients of p columns pooled over m completed tables.

    Attributes:
        m: Number of completed tables.
        coefficients: (p,) their mean.
        within: (p, p) mean of the covariances: what the complete data would leave uncertain.
        between: (p, p) covariance of the coefficients between the tables.
    """

    m: int
    coefficients: FloatArray
    within: FloatArray
    between: FloatArray

    @property
    def total(self) -> FloatArray:
        """The covariance (p, p) of the pooled coefficients: within + (1 + 1/m) between."""
        return self.within + (1 + 1 / self.m) * self.between

    @property
    def share_of_imputation(self) -> FloatArray:
        """Lambda (p,): the share of each variance that comes from the missing values."""
        return (1 + 1 / self.m) * np.diag(self.between) / np.diag(self.total)

    def degrees_of_freedom(self, complete: float = math.inf) -> FloatArray:
        """Of each coefficient (p,), where the complete data have `complete` of them."""
        share = np.maximum(self.share_of_imputation, _SMALLEST_LAMBDA)
        infinite = (self.m - 1) / share**2
        if math.isinf(complete):
            return infinite
        observed = (complete + 1) / (complete + 3) * complete * (1 - share)
        return np.asarray(infinite * observed / (infinite + observed))

    def missing_information(self, complete: float = math.inf) -> FloatArray:
        """Gamma (p,): the fraction of information on each coefficient that is missing."""
        increase = (1 + 1 / self.m) * np.diag(self.between) / np.diag(self.within)
        df = self.degrees_of_freedom(complete)
        return np.asarray((increase + 2 / (df + 3)) / (increase + 1))

    def relative_efficiency(self, complete: float = math.inf) -> FloatArray:
        """Of m tables against infinitely many (p,): 1 / (1 + gamma / m)."""
        return np.asarray(1 / (1 + self.missing_information(complete) / self.m))


def pool(coefficients: FloatArray, covariances: FloatArray) -> Pooled:
    """Rubin's rules for coefficients (m, p) and their covariances (m, p, p).

    Raises:
        UsageError: There are fewer than two tables.
    """
    m = coefficients.shape[0]
    if m < 2:
        msg = f"expected the models of at least 2 completed tables to pool, came {m}"
        raise UsageError(msg)
    centred = coefficients - coefficients.mean(axis=0)
    return Pooled(
        m=m,
        coefficients=coefficients.mean(axis=0),
        within=covariances.mean(axis=0),
        between=centred.T @ centred / (m - 1),
    )


def pool_fits(models: Sequence[CoxModel]) -> Pooled:
    """Rubin's rules for the coefficients of Cox models of the same predictors.

    Raises:
        UsageError: There are fewer than two models.
    """
    return pool(
        np.asarray([one.coefficients for one in models]),
        np.asarray([one.covariance for one in models]).reshape(
            len(models), len(models[0].columns), len(models[0].columns)
        ),
    )


def pool_models(models: Sequence[CoxModel]) -> CoxModel:
    """One model of several that were fitted to completed tables of the same patients.

    Coefficients and covariance by Rubin's rules, centres and likelihoods averaged. The baseline is
    averaged on the complementary log-log scale, log(-log S(t)), of a patient at the pooled centre
    (Marshall et al. 2009, doi:10.1186/1471-2288-9-57). A single model is returned as it is.
    """
    first = models[0]
    if len(models) == 1 or not first.columns:
        return first
    pooled = pool_fits(models)
    means = np.mean([one.means for one in models], axis=0)
    total = pooled.total
    return first.model_copy(
        update={
            "coefficients": tuple(pooled.coefficients.tolist()),
            "covariance": tuple(tuple(row) for row in total.tolist()),
            "standard_errors": tuple(np.sqrt(np.diag(total)).tolist()),
            "means": tuple(means.tolist()),
            "log_likelihood": float(np.mean([one.log_likelihood for one in models])),
            "log_likelihood_null": float(np.mean([one.log_likelihood_null for one in models])),
            "baseline": BaselineHazard(
                times_days=first.baseline.times_days,
                cumulative_hazard=tuple(_hazard_at(models, means).tolist()),
            ),
        }
    )


def _hazard_at(models: Sequence[CoxModel], means: FloatArray) -> FloatArray:
    """The cumulative hazard of a patient at `means`: log hazards averaged over the models."""
    log_hazards = [
        np.log(one.baseline.cumulative_hazard)
        + float((means - np.asarray(one.means)) @ np.asarray(one.coefficients))
        for one in models
    ]
    return np.asarray(np.exp(np.mean(log_hazards, axis=0)))


@dataclass(frozen=True)
class WaldTest:
    """A joint test that coefficients are 0; one table gives a chi-square, several an F statistic.

    `denominator` is None for the chi-square.
    """

    statistic: float
    degrees_of_freedom: int
    denominator: float | None
    p_value: float


def wald_test(coefficients: FloatArray, covariances: FloatArray) -> WaldTest:
    """The Wald test of k coefficients (m, k) with covariances (m, k, k), pooled where m > 1."""
    m, k = coefficients.shape
    mean, within = coefficients.mean(axis=0), covariances.mean(axis=0)
    chi_square = float(mean @ np.linalg.solve(within, mean))
    increase = 0.0
    if m > 1:
        between = pool(coefficients, covariances).between
        increase = (1 + 1 / m) * float(np.trace(np.linalg.solve(within, between))) / k
    if increase <= 0:
        return WaldTest(chi_square, k, None, float(stats.chi2.sf(chi_square, k)))
    statistic = chi_square / (k * (1 + increase))
    denominator = _denominator(k * (m - 1), k, increase)
    p_value = float(stats.f.sf(statistic, k, denominator))
    return WaldTest(statistic, k, denominator, p_value)


def _denominator(t: int, k: int, increase: float) -> float:
    """Degrees of freedom of the F statistic (Li, Raghunathan and Rubin 1991, equation 2.3)."""
    if t > 4:
        return 4 + (t - 4) * (1 + (1 - 2 / t) / increase) ** 2
    return t * (1 + 1 / k) * (1 + 1 / increase) ** 2 / 2
