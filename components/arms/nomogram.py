"""The nomogram of an arm: of its combined model, or of the clinical one."""

import pandas as pd

from components.arms.preparation import complete_patients
from components.arms.records import ArmModels
from components.nomogram.build import build_nomogram
from components.nomogram.nomogram import Nomogram
from components.study.protocol import NomogramSection
from components.study.vocabulary import DataOrigin


def arm_nomogram(
    models: ArmModels, train: pd.DataFrame, *, section: NomogramSection, origin: DataOrigin
) -> Nomogram:
    """The nomogram of `models.nomogram_kind`, with the horizons that the arm can estimate.

    Args:
        models: The fitted arm.
        train: The training patients of `fit_arm`.
        section: Axes and the points of the longest of them.
        origin: Of the data.

    Raises:
        FitFailed: No predictor of the model has an effect.
    """
    return build_nomogram(
        models.nomogram_model,
        arm=models.arm,
        kind=models.nomogram_kind,
        section=section,
        horizons_days=models.horizons_estimable,
        not_estimable=models.horizons_not_estimable,
        origin=origin,
        patients=complete_patients(train, models.nomogram_model.predictors),
    )
