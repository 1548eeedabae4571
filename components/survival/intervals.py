"""Estimates with Wald and Wilson intervals."""

import numpy as np
from scipy.special import ndtri, stdtrit

from components.study.results import Estimate
from components.survival.target import FloatArray, SurvivalTarget


def not_estimable(
    target: SurvivalTarget, reason: str, *, method: str, horizon_days: float | None = None
) -> Estimate:
    """The record of a figure that these patients cannot give."""
    return Estimate.not_estimable(
        reason, n=target.n, n_events=target.n_events, method=method, horizon_days=horizon_days
    )


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


def exponential(estimate: Estimate, *, method: str | None = None) -> Estimate:
    """An estimate and its limits, made on the log scale, as ratios."""
    parts = {"value": estimate.value, "lower": estimate.lower, "upper": estimate.upper}
    ratios = {name: None if part is None else float(np.exp(part)) for name, part in parts.items()}
    return estimate.model_copy(update={**ratios, "method": method or estimate.method})


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


def repeated_cv_estimate(
    target: SurvivalTarget,
    values: FloatArray,
    *,
    n_folds: int,
    method: str,
    level: float,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Estimate:
    """The mean of a figure over the folds (m,) of repeated cross-validation, and its interval.

    Folds share their patients: the SD over folds by the root of m takes them for independent and
    is much too small. The variance of the mean is (1/m + n_test/n_train) s^2, s^2 the variance
    over the folds and n_test/n_train = 1/(n_folds - 1); Student's t with m - 1 degrees of freedom
    (Nadeau and Bengio 2003, doi:10.1023/A:1024068626366; for repeated cross-validation Bouckaert
    and Frank 2004, doi:10.1007/978-3-540-24775-3_3).
    """
    m = values.size
    if m < 2:
        reason = f"{m} of the folds gave a figure, at least 2 are needed"
        return not_estimable(target, reason, method=method)
    mean, inflation = float(values.mean()), 1.0 / m + 1.0 / (n_folds - 1)
    half = float(stdtrit(m - 1, (1 + level) / 2) * values.std(ddof=1) * np.sqrt(inflation))
    return Estimate(
        value=mean,
        lower=max(mean - half, bounds[0]),
        upper=min(mean + half, bounds[1]),
        level=level,
        n=target.n,
        n_events=target.n_events,
        method=method,
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
