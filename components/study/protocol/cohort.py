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
    minimum_patients: int = Field(
        default=30, ge=1, le=10_000, description="Of an arm; fewer are warned of, none stops."
    )
    minimum_deaths: int = Field(
        default=20,
        ge=1,
        le=10_000,
        description="An arm with fewer deaths is warned of; none stops.",
    )
    minimum_deaths_per_parameter: float = Field(
        default=10, ge=0, le=1000, description="Deaths a candidate parameter; fewer is warned of."
    )
    minimum_maturity: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Share whom follow-up would reach at label.horizon_days; less is warned of.",
    )
    maximum_unknown_labels: float = Field(
        default=0.25,
        ge=0,
        le=1,
        description="Share censored before label.horizon_days; more is warned of.",
    )
    drift_stability_index: float = Field(
        default=0.25,
        ge=0,
        le=10,
        description="Of a column against the last promoted version, above that of chance.",
    )
    drift_missing_share: float = Field(
        default=0.1, ge=0, le=1, description="Of empty cells, more or fewer than in that version."
    )
    drift_significance: float = Field(
        default=0.01, gt=0, le=1, description="Of all columns together (Bonferroni)."
    )
    small_counts: Literal["fisher_exact", "pearson"] = Field(
        description="Test of a 2 x 2 table with an expected count below 5."
    )
    observed_times: bool = Field(
        description="Table 1 also shows quartiles of the observed times, deaths and censored alike."
    )
