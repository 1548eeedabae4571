"""Protocol section `clinical`: the clinical predictors of each arm."""

from typing import Literal

from pydantic import Field

from components.study.protocol.base import Section
from components.study.vocabulary import TreatmentArm


class ClinicalSection(Section):
    """A set written down beforehand, and how it is penalised."""

    predictors: dict[TreatmentArm, tuple[str, ...]]
    method: Literal["ridge"]
    ridge_penalties: tuple[float, ...] = Field(
        min_length=1, description="Tried by cross-validated partial likelihood; 0 is unpenalised."
    )
    cv_folds: int = Field(ge=3)
