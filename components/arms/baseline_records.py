"""What is known of the baselines: the models that an arm's models are compared with."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from components.arms.label_regression import LabelRegression
from components.study.results import Adaptation, Estimate, Record, estimate_metrics, metric_name
from components.study.vocabulary import ModelKind, Split, TreatmentArm

_METRIC_SPLIT = {Split.TRAIN: "apparent", Split.TEST: "test"}
_POOLED = "pooled"


class BaselineKind(StrEnum):
    """The baselines of an arm."""

    STAGE = "stage"
    RADIOMICS = "radiomics"
    CLINICAL_RADIOMICS = "clinical_radiomics"


class BaselineDifference(Record):
    """A figure of a model minus that of a baseline in the same patients, with its two-sided p.

    `p_value` is None where there is no test.
    """

    model: ModelKind
    split: Split
    estimator: str
    estimate: Estimate
    p_value: float | None = None


class BaselineModel(Record):
    """A baseline of an arm: what it is made of, how good it is, and what the models are beyond it.

    `coefficients` are log hazard ratios by column, `ridge_penalty` 0 where it is unpenalised.
    """

    kind: BaselineKind
    predictors: tuple[str, ...]
    coefficients: dict[str, float]
    ridge_penalty: float
    n: int
    n_events: int
    estimates: dict[Split, dict[str, Estimate]]
    differences: tuple[BaselineDifference, ...]


class ArmBaselines(Record):
    """All baselines of an arm, fitted to the training patients of the arm's models."""

    arm: TreatmentArm
    models: tuple[BaselineModel, ...]
    regressions: tuple[LabelRegression, ...]
    notes: tuple[str, ...]
    adaptations: tuple[Adaptation, ...]


class PooledModel(Record):
    """Figures over the patients of all arms: of the arm alone, or of the arms' models.

    The arms' models rank patients by the predicted risk at a horizon. `minus_arm_only` holds the
    difference of each figure from that of the arm alone, `p_values` its test.
    """

    model: Literal["arm_only", "clinical", "dlradiomics", "combined"]
    split: Split
    estimates: dict[str, Estimate]
    minus_arm_only: dict[str, Estimate] = Field(default_factory=dict)
    p_values: dict[str, float | None] = Field(default_factory=dict)


class RadiomicsSignature(Record):
    """The signature of the hand-crafted features, fitted as the deep one."""

    source: str
    n: int
    n_features_in: int
    n_selected: int
    fold_selected: tuple[int, ...]
    is_null: bool
    is_in_sample: bool


class Baselines(Record):
    """The baselines of a study."""

    schema_: Literal["armwise.baselines/1"] = Field(default="armwise.baselines/1", alias="schema")
    arms: tuple[ArmBaselines, ...]
    pooled: tuple[PooledModel, ...]
    radiomics: RadiomicsSignature | None = None
    notes: tuple[str, ...] = ()

    @property
    def adaptations(self) -> tuple[Adaptation, ...]:
        """Everything in which the baselines depart from the protocol."""
        return tuple(one for arm in self.arms for one in arm.adaptations)

    def metrics(self) -> dict[str, float]:
        """All estimable figures by their names in MLflow.

        `<split>/<arm>/baseline_<kind>/<estimator>`, `<split>/<arm>/<model>_minus_<kind>/...`,
        `<split>/<arm>/label_regression_<model>/...` and `<split>/pooled/<model>/...`.
        """
        found: dict[str, float] = {}
        for arm in self.arms:
            group = arm.arm.value
            for one in arm.models:
                found |= _metrics(group, f"baseline_{one.kind.value}", one.estimates)
                for each in one.differences:
                    pair = f"{each.model.value}_minus_{one.kind.value}"
                    found |= _metrics(group, pair, {each.split: {each.estimator: each.estimate}})
            for fit in arm.regressions:
                found |= _metrics(group, f"label_regression_{fit.kind.value}", fit.estimates)
        for pooled in self.pooled:
            found |= _metrics(_POOLED, pooled.model, {pooled.split: pooled.estimates})
            found |= _metrics(
                _POOLED, f"{pooled.model}_minus_arm_only", {pooled.split: pooled.minus_arm_only}
            )
        return found


def _metrics(
    group: str, model: str, estimates: dict[Split, dict[str, Estimate]]
) -> dict[str, float]:
    return {
        name: value
        for split, by_name in estimates.items()
        for estimator, estimate in by_name.items()
        for name, value in estimate_metrics(
            metric_name(_METRIC_SPLIT[split], group, model, estimator), estimate
        ).items()
    }
