"""Protocol section `cohort`: how much may be wrong with the data before the flow stops."""

from pydantic import Field

from components.study.protocol.base import Section


class CohortSection(Section):
    """Limits of the validation gate."""

    max_quarantined: int = Field(ge=0, description="More quarantined patients stop the flow.")
    max_missing_share: float = Field(
        ge=0, le=1, description="A predictor with a larger share of missing cells stops the flow."
    )
