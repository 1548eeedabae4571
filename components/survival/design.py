"""Predictors of a Cox model and the design matrix that they span."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, Self

import numpy as np
import pandas as pd
from pydantic import model_validator

from components.errors import CohortRejected, UsageError
from components.study.results import Record
from components.survival.splines import FEWEST_KNOTS, spline_basis
from components.survival.target import FloatArray


class Predictor(Record):
    """A variable of a model, with treatment coding for levels (the first is the reference).

    `lower` and `upper` are the range seen in the training patients (continuous only). With `knots`
    a continuous variable enters as a restricted cubic spline: itself and k - 2 further columns.
    """

    name: str
    label: str
    kind: Literal["continuous", "categorical"]
    unit: str | None = None
    levels: tuple[str, ...] = ()
    lower: float | None = None
    upper: float | None = None
    knots: tuple[float, ...] = ()

    @model_validator(mode="after")
    def _check_knots(self) -> Self:
        if not self.knots:
            return self
        if self.kind == "categorical":
            msg = f"predictor '{self.name}' has levels: a spline is for continuous variables"
            raise UsageError(msg)
        is_ascending = all(a < b for a, b in pairwise(self.knots))
        if len(self.knots) < FEWEST_KNOTS or not is_ascending:
            msg = (
                f"predictor '{self.name}': expected at least {FEWEST_KNOTS} ascending knots, came "
                f"{', '.join(f'{knot:g}' for knot in self.knots)}"
            )
            raise UsageError(msg)
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that it adds to a design matrix, R's `factor=level` spelled out.

        A spline's further columns have primes, as in `rms`: x, x', x''.
        """
        if self.kind == "continuous":
            return tuple(self.name + "'" * order for order in range(max(len(self.knots) - 1, 1)))
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


def nonlinear_columns(predictor: Predictor) -> tuple[str, ...]:
    """The columns of a spline that are 0 where its effect is linear; none without knots."""
    return predictor.columns[1:] if predictor.knots else ()


def continuous_columns(values: FloatArray, predictor: Predictor) -> FloatArray:
    """The columns (n, 1 or k - 1) of a continuous predictor's values (n,)."""
    return spline_basis(values, predictor.knots) if predictor.knots else values.reshape(-1, 1)


def _block(table: pd.DataFrame, predictor: Predictor) -> FloatArray:
    if predictor.name not in table.columns:
        msg = f"expected the column '{predictor.name}', found none"
        raise CohortRejected(msg)
    column = table[predictor.name]
    if column.isna().any():
        msg = f"column '{predictor.name}': {int(column.isna().sum())} cells are missing"
        raise CohortRejected(msg)
    if predictor.kind == "continuous":
        return continuous_columns(np.asarray(column, dtype=np.float64), predictor)
    levels = column.astype(str)
    unknown = int((~levels.isin(predictor.levels)).sum())
    if unknown:
        msg = (
            f"column '{predictor.name}': expected one of {', '.join(predictor.levels)}, "
            f"{unknown} cells hold something else"
        )
        raise CohortRejected(msg)
    return np.column_stack(
        [np.asarray(levels == level, dtype=np.float64) for level in predictor.levels[1:]]
    )
