"""Estimates with Wald and Wilson intervals."""

import numpy as np
from scipy.special import ndtri

from components.study.results import Estimate
from components.survival.target import FloatArray, SurvivalTarget


def wald_estimate(
    target: SurvivalTarget,
    value: float,
    std_error: float,
    *,
    method: str,
    level: float,
    horizon_days: float | None = None,
    bounds: tuple[float, float] = (-np.inf, np.inf),
) -> Estimate:
    """An estimate with a Wald interval cut off at what the figure can be."""
    half = float(ndtri((1 + level) / 2)) * std_error
    return Estimate(
        value=float(value),
        lower=max(float(value) - half, bounds[0]),
        upper=min(float(value) + half, bounds[1]),
        level=level,
        n=target.n,
        n_events=target.n_events,
        method=method,
        horizon_days=horizon_days,
    )


def influence_estimate(
    target: SurvivalTarget,
    value: float,
    influence: FloatArray,
    *,
    method: str,
    level: float,
    horizon_days: float | None = None,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Estimate:
    """A Wald estimate from the influence (n,) of each patient on a mean over patients."""
    std_error = float(np.std(influence, ddof=1) / np.sqrt(influence.size))
    return wald_estimate(
        target,
        value,
        std_error,
        method=method,
        level=level,
        horizon_days=horizon_days,
        bounds=bounds,
    )


def wilson_estimate(
    target: SurvivalTarget,
    hits: FloatArray,
    weights: FloatArray,
    *,
    method: str,
    level: float,
    horizon_days: float | None = None,
) -> Estimate:
    """A weighted share with Wilson's interval at the effective size (sum w)^2 / sum w^2.

    Unlike Wald's it stays inside 0 to 1 and has a width at shares of 0 and 1 (Kish's effective
    size; Wilson 1927, doi:10.1080/01621459.1927.10502953).
    """
    share = float(np.average(hits, weights=weights))
    size = float(weights.sum() ** 2 / np.sum(weights**2))
    z = float(ndtri((1 + level) / 2))
    center = (share + z**2 / (2 * size)) / (1 + z**2 / size)
    half = z / (1 + z**2 / size) * np.sqrt(share * (1 - share) / size + z**2 / (4 * size**2))
    return Estimate(
        value=share,
        lower=max(float(center - half), 0.0),
        upper=min(float(center + half), 1.0),
        level=level,
        n=target.n,
        n_events=target.n_events,
        method=method,
        horizon_days=horizon_days,
    )
