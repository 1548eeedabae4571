"""Protocol section `split`: who tests the models."""

from pydantic import Field, model_validator

from components.study.protocol.base import Section
from components.study.vocabulary import TreatmentArm


class SplitSection(Section):
    """Size of the test set: a share of each stratum, or exact counts by arm."""

    test_share: float = Field(gt=0, lt=1)
    test_patients: dict[TreatmentArm, int] | None = None

    @model_validator(mode="after")
    def _counts_are_positive(self) -> "SplitSection":
        if self.test_patients and min(self.test_patients.values()) < 1:
            msg = "split.test_patients: each arm needs at least one test patient"
            raise ValueError(msg)
        return self
