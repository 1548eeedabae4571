"""The axes of a nomogram: predictors, survival and median."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from components.errors import FitFailed
from components.nomogram.pretty import pretty
from components.study.protocol import NomogramSection
from components.study.results import Record
from components.survival.cox import CoxModel
from components.survival.design import Predictor, design_matrix

DAYS_PER_MONTH = 365 / 12

_AXIS_INTERVALS = 10  # rms::nomogram's `nint`
_RANGE_INTERVALS = 5
_PROBABILITIES = (0.99, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0.01)
_MEDIAN_MONTHS = (1, 2, 3, 6, 9, 12, 18, 24, 30, 36, 48, 60, 72, 84, 96, 108, 120, 180, 240)
_FEWEST_TICKS = 4


class NomogramAxis(Record):
    """One predictor's axis: its values or levels, and the points that each is worth.

    `minimum_effect` is the smallest contribution to the uncentred linear predictor on the axis;
    it is worth 0 points.
    """

    predictor: Predictor
    ticks: tuple[float | str, ...]
    points: tuple[float, ...]
    minimum_effect: float


class SurvivalTick(Record):
    """The total points at which survival at a horizon is `probability`."""

    probability: float
    total_points: float


class MedianTick(Record):
    """The total points from which on the median survival is at most `time_days`."""

    time_days: float
    total_points: float


class MedianAxis(Record):
    """Median survival against total points.

    Below `not_reached_below` points the predicted curve stays above one half as long as patients
    were followed: the median is "not reached" and no time is written there.
    """

    ticks: tuple[MedianTick, ...]
    not_reached_below: float


def predictor_axes(
    model: CoxModel, section: NomogramSection
) -> tuple[tuple[NomogramAxis, ...], float]:
    """The predictors' axes and the points per unit of the linear predictor.

    The predictor with the longest axis spans 0 to `maximum_points`; the others share its scale,
    as in `rms::nomogram` (Harrell, Regression Modeling Strategies, 2nd ed., section 5.3). A spline
    that rises and falls folds its axis back: two values share a place, and both ticks stand there.

    Raises:
        FitFailed: The model has no predictor, or none has an effect.
    """
    coefficients = dict(zip(model.columns, model.coefficients, strict=True))
    ticks = [_ticks(predictor, section) for predictor in model.predictors]
    effects = [
        _effects(predictor, values, coefficients)
        for predictor, values in zip(model.predictors, ticks, strict=True)
    ]
    longest = max((max(effect) - min(effect) for effect in effects), default=0.0)
    if longest <= 0:
        msg = "no predictor of the model has an effect: there is no nomogram to draw"
        raise FitFailed(msg)
    scale = section.maximum_points / longest
    axes = tuple(
        NomogramAxis(
            predictor=predictor,
            ticks=values,
            points=tuple(scale * (effect - min(along)) for effect in along),
            minimum_effect=min(along),
        )
        for predictor, values, along in zip(model.predictors, ticks, effects, strict=True)
    )
    return axes, scale


def _ticks(predictor: Predictor, section: NomogramSection) -> tuple[float | str, ...]:
    if predictor.kind == "categorical":
        return predictor.levels
    if predictor.lower is None or predictor.upper is None:
        msg = f"predictor '{predictor.name}' has no range: its axis cannot be drawn"
        raise FitFailed(msg)
    if section.axes == "pretty":
        return pretty(predictor.lower, predictor.upper, _AXIS_INTERVALS)
    along = np.linspace(predictor.lower, predictor.upper, _RANGE_INTERVALS + 1)
    return tuple(float(value) for value in along)


def _effects(
    predictor: Predictor, ticks: Sequence[float | str], coefficients: dict[str, float]
) -> list[float]:
    """What each tick adds to the uncentred linear predictor."""
    own = np.array([coefficients[column] for column in predictor.columns])
    along = design_matrix(pd.DataFrame({predictor.name: ticks}), [predictor]) @ own
    return [float(effect) for effect in along]


def survival_ticks(
    *, baseline_survival: float, lp_range: tuple[float, float]
) -> tuple[tuple[float, float], ...]:
    """Round survival probabilities that lie on the axis, each with its linear predictor.

    Args:
        baseline_survival: S0 at the horizon, strictly between 0 and 1.
        lp_range: Linear predictor at the ends of the total points axis.
    """
    highest, lowest = (baseline_survival ** math.exp(lp) for lp in lp_range)
    inside = [p for p in _PROBABILITIES if lowest <= p <= highest]
    if len(inside) < _FEWEST_TICKS:
        finer = pretty(lowest, highest, _RANGE_INTERVALS)
        inside = [p for p in reversed(finer) if lowest <= p <= highest and 0 < p < 1]
    return tuple((p, math.log(math.log(p) / math.log(baseline_survival))) for p in inside)


def median_ticks(
    model: CoxModel, *, lp_range: tuple[float, float]
) -> tuple[tuple[tuple[float, float], ...], float]:
    """Round median times on the axis, each with its linear predictor; the lp that reaches any.

    A time gets a tick only where the baseline hazard was observed: nothing is extrapolated.
    """
    times = np.asarray(model.baseline.times_days)
    hazard = np.asarray(model.baseline.cumulative_hazard)
    ticks: list[tuple[float, float]] = []
    for months in _MEDIAN_MONTHS:
        seen = hazard[times <= months * DAYS_PER_MONTH]
        if not seen.size or seen[-1] <= 0 or months * DAYS_PER_MONTH > model.follow_up_days:
            continue
        lp = math.log(math.log(2) / seen[-1])
        is_new = not ticks or lp < ticks[-1][1]
        if is_new and lp_range[0] <= lp <= lp_range[1]:
            ticks.append((months * DAYS_PER_MONTH, lp))
    return tuple(ticks), math.log(math.log(2) / hazard[-1])
