"""Protocol section `promotion`: what evidence puts a model into service."""

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from components.study.protocol.base import Section, ordered

_PERFECT = 1.0
"""The calibration slope of a model that neither overfits nor underfits."""


def _around_perfect(limits: tuple[float, float]) -> tuple[float, float]:
    if not limits[0] <= _PERFECT <= limits[1]:
        msg = f"expected limits on both sides of a perfect slope of 1, came {list(limits)}"
        raise ValueError(msg)
    return limits


Slope = Annotated[float, Field(gt=0, le=10)]
SlopeRange = Annotated[
    tuple[Slope, Slope], AfterValidator(ordered), AfterValidator(_around_perfect)
]
Difference = Annotated[float, Field(ge=-1, le=1)]


class PromotionSection(Section):
    """Bounds of the gate; a person's decision is recorded apart."""

    interval_level: float = Field(gt=0.5, lt=1)
    first_minimum_c_lower: float = Field(ge=0, lt=1)
    slope_range: SlopeRange
    slope_interval_meets: SlopeRange
    challenger_minimum_difference: Difference
    challenger_minimum_difference_lower: Difference

    @model_validator(mode="after")
    def _bounds_fit_together(self) -> "PromotionSection":
        (low, high), (inner_low, inner_high) = self.slope_range, self.slope_interval_meets
        if not low <= inner_low <= inner_high <= high:
            msg = (
                f"promotion.slope_interval_meets: expected limits within slope_range [{low:g}, "
                f"{high:g}], came [{inner_low:g}, {inner_high:g}]"
            )
            raise ValueError(msg)
        value, lower = self.challenger_minimum_difference, self.challenger_minimum_difference_lower
        if lower > value:
            msg = (
                "promotion.challenger_minimum_difference_lower: expected at most "
                f"challenger_minimum_difference {value:g}, came {lower:g}"
            )
            raise ValueError(msg)
        return self
