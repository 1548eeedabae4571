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

    @property
    def misses(self) -> FloatArray:
        """By how much the resample's own figure misses that in all patients, where both exist."""
        differences = self.resample - self.original
        return differences[np.isfinite(differences)]


@dataclass(frozen=True)
class Sample:
    """Whom a figure is of: patients and deaths of the arm, confidence level, horizon or tau."""

    n: int
    n_events: int
    level: float
    horizon_days: float | None

    def estimate(
        self,
        value: float | None,
        method: str,
        *,
        why: str,
        limits: tuple[float | None, float | None] = (None, None),
    ) -> Estimate:
        """The figure, or the record of why there is none."""
        return Estimate(
            value=value,
            lower=None if value is None else limits[0],
            upper=None if value is None else limits[1],
            level=self.level,
            n=self.n,
            n_events=self.n_events,
            method=method,
            horizon_days=self.horizon_days,
            note=why if value is None else None,
        )


def corrected_figure(
    key: Key, apparent: float | None, resampled: Resampled, sample: Sample
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
        sample: Whom it is of.
    """
    arm, kind, estimator = key
    misses, n_asked = resampled.misses, resampled.resample.size
    is_enough = misses.size > max(1, _LEAST_SHARE * n_asked)
    optimism = float(misses.mean()) if is_enough else None
    corrected = plus = None
    if optimism is not None and apparent is not None:
        corrected, plus = apparent - optimism, plus_632(apparent, resampled.left_out)
    why = (
        "the model has no such figure in its own patients"
        if apparent is None
        else f"{misses.size} of {n_asked} resamples gave this figure, more than half are needed"
    )

    def bounded(value: float | None, method: str) -> Estimate:
        limits = _interval(value, misses, level=sample.level, bounds=_BOUNDS[estimator[:2]])
        return sample.estimate(value, f"{method}, {_BASIC}", why=why, limits=limits)

    return CorrectedFigure(
        arm=arm,
        kind=kind,
        estimator=estimator,
        apparent=sample.estimate(apparent, "in the patients fitted on", why=why),
        optimism=sample.estimate(optimism, f"mean over {misses.size} resamples", why=why),
        corrected=bounded(corrected, "optimism-corrected bootstrap"),
        plus_632=bounded(plus, ".632+ bootstrap") if estimator.startswith("c_") else None,
        n_resamples=int(misses.size),
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
    value: float | None, misses: FloatArray, *, level: float, bounds: tuple[float, float]
) -> tuple[float | None, float | None]:
    """A value minus the percentiles of the misses about their mean; none of fewer than two."""
    if value is None or misses.size < 2:
        return None, None
    tails = np.quantile(misses - misses.mean(), [(1 + level) / 2, (1 - level) / 2])
    lower, upper = np.clip(value - tails, *bounds)
    return float(lower), float(upper)


def as_array(values: Sequence[float | None]) -> FloatArray:
    """The values (n,) with NaN for none."""
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
