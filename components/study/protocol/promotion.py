"""Protocol section `promotion`: what evidence puts a model into service."""

from pydantic import Field

from components.study.protocol.base import Section


class PromotionSection(Section):
    """Bounds of the gate; a person's decision is recorded apart."""

    interval_level: float = Field(gt=0.5, lt=1)
    first_minimum_c_lower: float
    slope_range: tuple[float, float]
    slope_interval_meets: tuple[float, float]
    challenger_minimum_difference: float
    challenger_minimum_difference_lower: float
