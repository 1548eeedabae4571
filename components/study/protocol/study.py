"""Protocol section `study`: what is studied."""

from pydantic import Field

from components.study.protocol.base import Section
from components.study.vocabulary import TreatmentArm


class StudySection(Section):
    """Identity, arms, horizons and the seed of every random choice."""

    study_id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: str
    endpoint: str = "overall survival"
    arms: tuple[TreatmentArm, ...] = Field(min_length=1)
    horizons_days: tuple[int, ...] = Field(min_length=1)
    seed: int = Field(ge=0)
