"""Protocol section `split`: who tests the models."""

from typing import Annotated

from pydantic import Field

from components.study.protocol.base import Section
from components.study.vocabulary import TreatmentArm


class SplitSection(Section):
    """Size of the test set: a share of each stratum, or exact counts by arm."""

    test_share: float = Field(gt=0, lt=1)
    test_patients: dict[TreatmentArm, Annotated[int, Field(ge=1)]] | None = None
