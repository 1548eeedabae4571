"""Residuals of a Cox model: deviance, Schoenfeld, scaled Schoenfeld, score and dfbeta, as R's.

Formulas of Therneau and Grambsch 2000, Modeling Survival Data (doi:10.1007/978-1-4757-3294-8),
sections 4.2, 6.2 and 7.1; with Efron ties the l-th of m tied deaths has its own mean. Own code
because lifelines has them with its own ties and without strata, and scikit-survival has none.
"""

from dataclasses import dataclass

import numpy as np

from components.errors import UsageError
from components.survival.risk_sets import RiskSets, Ties, risk_sets
from components.survival.target import FloatArray, IntArray, SurvivalTarget

# Below this, relative to the largest linear predictor, exp underflows.
_LOWEST = -600.0


@dataclass(frozen=True, eq=False)
class SchoenfeldResiduals:
    """One row for each of d deaths, by stratum and time.

    Attributes:
        rows: (d,) rows of the sample.
        times_days: (d,) their times.
        residuals: (d, p) the patient's columns minus their mean over the risk set.
    """

    rows: IntArray
    times_days: FloatArray
    residuals: FloatArray

    def scaled(self, coefficients: FloatArray, covariance: FloatArray) -> FloatArray:
        """Grambsch and Therneau's scaled residuals (d, p): the coefficient over time, roughly."""
        return coefficients + self.rows.size * self.residuals @ covariance


def deviance_residuals(martingale: FloatArray, event: np.ndarray) -> FloatArray:
    """Martingale residuals (n,) made more nearly symmetric about 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        log = np.where(event, np.log(1.0 - martingale), 0.0)
    return np.asarray(np.sign(martingale) * np.sqrt(np.maximum(-2.0 * (martingale + log), 0.0)))


def schoenfeld_residuals(
    x: FloatArray,
    coefficients: FloatArray,
    target: SurvivalTarget,
    *,
    strata: IntArray | None = None,
    ties: Ties = "efron",
    weights: FloatArray | None = None,
) -> SchoenfeldResiduals:
    """The Schoenfeld residuals of a design matrix (n, p); tied deaths share their mean.

    Raises:
        UsageError: The ties are exact: these residuals are not defined.
    """
    _refuse_exact(ties)
    rows, times, parts = [], [], []
    for group in risk_sets(target, strata=strata, ties=ties, weights=weights):
        z = x[group.order]
        _, means = risk_set_means(z, z @ coefficients, group)
        died = group.order[group.is_death]
        rows.append(died)
        times.append(target.time_days[died])
        parts.append(z[group.is_death] - over_ties(means, group))
    return SchoenfeldResiduals(np.concatenate(rows), np.concatenate(times), np.concatenate(parts))


def score_residuals(
    x: FloatArray,
    coefficients: FloatArray,
    target: SurvivalTarget,
    *,
    strata: IntArray | None = None,
    ties: Ties = "efron",
    weights: FloatArray | None = None,
) -> FloatArray:
    """Each patient's part (n, p) of the score, unweighted; with weights they sum to the gradient.

    A patient of weight 0, or in a stratum without deaths, has 0.

    Raises:
        UsageError: The ties are exact: these residuals are not defined.
    """
    _refuse_exact(ties)
    residuals = np.zeros(x.shape)
    for group in risk_sets(target, strata=strata, ties=ties, weights=weights):
        z = x[group.order]
        lp = z @ coefficients
        increments, means = risk_set_means(z, lp, group)
        risk = np.exp(lp - lp.max())
        compensator = z * group.until(increments)[:, None] - group.until(
            increments[:, None] * means
        )
        part = -risk[:, None] * compensator
        part[group.is_death] += z[group.is_death] - over_ties(means, group)
        residuals[group.order] = part
    return residuals


def dfbeta(
    score: FloatArray, covariance: FloatArray, *, weights: FloatArray | None = None
) -> FloatArray:
    """How much each patient moves each coefficient (n, p), from score residuals (n, p).

    `covariance` is the model-based one; times its weight, as R, is a patient's whole influence.
    """
    influence = score @ covariance
    return influence if weights is None else weights[:, None] * influence


def risk_set_means(z: FloatArray, lp: FloatArray, group: RiskSets) -> tuple[FloatArray, FloatArray]:
    """Hazard increments (d,) per exp(lp - max lp) and means (d, p) of sorted columns at deaths."""
    risk = group.weight * np.exp(np.maximum(lp - lp.max(), _LOWEST))
    s0 = group.at_deaths(risk)
    return group.death_weight / s0, group.at_deaths(risk[:, None] * z) / s0[:, None]


def over_ties(values: FloatArray, group: RiskSets) -> FloatArray:
    """The mean (d, p) of the deaths' values over each group of equal times."""
    sums = np.add.reduceat(values, group.tie_start, axis=0)
    sizes = np.diff(np.append(group.tie_start, group.n_deaths))
    return np.asarray((sums / sizes[:, None])[group.tie])


def _refuse_exact(ties: Ties) -> None:
    if ties == "exact":
        msg = (
            "Schoenfeld, score and dfbeta residuals and the robust covariance are not defined for "
            "the exact likelihood; use Efron ties"
        )
        raise UsageError(msg)
