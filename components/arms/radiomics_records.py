"""What is known of hand-crafted features as a run beside the backbones."""

from typing import Literal

from pydantic import Field

from components.study.results import Adaptation, Estimate, Record, estimate_metrics, metric_name
from components.study.vocabulary import TreatmentArm
from components.survival.time_roc import RocCurve

RADIOMICS_PROBABILITY = "radiomics_probability"
"""The model's name among the figures."""

_POOLED = "pooled"


class NetworkMinusRadiomics(Record):
    """The AUC of a backbone minus that of radiomics, out of fold, in the patients whom both score.

    `group` is an arm or `pooled`. The backbone's configuration was chosen among several by these
    same patients and radiomics was not: the difference flatters the backbone.
    """

    backbone: str
    group: str
    estimate: Estimate
    p_value: float | None = None


class RadiomicsLabel(Record):
    """A ridge logistic regression of the risk label on the features, judged as a backbone is.

    Every figure is out of fold, in the networks' folds. `penalties` are the inverse penalties that
    each fold's training part chose. `scores` are probabilities of high risk by patient. `cutoff` is
    Youden's on them.
    """

    schema_: Literal["armwise.radiomics_label/1"] = Field(
        default="armwise.radiomics_label/1", alias="schema"
    )
    n: int
    n_features: int
    penalties: tuple[float, ...]
    scores: dict[str, float]
    tuning_target: Estimate
    arm_targets: dict[TreatmentArm, Estimate]
    within_arm_auc: dict[TreatmentArm, Estimate]
    pooled_auc: Estimate
    arm_only_auc: Estimate
    cutoff: float
    accuracy: Estimate
    sensitivity: Estimate
    specificity: Estimate
    roc: RocCurve
    differences: tuple[NetworkMinusRadiomics, ...]
    adaptations: tuple[Adaptation, ...] = ()

    def metrics(self) -> dict[str, float]:
        """All estimable figures by the names that a backbone's have in MLflow."""
        rows = [
            ("mean_of_arms", RADIOMICS_PROBABILITY, "tuning_target", self.tuning_target),
            (_POOLED, RADIOMICS_PROBABILITY, "auc_cd", self.pooled_auc),
            (_POOLED, "arm_only", "auc_cd", self.arm_only_auc),
            (_POOLED, RADIOMICS_PROBABILITY, "accuracy", self.accuracy),
            (_POOLED, RADIOMICS_PROBABILITY, "sensitivity", self.sensitivity),
            (_POOLED, RADIOMICS_PROBABILITY, "specificity", self.specificity),
        ]
        rows += [
            (arm.value, RADIOMICS_PROBABILITY, "auc_cd", one)
            for arm, one in self.within_arm_auc.items()
        ]
        rows += [
            (one.group, f"{one.backbone}_minus_radiomics", "auc_cd", one.estimate)
            for one in self.differences
        ]
        found: dict[str, float] = {}
        for group, model, estimator, estimate in rows:
            name = metric_name("oof", group, model, estimator, estimate.horizon_days)
            found |= estimate_metrics(name, estimate)
        return found


class FeatureStability(Record):
    """Which features an ROI that is drawn a little differently leaves as they were.

    `icc` is ICC(1, 1) by feature; `unstable` are those below the protocol's minimum.
    """

    n_patients: int
    perturbations: int
    minimum_icc: float
    icc: dict[str, float | None]
    unstable: tuple[str, ...]
