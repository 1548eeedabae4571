"""Protocol section `cohort`: what may be wrong with the data, and how they are described."""

from typing import Literal

from pydantic import Field

from components.study.protocol.base import Section


class CohortSection(Section):
    """Limits of the validation gate; the tests of Table 1."""

    max_quarantined: int = Field(
        ge=0, le=1000, description="More quarantined patients stop the flow."
    )
    max_missing_share: float = Field(
        ge=0, le=1, description="A predictor with a larger share of missing cells stops the flow."
    )
    small_counts: Literal["fisher_exact", "pearson"] = Field(
        description="Test of a 2 x 2 table with an expected count below 5."
    )
    observed_times: bool = Field(
        description="Table 1 also shows quartiles of the observed times, deaths and censored alike."
    )
