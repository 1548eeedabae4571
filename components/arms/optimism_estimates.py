"""From the figures of the resamples to corrected figures with their intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from components.arms.optimism_figures import C_OF_NOTHING, Key
from components.arms.optimism_records import CorrectedFigure
from components.study.results import Estimate
from components.survival.target import FloatArray

_BOUNDS = {"c_": (0.0, 1.0), "br": (0.0, 1.0), "ca": (-np.inf, np.inf)}
_LEAST_SHARE = 0.5
_BASIC = "basic bootstrap interval of the optimism"
# Efron and Tibshirani's weight of the patients left out where nothing is overfitted.
_LEFT_OUT = 0.632


@dataclass(frozen=True, eq=False)
class Resampled:
    """A figure over the resamples, each (n_resamples,), NaN where a resample gave none."""

    resample: FloatArray
    original: FloatArray
    left_out: FloatArray


def corrected_figure(
    key: Key,
    apparent: float | None,
    resampled: Resampled,
    *,
    n: int,
    n_events: int,
    level: float,
    horizon_days: float | None,
) -> CorrectedFigure:
    """The figure of one model, corrected; not estimable where half of the resamples lack it.

    By how much a figure in the patients fitted on misses the same model's figure elsewhere is seen
    in each resample, where the patients stand for elsewhere. The percentiles of this, about their
    mean, give the interval (the basic bootstrap of Davison and Hinkley 1997, section 5.2). Shifting
    the percentiles of the resamples' own figures (Noma et al. 2021, doi:10.1002/sim.9148) gives
    none of a calibration slope, which in its own patients is always 1 without a penalty.

    Args:
        key: Arm, model, estimator.
        apparent: Of the run's own model in the patients that it was fitted on.
        resampled: The same figure of the resamples' models.
        n: Patients of the arm.
        n_events: Deaths among them.
        level: Confidence level.
        horizon_days: The figure's horizon or tau.
    """
    arm, kind, estimator = key
    paired = np.isfinite(resampled.resample) & np.isfinite(resampled.original)
    n_resamples, n_asked = int(paired.sum()), paired.size
    misses = (resampled.resample - resampled.original)[paired]

    def estimate(value: float | None, method: str, why: str, spread: FloatArray) -> Estimate:
        if value is None:
            return Estimate.not_estimable(
                why, n=n, n_events=n_events, method=method, horizon_days=horizon_days
            )
        lower, upper = _interval(value, spread, level=level, bounds=_BOUNDS[estimator[:2]])
        return Estimate(
            value=value,
            lower=lower,
            upper=upper,
            level=level,
            n=n,
            n_events=n_events,
            method=method,
            horizon_days=horizon_days,
        )

    none = np.empty(0)
    enough = n_resamples > max(1, _LEAST_SHARE * n_asked)
    why = f"{n_resamples} of {n_asked} resamples gave this figure, more than half are needed"
    if apparent is None:
        why = "the model has no such figure in its own patients"
    optimism = float(np.mean(misses)) if enough else None
    corrected = None if optimism is None or apparent is None else apparent - optimism
    plus = None
    if estimator.startswith("c_"):
        value = None if apparent is None or not enough else plus_632(apparent, resampled.left_out)
        plus = estimate(value, f".632+ bootstrap, {_BASIC}", why, misses)
    return CorrectedFigure(
        arm=arm,
        kind=kind,
        estimator=estimator,
        apparent=estimate(apparent, "in the patients fitted on", why, none),
        optimism=estimate(optimism, f"mean over {n_resamples} resamples", why, none),
        corrected=estimate(corrected, f"optimism-corrected bootstrap, {_BASIC}", why, misses),
        plus_632=plus,
        n_resamples=n_resamples,
    )


def plus_632(apparent: float, left_out: FloatArray) -> float | None:
    """The .632+ estimate of a C, whose value without information is 0.5.

    Of the mean C of the patients left out, not below 0.5, and the apparent one; the relative
    overfitting (apparent - left out) / (apparent - 0.5) moves the weight of the former from 0.632
    to 1. Efron and Tibshirani 1997, equations 29 and 30, with 1 - C as the error.

    Args:
        apparent: C in the patients fitted on.
        left_out: (n_resamples,) C in the patients that each resample left out, NaN for none.
    """
    known = left_out[np.isfinite(left_out)]
    if not known.size:
        return None
    mean = max(float(known.mean()), C_OF_NOTHING)
    gap = apparent - C_OF_NOTHING
    overfitting = min((apparent - mean) / gap, 1.0) if gap > 0 and apparent > mean else 0.0
    weight = _LEFT_OUT / (1.0 - (1.0 - _LEFT_OUT) * overfitting)
    return (1.0 - weight) * apparent + weight * mean


def _interval(
    value: float, misses: FloatArray, *, level: float, bounds: tuple[float, float]
) -> tuple[float | None, float | None]:
    """A value minus the percentiles of the misses about their mean; none of fewer than two."""
    if misses.size < 2:
        return None, None
    tails = np.quantile(misses - misses.mean(), [(1 + level) / 2, (1 - level) / 2])
    lower, upper = np.clip(value - tails, *bounds)
    return float(lower), float(upper)


def as_array(values: Sequence[float | None]) -> FloatArray:
    """The values (n,) with NaN for none."""
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
