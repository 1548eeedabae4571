"""One patient's row -> points, survival and median survival by an arm's nomogram."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd

from components.cohort.schema import OTHER_COLUMNS, PREDICTORS, REQUIRED_COLUMNS, RULE_COLUMNS
from components.nomogram.nomogram import TOTAL_POINTS, Nomogram
from components.prediction.errors import PredictionError
from components.study.results import Record
from components.study.vocabulary import DataOrigin, ModelKind, TreatmentArm
from components.survival.design import Predictor

SIGNATURE = "dl_signature"
"""The predictor that comes from the images."""

SIGNATURE_LIMITS_SD = (-10.0, 10.0)
"""A signature is standardized in its training patients; beyond this it is a mistake."""

KNOWN_COLUMNS = frozenset(
    {*PREDICTORS, *REQUIRED_COLUMNS, *RULE_COLUMNS, *OTHER_COLUMNS, SIGNATURE}
)
"""Columns that a row may hold whether or not a model uses them."""

NOT_REACHED = "not reached"


class RowPrediction(Record):
    """What an arm's nomogram says of a patient.

    `survival` is by horizon in days, where estimable; `not_estimable` says why elsewhere.
    `median_survival_days` is None where half of such patients outlive the follow-up. `notes` name
    predictors that lie outside what the training patients had.
    """

    arm: TreatmentArm
    model_kind: ModelKind
    points: dict[str, float]
    total_points: float
    linear_predictor: float
    survival: dict[int, float]
    not_estimable: dict[int, str]
    median_survival_days: float | None
    median_survival: str
    notes: tuple[str, ...]
    data_origin: DataOrigin


def predict_row(
    nomogram: Nomogram, row: Mapping[str, Any], *, also_known: Collection[str] = ()
) -> RowPrediction:
    """What a nomogram says of one patient.

    Args:
        nomogram: The arm's.
        row: The patient's predictors by column name. Other columns of a clinical table may stand
            in it; a name that armwise does not know is refused, for it may be a misspelt predictor.
        also_known: Names of the study's own that the row may hold for another nomogram.

    Raises:
        PredictionError: A predictor is missing, of an unknown level or outside what can be
            measured, or a column is unknown. The message holds no value of the row.
    """
    predictors = nomogram.model.predictors
    values = check_row(row, predictors, also_known=also_known)
    table = pd.DataFrame({name: [value] for name, value in values.items()})
    points = nomogram.points(table).iloc[0]
    total = float(points[TOTAL_POINTS])
    median_days = nomogram.median_days([total])[0]
    return RowPrediction(
        arm=nomogram.arm,
        model_kind=nomogram.model_kind,
        points={predictor.name: float(points[predictor.name]) for predictor in predictors},
        total_points=total,
        linear_predictor=float(nomogram.linear_predictor([total])[0]),
        survival={
            days: float(nomogram.survival([total], days)[0]) for days in nomogram.horizons_days
        },
        not_estimable=dict(nomogram.not_estimable),
        median_survival_days=median_days,
        median_survival=NOT_REACHED if median_days is None else f"{median_days:g} days",
        notes=tuple(_extrapolations(values, predictors)),
        data_origin=nomogram.data_origin,
    )


def check_row(
    row: Mapping[str, Any], predictors: Collection[Predictor], *, also_known: Collection[str] = ()
) -> dict[str, float | str]:
    """The values of the predictors, typed and checked.

    Raises:
        PredictionError: As `predict_row`; all faults are named at once.
    """
    expected = {*KNOWN_COLUMNS, *also_known, *(predictor.name for predictor in predictors)}
    faults = [f"column '{name}' is unknown" for name in row if name not in expected]
    values: dict[str, float | str] = {}
    for predictor in predictors:
        value = row.get(predictor.name)
        if _is_missing(value):
            faults.append(f"predictor '{predictor.name}' is missing")
        elif predictor.kind == "categorical":
            values[predictor.name] = _word(value)
            if values[predictor.name] not in predictor.levels:
                levels = ", ".join(predictor.levels)
                faults.append(f"predictor '{predictor.name}': expected one of {levels}")
        else:
            number, fault = _number(value, predictor)
            values[predictor.name] = number
            faults += fault
    if faults:
        raise PredictionError(faults)
    return values


def limits(predictor: Predictor) -> tuple[float, float]:
    """What can be measured: the bounds of a continuous predictor's values."""
    if predictor.name == SIGNATURE:
        return SIGNATURE_LIMITS_SD
    variable = PREDICTORS.get(predictor.name)
    lower = variable.lower if variable is not None else None
    upper = variable.upper if variable is not None else None
    return (-np.inf if lower is None else lower, np.inf if upper is None else upper)


def _number(value: Any, predictor: Predictor) -> tuple[float, list[str]]:
    unit = f" {predictor.unit}" if predictor.unit else ""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.number):
        return np.nan, [f"predictor '{predictor.name}': expected a number{unit and ' in' + unit}"]
    lower, upper = limits(predictor)
    if not lower <= float(value) <= upper:
        bounds = f"{lower:g} to {upper:g}{unit}"
        return np.nan, [f"predictor '{predictor.name}': expected a value in {bounds}"]
    return float(value), []


def _extrapolations(
    values: Mapping[str, float | str], predictors: Collection[Predictor]
) -> list[str]:
    notes = []
    for predictor in predictors:
        value = values[predictor.name]
        if isinstance(value, str) or predictor.lower is None or predictor.upper is None:
            continue
        if not predictor.lower <= value <= predictor.upper:
            unit = f" {predictor.unit}" if predictor.unit else ""
            notes.append(
                f"'{predictor.name}' lies outside the range of the training patients "
                f"({predictor.lower:g} to {predictor.upper:g}{unit}): this is an extrapolation"
            )
    return notes


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value))


def _word(value: Any) -> str:
    """A level; grades and stages that came as 1 or 1.0 are the level "1"."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()
