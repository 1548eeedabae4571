"""A nomogram as data: points for each predictor, total points, exact survival."""

import math
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from pydantic import Field

from components.errors import UsageError
from components.nomogram.axes import MedianAxis, NomogramAxis, SurvivalTick
from components.study.results import Record
from components.study.vocabulary import DataOrigin, ModelKind, TreatmentArm
from components.survival.cox import CoxModel
from components.survival.design import column_names, design_matrix
from components.survival.target import FloatArray

TOTAL_POINTS = "total_points"
LINEAR_PREDICTOR = "linear_predictor"


def survival_column(horizon_days: int) -> str:
    """The column of `Nomogram.predict` that holds survival at a horizon."""
    return f"survival_{horizon_days}d"


class ReadingError(Record):
    """What reading points to `points_resolution` costs, in survival probability.

    Over `n` patients and all estimable horizons; each axis is read, then the readings are added.
    """

    points_resolution: float
    largest: float
    rms: float
    n: int


class Nomogram(Record):
    """The nomogram of an arm.

    `points_j = points_per_unit * (effect_j - minimum_effect_j)`; the (centered) linear predictor
    is `total_points / points_per_unit + lp_at_zero_points`; survival at a horizon is
    `baseline_survival ** exp(lp)`. `horizons_days` are the estimable ones, `not_estimable` gives
    the reason for each of the others.
    """

    schema_: Literal["armwise.nomogram/1"] = Field(default="armwise.nomogram/1", alias="schema")
    arm: TreatmentArm
    model_kind: ModelKind
    model: CoxModel
    axes: tuple[NomogramAxis, ...]
    points_per_unit: float = Field(gt=0)
    lp_at_zero_points: float
    total_points_range: tuple[float, float]
    total_ticks: tuple[float, ...]
    horizons_days: tuple[int, ...]
    not_estimable: dict[int, str]
    baseline_survival: dict[int, float]
    survival_axes: dict[int, tuple[SurvivalTick, ...]]
    median_axis: MedianAxis
    data_origin: DataOrigin
    reading_error: ReadingError | None = None

    def points(self, table: pd.DataFrame) -> pd.DataFrame:
        """Points of each patient: one column a predictor, then `total_points`.

        A value beyond its axis is worth points beyond the axis, on the same line.

        Raises:
            CohortRejected: A predictor is missing, has an empty cell or an unknown level.
        """
        coefficients = dict(zip(self.model.columns, self.model.coefficients, strict=True))
        columns: dict[str, FloatArray] = {}
        for axis in self.axes:
            slopes = np.array([coefficients[name] for name in column_names([axis.predictor])])
            effect = design_matrix(table, [axis.predictor]) @ slopes
            columns[axis.predictor.name] = self.points_per_unit * (effect - axis.minimum_effect)
        points = pd.DataFrame(columns, index=table.index)
        points[TOTAL_POINTS] = points.sum(axis=1)
        return points

    def linear_predictor(self, total_points: ArrayLike) -> FloatArray:
        """Centered linear predictor (n,) of total points (n,)."""
        total = np.asarray(total_points, dtype=np.float64)
        return total / self.points_per_unit + self.lp_at_zero_points

    def survival(self, total_points: ArrayLike, horizon_days: int) -> FloatArray:
        """Survival probability (n,) at an estimable horizon for total points (n,).

        Raises:
            UsageError: The nomogram has no axis for this horizon.
        """
        baseline = self._baseline_survival(horizon_days)
        return np.asarray(baseline ** np.exp(self.linear_predictor(total_points)))

    def total_points_at(self, probability: float, horizon_days: int) -> float:
        """The total points at which survival at a horizon is `probability`, within (0, 1)."""
        baseline = self._baseline_survival(horizon_days)
        lp = math.log(math.log(probability) / math.log(baseline))
        return (lp - self.lp_at_zero_points) * self.points_per_unit

    def median_days(self, total_points: ArrayLike) -> list[float | None]:
        """Median survival for total points (n,); None where it is not reached."""
        return self.model.median_days(np.atleast_1d(self.linear_predictor(total_points)))

    def predict(self, table: pd.DataFrame) -> pd.DataFrame:
        """`total_points`, `linear_predictor` and `survival_<days>d` at each estimable horizon.

        Raises:
            CohortRejected: A predictor is missing, has an empty cell or an unknown level.
        """
        total = self.points(table)[TOTAL_POINTS]
        answer = pd.DataFrame(
            {TOTAL_POINTS: total, LINEAR_PREDICTOR: self.linear_predictor(total)},
            index=table.index,
        )
        for horizon_days in self.horizons_days:
            answer[survival_column(horizon_days)] = self.survival(total, horizon_days)
        return answer

    def _baseline_survival(self, horizon_days: int) -> float:
        if horizon_days not in self.baseline_survival:
            why = self.not_estimable.get(horizon_days, "it is no horizon of the study")
            msg = f"survival at {horizon_days} days is not estimable: {why}"
            raise UsageError(msg)
        return self.baseline_survival[horizon_days]
