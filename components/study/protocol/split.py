"""Protocol section `split`: who tests the models."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from components.study.protocol.base import Section, unique
from components.study.vocabulary import TreatmentArm

QUARTER_PATTERN = r"^\d{4}Q[1-4]$"
"""A quarter of treatment as the clinical table has it: 2019Q3."""


class SplitSection(Section):
    """Who tests: patients drawn within strata, whole centers, or everybody from a quarter on."""

    by: Literal["random", "center", "quarter"] = Field(
        default="random",
        description="random: drawn within arm x event x center; center, quarter: as named here.",
    )
    test_share: float = Field(
        gt=0, lt=1, description="random: share of the test patients; also of newcomers."
    )
    test_patients: dict[TreatmentArm, Annotated[int, Field(ge=1)]] | None = Field(
        default=None, description="random: exact numbers by arm instead of the share; or null."
    )
    test_centers: Annotated[tuple[str, ...], AfterValidator(unique)] = Field(
        default=(), description="center: their patients test, those of all others train."
    )
    first_test_quarter: str | None = Field(
        default=None,
        pattern=QUARTER_PATTERN,
        description="quarter: who was treated from this quarter on tests; else null.",
    )

    @model_validator(mode="after")
    def _rule_has_its_settings(self) -> "SplitSection":
        if (self.by == "center") != bool(self.test_centers):
            msg = (
                "split.test_centers: expected the test centers with by: center, none otherwise; "
                f"came {list(self.test_centers)} with by: {self.by}"
            )
            raise ValueError(msg)
        if (self.by == "quarter") != (self.first_test_quarter is not None):
            msg = (
                "split.first_test_quarter: expected a quarter such as 2019Q3 with by: quarter, "
                f"null otherwise; came {self.first_test_quarter or 'null'} with by: {self.by}"
            )
            raise ValueError(msg)
        if self.by != "random" and self.test_patients is not None:
            msg = f"split.test_patients: expected null with by: {self.by}, which places everybody"
            raise ValueError(msg)
        return self
