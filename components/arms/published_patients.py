"""The patients of a study's own table as a published model takes them: units, levels, empty cells.

Numbers are converted to the model's units where armwise knows both. Patients of whom the model can
say nothing are left out and counted, never guessed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from components.arms.published import PublishedModel
from components.cohort.endpoint import survival_target
from components.cohort.schema import Variable
from components.errors import CohortRejected, UsageError
from components.intake.units import UNITS, factor, spelled
from components.survival.design import Predictor
from components.survival.target import SurvivalTarget

_UNKNOWN = "unknown to the model"


@dataclass(frozen=True, eq=False)
class MatchedPatients:
    """The patients whom the model can score, in its units.

    `left_out` counts the others by their first reason; `notes` say what was converted or assumed.
    """

    table: pd.DataFrame
    target: SurvivalTarget
    left_out: dict[str, int]
    notes: tuple[str, ...]


def match_patients(
    model: PublishedModel, table: pd.DataFrame, codebook: Mapping[str, Variable]
) -> MatchedPatients:
    """The patients of a table whom a published model can score.

    Args:
        model: The model.
        table: Indexed by patient, with `os_days`, `death` and the predictors.
        codebook: What the table's columns are; a column that it does not know is taken as given.

    Raises:
        CohortRejected: A column is missing, has none of the model's levels, or nobody is left.
        UsageError: A column is in another unit than the model's, or of another kind.
    """
    _require_columns(model, table)
    notes: list[str] = []
    converted = {
        one.name: _in_model_units(one, table[one.name], codebook.get(one.name), notes)
        for one in model.predictors
    }
    table = table.assign(**converted)
    reason = pd.Series("", index=table.index)
    for one in model.predictors:
        for said, bad in _unusable(one, table[one.name], transform=model.transforms.get(one.name)):
            reason = reason.mask(bad & (reason == ""), said)
    left_out = {str(said): int(n) for said, n in reason[reason != ""].value_counts().items()}
    kept = table[reason == ""]
    if kept.empty:
        told = "; ".join(f"{said} ({n})" for said, n in left_out.items())
        msg = f"{model.name}: none of the {len(table)} patients can be scored: {told or 'no row'}"
        raise CohortRejected(msg + _asked_levels(model, left_out))
    return MatchedPatients(kept, survival_target(kept), left_out, tuple(notes))


def _asked_levels(model: PublishedModel, left_out: Mapping[str, int]) -> str:
    """What to call levels, where the model does not know those of the table."""
    asked = [
        f"'{one.name}' {', '.join(one.levels)}"
        for one in model.predictors
        if any(said.startswith(f"'{one.name}' is ") and _UNKNOWN in said for said in left_out)
    ]
    if not asked:
        return ""
    return f"; in the column mapping name the levels as the model does: {'; '.join(asked)}"


def _require_columns(model: PublishedModel, table: pd.DataFrame) -> None:
    missing = [one.name for one in model.predictors if one.name not in table.columns]
    if missing:
        msg = (
            f"{model.name}: expected the columns {', '.join(missing)}, the table has none of that "
            "name; map them under `predictors` in the column mapping, or give them as features"
        )
        raise CohortRejected(msg)


def _in_model_units(
    one: Predictor, cells: pd.Series, variable: Variable | None, notes: list[str]
) -> pd.Series:
    if variable is None:
        return cells
    is_number = variable.kind != "categorical"
    if is_number != (one.kind == "continuous"):
        msg = (
            f"column '{one.name}': the model takes it as {one.kind}, the table holds it as "
            f"{variable.kind}; map it under another name"
        )
        raise UsageError(msg)
    if not is_number or one.unit is None or variable.unit is None:
        if is_number and one.unit != variable.unit:
            notes.append(
                f"{one.name}: the model names {one.unit or 'no unit'}, the table "
                f"{variable.unit or 'no unit'}; taken as the same."
            )
        return cells
    if spelled(one.unit) == spelled(variable.unit):
        return cells
    by = factor(one.name, one.unit) if one.name in UNITS else None
    if by is None:
        msg = (
            f"column '{one.name}': the model takes {one.unit}, the table is in {variable.unit}, "
            "and armwise cannot convert one into the other; change the coefficient's unit"
        )
        raise UsageError(msg)
    notes.append(f"{one.name}: converted from {variable.unit} into the model's {one.unit}.")
    return cells / by


def _unusable(
    one: Predictor, cells: pd.Series, *, transform: str | None
) -> list[tuple[str, pd.Series]]:
    """Why cells cannot be used, and which."""
    found = [(f"'{one.name}' is empty", cells.isna())]
    if one.kind == "categorical":
        known = cells.astype(str).isin(one.levels)
        strange = sorted(set(cells[~known & cells.notna()].astype(str)))
        found.append((f"'{one.name}' is {' or '.join(strange)}, {_UNKNOWN}", ~known))
    else:
        found.append((f"'{one.name}' is not finite", ~np.isfinite(cells.astype(float))))
        if transform == "sqrt":
            found.append((f"'{one.name}' is below 0", cells < 0))
        elif transform is not None:
            found.append((f"'{one.name}' is not above 0", cells <= 0))
    return found
