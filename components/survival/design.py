"""Predictors of a Cox model and the design matrix that they span."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from components.errors import CohortRejected
from components.study.results import Record
from components.survival.target import FloatArray


class Predictor(Record):
    """A variable of a model, with treatment coding for levels (the first is the reference).

    `lower` and `upper` are the range seen in the training patients (continuous only).
    """

    name: str
    label: str
    kind: Literal["continuous", "categorical"]
    unit: str | None = None
    levels: tuple[str, ...] = ()
    lower: float | None = None
    upper: float | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that it adds to a design matrix, R's `factor=level` spelled out."""
        if self.kind == "continuous":
            return (self.name,)
        return tuple(f"{self.name}={level}" for level in self.levels[1:])


def column_names(predictors: Sequence[Predictor]) -> tuple[str, ...]:
    """The columns of `design_matrix`, in order."""
    return tuple(column for predictor in predictors for column in predictor.columns)


def design_matrix(table: pd.DataFrame, predictors: Sequence[Predictor]) -> FloatArray:
    """The design matrix (n_patients, n_columns) of a table, uncentred.

    Raises:
        CohortRejected: A column is missing, a cell is missing, or a level is unknown.
    """
    blocks = [_block(table, predictor) for predictor in predictors]
    if not blocks:
        return np.empty((len(table), 0))
    return np.column_stack(blocks)


def _block(table: pd.DataFrame, predictor: Predictor) -> FloatArray:
    if predictor.name not in table.columns:
        msg = f"expected the column '{predictor.name}', found none"
        raise CohortRejected(msg)
    column = table[predictor.name]
    if column.isna().any():
        msg = f"column '{predictor.name}': {int(column.isna().sum())} cells are missing"
        raise CohortRejected(msg)
    if predictor.kind == "continuous":
        return np.asarray(column, dtype=np.float64).reshape(-1, 1)
    values = column.astype(str)
    unknown = int((~values.isin(predictor.levels)).sum())
    if unknown:
        msg = (
            f"column '{predictor.name}': expected one of {', '.join(predictor.levels)}, "
            f"{unknown} cells hold something else"
        )
        raise CohortRejected(msg)
    return np.column_stack(
        [np.asarray(values == level, dtype=np.float64) for level in predictor.levels[1:]]
    )
