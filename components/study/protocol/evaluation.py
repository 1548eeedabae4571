"""Protocol section `evaluation`: how good the models are."""

from typing import Literal

from pydantic import Field

from components.study.protocol.base import Days, Section


class NestedSection(Section):
    """Nested cross-validation of the signature of a table of features."""

    folds: int = Field(ge=2, le=20, description="Outer folds, drawn by arm and death.")
    repeats: int = Field(ge=1, le=100, description="Draws of the outer folds.")


class EvaluationSection(Section):
    """Confidence level, the horizon rule, the risk groups' cut-off, nested cross-validation."""

    confidence_level: float = Field(gt=0.5, lt=1)
    minimum_events_before: int = Field(ge=1, le=10_000)
    minimum_at_risk_after: int = Field(ge=1, le=10_000)
    cutoff: Literal["training_median", "median_of_each_split"] = Field(
        description="Of the linear predictor: frozen, or taken again in the test set as the study."
    )
    truncated_c_days: Days | None = Field(
        description="Harrell's C with follow-up cut off here, beside the others; or null."
    )
    nested: NestedSection | None = Field(
        default=None, description="Where a study brings its features; null: not computed."
    )
