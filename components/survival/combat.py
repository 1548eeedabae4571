"""ComBat: the location and scale of batches, such as scanners, brought to one.

Johnson, Li and Rabinovic 2007, doi:10.1093/biostatistics/kxj037: after standardisation each batch
shifts and stretches every feature; both are shrunk over the batch's features by empirical Bayes
(section 3.2, parametric priors). Own code because what exists harmonises all data at once: here it
is fitted to training patients and applied to others.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.errors import FitFailed
from components.survival.target import BoolArray, FloatArray

MINIMUM_BATCH = 3
"""Patients; a variance of fewer is no estimate."""

_TOLERANCE = 1e-8
_MOST_STEPS = 1000


@dataclass(frozen=True, eq=False)
class Combat:
    """What was learnt of the batches.

    `shift` and `scale` (n_batches, p) are the shrunk location and scale in standard deviations,
    `center` (p,) and `slopes` (q, p) the mean and the covariates' effects, which stay, `spread`
    (p,) the pooled standard deviation, 0 where a feature does not vary and is left alone.
    """

    batches: tuple[str, ...]
    center: FloatArray
    slopes: FloatArray
    spread: FloatArray
    shift: FloatArray
    scale: FloatArray

    def knows(self, batches: NDArray[np.str_]) -> BoolArray:
        """Which of n patients (n,) are of a batch that was learnt."""
        return np.asarray(np.isin(batches, self.batches))

    def apply(
        self, values: FloatArray, batches: NDArray[np.str_], covariates: FloatArray
    ) -> FloatArray:
        """The values (n, p) without their batch's shift and stretch.

        A patient of a batch that was not learnt is left as he is; `knows` tells who that is.

        Args:
            values: (n, p) features.
            batches: (n,) batch of each patient.
            covariates: (n, q) what is to stay in the features, as in `fit_combat`.
        """
        adjusted = values.copy()
        varies = self.spread > 0
        mean = (self.center + covariates @ self.slopes)[:, varies]
        spread = self.spread[varies]
        for number, batch in enumerate(self.batches):
            rows = batches == batch
            z = (values[np.ix_(rows, varies)] - mean[rows]) / spread
            z = (z - self.shift[number, varies]) / self.scale[number, varies]
            adjusted[np.ix_(rows, varies)] = z * spread + mean[rows]
        return adjusted


def fit_combat(
    values: FloatArray, batches: NDArray[np.str_], covariates: FloatArray | None = None
) -> Combat:
    """ComBat of n patients.

    Batches of fewer than three patients are not learnt; their patients have no part in the fit.

    Args:
        values: (n, p) finite features.
        batches: (n,) batch of each patient.
        covariates: (n, q) known effects that are to stay in the features, the arm for example.

    Raises:
        FitFailed: Fewer than two batches are large enough, or a batch and a covariate are one.
    """
    names, counts = np.unique(batches, return_counts=True)
    known = names[counts >= MINIMUM_BATCH]
    if known.size < 2:
        msg = (
            f"ComBat: expected at least two batches of {MINIMUM_BATCH} patients or more, came "
            f"{known.size}"
        )
        raise FitFailed(msg)
    if covariates is None:
        covariates = np.zeros((len(values), 0))
    rows = np.isin(batches, known)
    values, batches, covariates = values[rows], batches[rows], covariates[rows]
    member = (batches[:, None] == known).astype(np.float64)
    design = np.hstack([member, covariates])
    if np.linalg.matrix_rank(design) < design.shape[1]:
        msg = "ComBat: a covariate is the same as belonging to a batch; their effects are one"
        raise FitFailed(msg)
    effects = np.linalg.lstsq(design, values, rcond=None)[0]
    center = member.mean(axis=0) @ effects[: known.size]
    slopes = effects[known.size :]
    spread = np.sqrt(np.mean((values - design @ effects) ** 2, axis=0))
    spread = np.where(spread > 1e-10 * np.abs(values).max(axis=0), spread, 0.0)
    z = (values - center - covariates @ slopes) / np.where(spread > 0, spread, 1.0)
    shift, scale = np.zeros((known.size, values.shape[1])), np.ones((known.size, values.shape[1]))
    varies = spread > 0
    for number, batch in enumerate(known):
        part = _shrunk(z[np.ix_(batches == batch, varies)])
        shift[number, varies], scale[number, varies] = part[0], np.sqrt(part[1])
    return Combat(tuple(map(str, known)), center, slopes, spread, shift, scale)


def _shrunk(z: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Location and variance (p,) of a batch's standardised features (n, p), shrunk over them."""
    n, p = z.shape
    location, variance = z.mean(axis=0), z.var(axis=0, ddof=1)
    if p < 2 or np.ptp(location) == 0 or np.ptp(variance) == 0:
        return location, np.where(variance > 0, variance, 1.0)
    middle, tau = location.mean(), location.var(ddof=1)
    mean, spread = variance.mean(), variance.var(ddof=1)
    lam, theta = (mean**2 + 2 * spread) / spread, (mean**3 + mean * spread) / spread
    gamma, delta = location, variance
    for _ in range(_MOST_STEPS):
        new_gamma = (n * tau * location + delta * middle) / (n * tau + delta)
        squares = ((z - new_gamma) ** 2).sum(axis=0)
        new_delta = (theta + 0.5 * squares) / (n / 2 + lam - 1)
        moved = max(
            float(np.max(np.abs(new_gamma - gamma) / np.maximum(np.abs(gamma), 1e-12))),
            float(np.max(np.abs(new_delta - delta) / np.maximum(delta, 1e-12))),
        )
        gamma, delta = new_gamma, new_delta
        if moved < _TOLERANCE:
            return gamma, delta
    msg = "ComBat: the batches' location and scale do not settle; harmonise by larger batches"
    raise FitFailed(msg)
