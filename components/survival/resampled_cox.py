"""A Cox model of few columns refitted to many resamples at once, for bootstrap intervals.

A resample is how often each patient was drawn, so all resamples share the order of the follow-up
times and one pass of sums serves them all: 200 refits of two columns take some ten milliseconds,
where a loop over `fit_cox` takes half a second. Ties are Breslow's, since drawing a patient twice
makes ties in every resample.
"""

from dataclasses import dataclass

import numpy as np

from components.survival.risk_sets import RiskSets, risk_sets
from components.survival.target import BoolArray, FloatArray, IntArray, SurvivalTarget

_ITERATIONS = 12
_DECREMENT = 1e-9


@dataclass(frozen=True, eq=False)
class ResampledCox:
    """Cox models of b resamples.

    Attributes:
        coefficients: (b, p).
        cumulative_hazard: (b,) at the horizon, of a patient whose columns are all 0.
        is_fitted: (b,) whether the estimate exists; the other rows mean nothing.
    """

    coefficients: FloatArray
    cumulative_hazard: FloatArray
    is_fitted: BoolArray

    def risk(self, x: FloatArray) -> FloatArray:
        """Risks (m, b) of death by the horizon of patients with columns `x` (m, p)."""
        with np.errstate(over="ignore", invalid="ignore"):
            hazard = np.exp(x @ self.coefficients.T) * self.cumulative_hazard
        return np.asarray(1.0 - np.exp(-hazard))


def draw_resamples(n: int, *, n_resamples: int, rng: np.random.Generator) -> IntArray:
    """Rows (n_resamples, n) of each resample, drawn with replacement."""
    return rng.integers(0, n, size=(n_resamples, n))


def refit_resampled(
    x: FloatArray,
    target: SurvivalTarget,
    rows: IntArray,
    *,
    start: FloatArray,
    horizon_days: float,
) -> ResampledCox:
    """The Cox model of columns `x` (n, p) in each resample of patients.

    Args:
        x: Design matrix, centered and of unit scale, so that `exp` stays finite.
        target: Follow-up of the n patients.
        rows: (b, n) of `draw_resamples`.
        start: (p,) coefficients to begin from: those of all patients.
        horizon_days: Where the baseline is wanted.
    """
    (group,) = risk_sets(target, strata=None, ties="breslow")
    n_resamples = rows.shape[0]
    drawn = np.zeros((target.n, n_resamples))
    np.add.at(drawn, (rows.T, np.arange(n_resamples)), 1.0)
    ordered, drawn = x[group.order], drawn[group.order]
    coefficients = np.tile(start, (n_resamples, 1))
    decrement = np.full(n_resamples, np.inf)
    with np.errstate(all="ignore"):
        for _ in range(_ITERATIONS):
            step, decrement = _newton_step(ordered, drawn, group, coefficients)
            coefficients = coefficients + step
            if np.all(~(decrement > _DECREMENT)):
                break
        s0, deaths = _sums(ordered, drawn, group, coefficients)
        before = group.death_times <= horizon_days
        hazard = (deaths / s0)[before].sum(axis=0)
    finite = np.isfinite(coefficients).all(axis=1) & np.isfinite(hazard)
    return ResampledCox(coefficients, hazard, finite & (decrement <= _DECREMENT) & (hazard > 0))


def _sums(
    x: FloatArray, drawn: FloatArray, group: RiskSets, coefficients: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """At each death the summed risk of who is at risk, and how often the dying were drawn (d, b).

    Where nobody who was drawn is at risk the sum is 1: nobody who was drawn dies there.
    """
    s0 = group.at_deaths(drawn * np.exp(x @ coefficients.T))
    return np.where(s0 > 0, s0, 1.0), drawn[group.is_death]


def _newton_step(
    x: FloatArray, drawn: FloatArray, group: RiskSets, coefficients: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """The Newton steps (b, p) and their decrements (b,), NaN where the information is singular."""
    risk = drawn * np.exp(x @ coefficients.T)
    s0, deaths = _sums(x, drawn, group, coefficients)
    expected = risk * group.until(deaths / s0)
    gradient = (group.is_death[:, None] * drawn - expected).T @ x
    means = [group.at_deaths(risk * column[:, None]) / s0 for column in x.T]
    p = x.shape[1]
    information = np.empty((drawn.shape[1], p, p))
    for j in range(p):
        for k in range(j + 1):
            entry = (x[:, j] * x[:, k]) @ expected - np.sum(deaths * means[j] * means[k], axis=0)
            information[:, j, k] = information[:, k, j] = entry
    usable = np.linalg.det(information) > 0
    step = np.full_like(gradient, np.nan)
    step[usable] = np.linalg.solve(information[usable], gradient[usable][..., None])[..., 0]
    return step, np.sum(step * gradient, axis=1)
