"""The predictors of an arm's models, as its training patients allow them."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from components.arms.separation import separations
from components.cohort.schema import Variable
from components.errors import CohortRejected
from components.study.results import Adaptation
from components.study.vocabulary import TreatmentArm
from components.survival.design import Predictor
from components.survival.splines import spline_knots


def build_predictors(
    arm: TreatmentArm,
    train: pd.DataFrame,
    variables: Sequence[Variable],
    splines: Mapping[str, int],
) -> tuple[tuple[Predictor, ...], list[str], list[Adaptation]]:
    """The predictors of variables that vary; notes on levels that nobody has; what was changed.

    Args:
        arm: The arm of the patients.
        train: Training patients, who may have empty cells.
        variables: What is to be a predictor.
        splines: The number of knots by variable.
    """
    notes: list[str] = []
    predictors = tuple(
        _categorical(arm, train, variable, notes)
        if variable.kind == "categorical"
        else _continuous(train, variable)
        for variable in variables
    )
    bent, unbent = _with_knots(arm, train, predictors, splines)
    kept, separated = _without_separating(arm, train, bent)
    return kept, notes, [*unbent, *separated]


def left_out(arm: TreatmentArm, label: str, why: str) -> Adaptation:
    """A predictor that no model of the arm has, and why."""
    return Adaptation(
        step=f"models of {arm.value}",
        asked=f"{arm.label}: the predictor {label}",
        done=f"{label} left out",
        why=why,
    )


def _with_knots(
    arm: TreatmentArm,
    train: pd.DataFrame,
    predictors: Sequence[Predictor],
    splines: Mapping[str, int],
) -> tuple[tuple[Predictor, ...], list[Adaptation]]:
    """The predictors with knots where splines are asked for and the values allow them."""
    done: list[Predictor] = []
    said: list[Adaptation] = []
    for one in predictors:
        if one.name not in splines:
            done.append(one)
            continue
        try:
            values = np.asarray(train[one.name], dtype=np.float64)
            knots = spline_knots(values, splines[one.name], name=one.name)
            done.append(Predictor(**{**one.model_dump(), "knots": knots}))
        except CohortRejected as error:
            done.append(one)
            said.append(_linear(arm, one.label, splines[one.name], str(error)))
    return tuple(done), said


def _linear(arm: TreatmentArm, label: str, n_knots: int, why: str) -> Adaptation:
    return Adaptation(
        step=f"models of {arm.value}",
        asked=f"{arm.label}: {label} as a spline with {n_knots} knots",
        done=f"{label} enters linearly",
        why=why,
    )


def _without_separating(
    arm: TreatmentArm, train: pd.DataFrame, predictors: tuple[Predictor, ...]
) -> tuple[tuple[Predictor, ...], list[Adaptation]]:
    """Leaves out predictors of two levels of which one separates: they hold nothing to estimate.

    A ridge penalty would keep the coefficient finite, but as large as the penalty lets it: a level
    of two patients could then span a nomogram.
    """
    two_level = [one for one in predictors if len(one.levels) == 2]
    found = {one.predictor: one for one in separations(train, two_level)}
    said = [left_out(arm, one.label, one.sentence) for one in found.values()]
    return tuple(one for one in predictors if one.name not in found), said


def _categorical(
    arm: TreatmentArm, train: pd.DataFrame, variable: Variable, notes: list[str]
) -> Predictor:
    seen = set(train[variable.name].astype(str))
    absent = [level for level in variable.levels if level not in seen]
    if absent:
        notes.append(
            f"{arm.label}: no training patient has {variable.label} {' or '.join(absent)}; the "
            "models do not know it."
        )
    levels = tuple(level for level in variable.levels if level in seen)
    return Predictor(name=variable.name, label=variable.label, kind="categorical", levels=levels)


def _continuous(train: pd.DataFrame, variable: Variable) -> Predictor:
    values = train[variable.name]
    return Predictor(
        name=variable.name,
        label=variable.label,
        kind="continuous",
        unit=variable.unit,
        lower=float(values.min()),
        upper=float(values.max()),
    )
