"""Protocol section `evaluation`: how good the models are."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from components.study.protocol.base import Days, Section, Share, ordered, unique


class NestedSection(Section):
    """Nested cross-validation of the signature of a table of features."""

    folds: int = Field(ge=2, le=20, description="Outer folds, drawn by arm and death.")
    repeats: int = Field(ge=1, le=100, description="Draws of the outer folds.")


class NestedNetworksSection(Section):
    """Nested cross-validation of the networks: the whole selection anew in each outer fold."""

    when: Literal["gpu", "always"] = Field(
        description="gpu: left out, and that is said, where the networks are trained on a CPU."
    )
    folds: int = Field(ge=2, le=20, description="Outer folds, drawn by arm and label.")
    repeats: int = Field(ge=1, le=100, description="Draws of the outer folds.")
    inner_folds: int = Field(ge=2, le=20, description="Of the selection within an outer fold.")
    configurations: int = Field(
        ge=1, le=1000, description="The first of the search's own, for each backbone."
    )
    epochs: int | None = Field(
        ge=1, le=100_000, description="Of every training; null: as long as the search's."
    )


class BaselinesSection(Section):
    """What the models are compared with, fitted on the same patients."""

    stage: Annotated[tuple[str, ...], AfterValidator(unique), Field(min_length=1)] = Field(
        description="The columns of the stage-only model."
    )
    label_regression: bool = Field(
        description="Logistic regression of the risk label beside the Cox models."
    )


class EvaluationSection(Section):
    """Confidence level, the horizon rule, the cut-off, and what is judged beside the models."""

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
    nested_networks: NestedNetworksSection | None = Field(
        default=None, description="The honest figure of the backbones' search; null: not computed."
    )
    network_seeds: int = Field(
        default=1,
        ge=1,
        le=100,
        description="Seeds under which the chosen configuration is cross-validated; 1: the "
        "search's own alone.",
    )
    optimism_resamples: int | None = Field(
        default=None,
        ge=20,
        le=10_000,
        description="Bootstrap resamples of signature and Cox models; null: none.",
    )
    baselines: BaselinesSection | None = Field(
        default=None, description="Comparison models; null: none."
    )
    subgroups: Annotated[tuple[str, ...], AfterValidator(unique)] = Field(
        default=(), description="Columns whose levels are judged apart; numbers by their median."
    )
    decision_thresholds: Annotated[tuple[Share, Share], AfterValidator(ordered)] | None = Field(
        default=None, description="Range of risks at which one would act; null: no decision curve."
    )
    incident_dynamic: bool = Field(
        default=False, description="Incident/dynamic AUC beside the cumulative/dynamic one."
    )
