"""The patients of a split with a model's predictions, as everything that judges it takes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import pandas as pd

from components.arms.horizons import not_estimable_horizons
from components.cohort.endpoint import survival_target
from components.study.protocol import EvaluationSection
from components.study.randomness import step_seed
from components.study.results import Estimate
from components.study.vocabulary import ModelKind, Split, TreatmentArm
from components.survival.calibration_curve import CalibrationCurve, calibration_curve
from components.survival.cox import CoxModel
from components.survival.intervals import not_estimable
from components.survival.target import FloatArray, SurvivalTarget

NO_PREDICTOR = "the model has no predictor"
NO_TAU = "no horizon is estimable in these patients"

_CURVE_RESAMPLES = 200


@dataclass(frozen=True, eq=False)
class ScoredPatients:
    """A model's predictions for the patients of a split.

    `not_estimable` holds the horizons that the horizon rule refuses for these patients,
    `not_predictable` those and the ones that the training patients cannot support. `seed` is the
    study's, for resamples; `level` is that of the intervals.
    """

    arm: TreatmentArm
    kind: ModelKind
    split: Split
    model: CoxModel
    target: SurvivalTarget
    linear_predictor: FloatArray
    horizons_days: tuple[int, ...]
    not_estimable: Mapping[int, str]
    not_predictable: Mapping[int, str]
    seed: int = 0
    level: float = 0.95

    @classmethod
    def of(
        cls,
        model: CoxModel,
        table: pd.DataFrame,
        linear_predictor: FloatArray,
        *,
        arm: TreatmentArm,
        kind: ModelKind,
        split: Split,
        train: SurvivalTarget,
        horizons_days: tuple[int, ...],
        section: EvaluationSection,
        seed: int,
    ) -> Self:
        """The patients of a table, the horizon rule applied to them and to the training patients.

        Args:
            model: The model that gave `linear_predictor` (n,).
            table: The n patients, with `os_days` and `death`.
            linear_predictor: In the table's order.
            arm: Theirs and the model's.
            kind: Which of the arm's models it is.
            split: What part of the arm they are.
            train: Follow-up of the patients that the model was fitted on.
            horizons_days: The study's.
            section: Horizon rule and confidence level.
            seed: The study's.
        """
        target = survival_target(table)
        refused = not_estimable_horizons(target, horizons_days, section)
        in_training = not_estimable_horizons(train, horizons_days, section)
        return cls(
            arm=arm,
            kind=kind,
            split=split,
            model=model,
            target=target,
            linear_predictor=linear_predictor,
            horizons_days=horizons_days,
            not_estimable=refused,
            not_predictable={
                **{days: f"in training, {why}" for days, why in in_training.items()},
                **refused,
            },
            seed=seed,
            level=section.confidence_level,
        )

    @property
    def is_constant(self) -> bool:
        """Whether the model tells no two patients apart."""
        return not self.model.predictors

    def survival(self, horizon_days: int) -> FloatArray:
        """Predicted survival (n,) at a horizon."""
        return self.model.survival_at(self.linear_predictor, [horizon_days])[:, 0]

    def expected_deaths(self, until_days: float) -> FloatArray:
        """Predicted cumulative hazard (n,) until each patient's last day, or `until_days`."""
        last_days = np.minimum(self.target.time_days, until_days)
        return self.model.baseline.at(last_days.tolist()) * np.exp(self.linear_predictor)

    @cached_property
    def calibration_curves(self) -> dict[int, CalibrationCurve]:
        """The smooth calibration curve at each horizon that can be predicted, with intervals."""
        return {
            days: calibration_curve(
                self.target,
                self.survival(days),
                horizon_days=days,
                n_resamples=_CURVE_RESAMPLES,
                rng=self._rng(days),
                level=self.level,
            )
            for days in self.horizons_days
            if days not in self.not_predictable and not self.is_constant
        }

    def _rng(self, days: int) -> np.random.Generator:
        # Without the model's kind: models are compared on the same resamples.
        step = f"calibration at {days} days of {self.arm.value} {self.split.value}"
        return np.random.default_rng(step_seed(self.seed, step))

    def refused(self, reason: str, method: str, horizon_days: float | None = None) -> Estimate:
        """The record of a figure that these patients cannot give."""
        return not_estimable(self.target, reason, method=method, horizon_days=horizon_days)
