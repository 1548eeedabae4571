"""The figures whose optimism is asked for, as bare numbers of one model in some patients."""

from dataclasses import dataclass

import pandas as pd

from components.arms.fitting import FittedModels
from components.arms.horizons import not_estimable_horizons, uno_tau_days
from components.cohort.endpoint import survival_target
from components.study.protocol import EvaluationSection, StudySection
from components.study.vocabulary import ModelKind, TreatmentArm
from components.survival.brier import brier_score
from components.survival.calibration import calibration_slope
from components.survival.cox import CoxModel
from components.survival.discrimination import harrell_c, uno_c
from components.survival.target import FloatArray, SurvivalTarget

C_OF_NOTHING = 0.5
"""What the C of a model counts that tells no two patients apart."""

Key = tuple[TreatmentArm, ModelKind, str]
Figures = dict[Key, float | None]


@dataclass(frozen=True)
class Judged:
    """Until when an arm is judged: Uno's tau and the horizons, fixed by all its patients.

    `tau_days` is None where no horizon is estimable.
    """

    tau_days: float | None
    horizons_days: tuple[int, ...]

    @classmethod
    def of(
        cls, table: pd.DataFrame, evaluation: EvaluationSection, study: StudySection
    ) -> "Judged":
        """By the horizon rule in these patients."""
        target = survival_target(table)
        refused = not_estimable_horizons(target, study.horizons_days, evaluation)
        kept = tuple(days for days in study.horizons_days if days not in refused)
        return cls(uno_tau_days(target, evaluation), kept)

    @property
    def horizon_of(self) -> dict[str, float | None]:
        """The figures by their names in MLflow, each with its horizon or tau."""
        uno = {} if self.tau_days is None else {"c_uno": self.tau_days}
        brier = {f"brier_{days}d": float(days) for days in self.horizons_days}
        return {"c_harrell": None, **uno, "cal_slope": None, **brier}


def figures_of(models: FittedModels, table: pd.DataFrame, judged: Judged) -> Figures:
    """The figures of an arm's models in its patients; None where they give none.

    Judged are the patients whom every model can score: a resample may lack a rare level. A model
    without a predictor has a C of 0.5 and no calibration slope.
    """
    found: Figures = {}
    known = models.scorable(table).table
    target = survival_target(known)
    for kind, model in models.models.items():
        # Without a death there is no figure, and of nobody not even a linear predictor.
        lp = models.linear_predictor(kind, known) if target.n_events else None
        for estimator, horizon_days in judged.horizon_of.items():
            value = None if lp is None else _figure(estimator, model, target, lp, horizon_days)
            found[models.arm, kind, estimator] = value
    return found


def _figure(
    estimator: str,
    model: CoxModel,
    target: SurvivalTarget,
    lp: FloatArray,
    horizon_days: float | None,
) -> float | None:
    if estimator == "cal_slope":
        return calibration_slope(target, lp).value if model.predictors else None
    if horizon_days is not None and estimator.startswith("brier"):
        if horizon_days > model.follow_up_days:
            return None
        return brier_score(target, model.survival_at(lp, [horizon_days])[:, 0], horizon_days).value
    if not model.predictors:
        return C_OF_NOTHING
    if horizon_days is None:
        return harrell_c(target, lp).value
    return uno_c(target, lp, tau_days=horizon_days).value
