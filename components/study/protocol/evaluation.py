"""Protocol section `evaluation`: how good the models are."""

from pydantic import Field

from components.study.protocol.base import Section


class EvaluationSection(Section):
    """Confidence level and the horizon rule."""

    confidence_level: float = Field(gt=0.5, lt=1)
    minimum_events_before: int = Field(ge=1)
    minimum_at_risk_after: int = Field(ge=1)
