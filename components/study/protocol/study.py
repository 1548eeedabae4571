"""Protocol section `study`: what is studied."""

from typing import Annotated

from pydantic import AfterValidator, Field

from components.study.protocol.base import Days, Section, ascending, unique
from components.study.vocabulary import TreatmentArm


class StudySection(Section):
    """Identity, arms, horizons and the seed of every random choice."""

    study_id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=63)
    title: str = Field(min_length=1)
    endpoint: str = "overall survival"
    arms: Annotated[tuple[TreatmentArm, ...], AfterValidator(unique)] = Field(min_length=1)
    horizons_days: Annotated[tuple[Days, ...], AfterValidator(ascending)] = Field(min_length=1)
    seed: int = Field(ge=0, lt=2**63)
