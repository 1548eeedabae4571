"""From a fitted Cox model to its nomogram, checked against the model."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from components.errors import IntegrityError, UsageError
from components.nomogram.axes import (
    MedianAxis,
    MedianTick,
    SurvivalTick,
    median_ticks,
    predictor_axes,
    survival_ticks,
)
from components.nomogram.nomogram import TOTAL_POINTS, Nomogram, ReadingError
from components.nomogram.pretty import pretty
from components.study.protocol import NomogramSection
from components.study.vocabulary import DataOrigin, ModelKind, TreatmentArm
from components.survival.cox import CoxModel

_TOTAL_INTERVALS = 10
_READ_TO_DECIMALS = 1
_SAME_SURVIVAL = 1e-9


def build_nomogram(
    model: CoxModel,
    *,
    arm: TreatmentArm,
    kind: ModelKind,
    section: NomogramSection,
    horizons_days: Sequence[int],
    not_estimable: Mapping[int, str],
    origin: DataOrigin,
    patients: pd.DataFrame,
) -> Nomogram:
    """The nomogram of a Cox model, as `rms::nomogram` scales it.

    Args:
        model: The fitted model; its predictors carry the range seen in training.
        arm: The model's arm.
        kind: Which model of the arm it is.
        section: Axes and the points of the longest of them.
        horizons_days: The estimable horizons; each gets a survival axis.
        not_estimable: The other horizons of the study, each with its reason.
        origin: Of the data that the model was fitted on.
        patients: The training patients, for the check and the error of reading.

    Raises:
        FitFailed: No predictor has an effect.
        UsageError: A horizon lies beyond the follow-up or before the first death.
        IntegrityError: The nomogram's survival is not the model's.
    """
    axes, scale = predictor_axes(model, section)
    center = float(np.dot(model.means, model.coefficients))
    lp_at_zero = sum(axis.minimum_effect for axis in axes) - center
    highest = sum(max(axis.points) for axis in axes)
    lp_range = (lp_at_zero, lp_at_zero + highest / scale)
    baseline = {days: _baseline_survival(model, days) for days in horizons_days}
    nomogram = Nomogram(
        arm=arm,
        model_kind=kind,
        model=model,
        axes=axes,
        points_per_unit=scale,
        lp_at_zero_points=lp_at_zero,
        total_points_range=(0.0, highest),
        total_ticks=pretty(0.0, highest, _TOTAL_INTERVALS),
        horizons_days=tuple(horizons_days),
        not_estimable=dict(not_estimable),
        baseline_survival=baseline,
        survival_axes={
            days: _survival_axis(survival, lp_range, scale) for days, survival in baseline.items()
        },
        median_axis=_median_axis(model, lp_range, scale),
        data_origin=origin,
    )
    check_survival(nomogram, patients)
    return nomogram.model_copy(update={"reading_error": reading_error(nomogram, patients)})


def _baseline_survival(model: CoxModel, horizon_days: int) -> float:
    survival = float(model.survival_at(np.zeros(1), [horizon_days])[0, 0])
    if not 0 < survival < 1:
        msg = f"baseline survival at {horizon_days} days is {survival:g}: no axis can be drawn"
        raise UsageError(msg)
    return survival


def _survival_axis(
    baseline_survival: float, lp_range: tuple[float, float], scale: float
) -> tuple[SurvivalTick, ...]:
    ticks = survival_ticks(baseline_survival=baseline_survival, lp_range=lp_range)
    return tuple(
        SurvivalTick(probability=p, total_points=(lp - lp_range[0]) * scale) for p, lp in ticks
    )


def _median_axis(model: CoxModel, lp_range: tuple[float, float], scale: float) -> MedianAxis:
    ticks, reached_from = median_ticks(model, lp_range=lp_range)
    return MedianAxis(
        ticks=tuple(
            MedianTick(time_days=days, total_points=(lp - lp_range[0]) * scale)
            for days, lp in ticks
        ),
        not_reached_below=(reached_from - lp_range[0]) * scale,
    )


def check_survival(nomogram: Nomogram, patients: pd.DataFrame) -> None:
    """Refuse a nomogram whose survival differs from its Cox model's by more than 1e-9.

    Raises:
        IntegrityError: It does, for one of these patients at one of its horizons.
    """
    total = nomogram.points(patients)[TOTAL_POINTS]
    lp = nomogram.model.linear_predictor(patients)
    for horizon_days in nomogram.horizons_days:
        read = nomogram.survival(total, horizon_days)
        fitted = nomogram.model.survival_at(lp, [horizon_days])[:, 0]
        difference = float(np.max(np.abs(read - fitted), initial=0.0))
        if difference > _SAME_SURVIVAL:
            msg = (
                f"nomogram of arm '{nomogram.arm.value}': survival at {horizon_days} days differs "
                f"from the Cox model's by {difference:.2g}; expected at most {_SAME_SURVIVAL:g}"
            )
            raise IntegrityError(msg)


def reading_error(nomogram: Nomogram, patients: pd.DataFrame) -> ReadingError | None:
    """What a reader loses who reads every axis to a tenth of a point; None without horizons."""
    if not nomogram.horizons_days or patients.empty:
        return None
    points = nomogram.points(patients)
    read = points.drop(columns=TOTAL_POINTS).round(_READ_TO_DECIMALS).sum(axis=1)
    errors = np.concatenate(
        [
            nomogram.survival(read, days) - nomogram.survival(points[TOTAL_POINTS], days)
            for days in nomogram.horizons_days
        ]
    )
    return ReadingError(
        points_resolution=10.0**-_READ_TO_DECIMALS,
        largest=float(np.max(np.abs(errors))),
        rms=float(np.sqrt(np.mean(errors**2))),
        n=len(patients),
    )
