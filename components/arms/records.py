"""What is known of an arm's models: the models, how good they are, what was adapted."""

from typing import Literal

from pydantic import Field

from components.arms.backward import Elimination
from components.arms.imputing import ImputationReport
from components.arms.nonlinearity import Nonlinearity
from components.arms.two_step import Selection
from components.cohort.schema import Direction
from components.study.results import Adaptation, Estimate, Quarantined, Record
from components.study.vocabulary import (
    ModelKind,
    RiskGroup,
    SignatureState,
    Split,
    TreatmentArm,
)
from components.survival.calibration import CalibrationGroup
from components.survival.calibration_curve import CalibrationCurve
from components.survival.cox import CoxModel, RidgeChoice
from components.survival.proportional_hazards import TermTest, Transform
from components.survival.rmst import RmstContrast


class ModelEvaluation(Record):
    """How good one model is in one split.

    Keys of `estimates` are estimators as in MLflow's metric names, with `_<days>d` where they
    have a horizon: `c_harrell`, `c_uno`, `auc_cd_365d`, `auc_id_365d`, `brier_365d`, `ipa_365d`,
    `ibs`, `cal_slope`, `cal_intercept`, `oe_365d`, `cal_log_oe_365d`, `ici_365d`.
    """

    arm: TreatmentArm
    kind: ModelKind
    split: Split
    estimates: dict[str, Estimate]


class RiskGroupCurve(Record):
    """Kaplan-Meier curve of a risk group; `survival` is right-continuous at `times_days`.

    `n_at_risk` belongs to `RiskGroups.at_risk_days`, `survival_at` to the estimable horizons.
    """

    group: RiskGroup
    n: int
    n_events: int
    times_days: tuple[float, ...]
    survival: tuple[float, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    n_at_risk: tuple[int, ...]
    median: Estimate
    survival_at: dict[int, Estimate]


class RiskGroups(Record):
    """Low and high risk: above the cut-off is high, a median of the linear predictor.

    It is that of the training patients, frozen, or where `is_recut` that of the split itself.
    `hazard_ratio` is high against low risk, `rmst` the restricted means of low and high risk and
    what high differs by; it is None where a group has too few patients. A group without patients
    has no curve.
    """

    arm: TreatmentArm
    kind: ModelKind
    split: Split
    cutoff: float
    is_recut: bool = False
    at_risk_days: tuple[float, ...]
    curves: dict[RiskGroup, RiskGroupCurve]
    log_rank_p: float | None
    hazard_ratio: Estimate
    rmst: RmstContrast | None = None


class CalibrationAtHorizon(Record):
    """Predicted against observed survival by groups of predicted risk, and smoothed."""

    arm: TreatmentArm
    kind: ModelKind
    split: Split
    horizon_days: int
    groups: tuple[CalibrationGroup, ...]
    curve: CalibrationCurve | None = None


class RocAtHorizon(Record):
    """Cumulative/dynamic ROC curve at a horizon, weighted for censoring; `auc` is its area."""

    arm: TreatmentArm
    kind: ModelKind
    split: Split
    horizon_days: int
    false_positive_rate: tuple[float, ...]
    true_positive_rate: tuple[float, ...]
    auc: Estimate


class DecisionCurveAtHorizon(Record):
    """Net benefit of acting on the predicted risk of death by a horizon, at each threshold.

    `treat_all` is that of acting for everybody; acting for nobody has a net benefit of 0. A net
    benefit is None where the patients above the threshold are not followed to the horizon.
    """

    arm: TreatmentArm
    split: Split
    horizon_days: int
    n: int
    n_events: int
    thresholds: tuple[float, ...]
    models: dict[ModelKind, tuple[float | None, ...]]
    treat_all: tuple[float, ...]


class HazardTest(Record):
    """Whether a model's hazards are proportional in the training patients (R's `cox.zph`).

    Where cells were imputed the figures of a term are their medians over `n_tables` tables.
    """

    kind: ModelKind
    terms: tuple[TermTest, ...]
    all_terms: TermTest
    transform: Transform
    n: int
    n_events: int
    n_tables: int = 1


class UnexpectedSign(Record):
    """A coefficient against what is known of its predictor, which `expected` names."""

    kind: ModelKind
    label: str
    column: str
    coefficient: float
    expected: Direction


class ModelDifference(Record):
    """A figure of one model minus that of `reference` in the same patients.

    `p_value` is two-sided, of no difference; None where there is no test.
    """

    arm: TreatmentArm
    kind: ModelKind
    reference: ModelKind
    split: Split
    estimator: str
    estimate: Estimate
    p_value: float | None = None


class SampleSize(Record):
    """Whether the training patients suffice for a stable model (Riley et al. 2019).

    `expected_shrinkage` and `minimum_n` are None where the unpenalised model does not exist or
    explains no more than chance; `sentence` says what follows, in words for a report.
    """

    kind: ModelKind
    n: int
    n_events: int
    n_parameters: int
    events_per_parameter: float
    r2_cox_snell: float | None
    expected_shrinkage: float | None
    minimum_n: int | None
    minimum_events: int | None
    is_sufficient: bool
    sentence: str


class ArmModels(Record):
    """The Cox models of an arm with everything that is reported of them.

    With a null signature the DLRadiomics model has no predictor, the combined model is the
    clinical one and `nomogram_kind` is clinical; with an absent one there is the clinical model
    alone. The horizons are judged by the training patients.
    """

    schema_: Literal["armwise.arm_models/1"] = Field(default="armwise.arm_models/1", alias="schema")
    arm: TreatmentArm
    signature: SignatureState
    models: dict[ModelKind, CoxModel]
    ridge: dict[ModelKind, RidgeChoice]
    nomogram_kind: ModelKind
    horizons_estimable: tuple[int, ...]
    horizons_not_estimable: dict[int, str]
    evaluations: tuple[ModelEvaluation, ...]
    differences: tuple[ModelDifference, ...]
    risk_groups: tuple[RiskGroups, ...]
    calibration: tuple[CalibrationAtHorizon, ...]
    roc_curves: tuple[RocAtHorizon, ...]
    sample_size: dict[ModelKind, SampleSize]
    decision_curves: tuple[DecisionCurveAtHorizon, ...] = ()
    hazard_tests: tuple[HazardTest, ...] = ()
    unexpected_signs: tuple[UnexpectedSign, ...] = ()
    selection: Selection | None = None
    elimination: Elimination | None = None
    nonlinearity: tuple[Nonlinearity, ...] = ()
    imputation: ImputationReport | None = None
    notes: tuple[str, ...]
    adaptations: tuple[Adaptation, ...]
    quarantined: tuple[Quarantined, ...]

    @property
    def kinds(self) -> tuple[ModelKind, ...]:
        """The models that there are, in the vocabulary's order."""
        return tuple(kind for kind in ModelKind if kind in self.models)

    @property
    def nomogram_model(self) -> CoxModel:
        """The model that the arm's nomogram shows."""
        return self.models[self.nomogram_kind]

    def evaluation(self, kind: ModelKind, split: Split) -> ModelEvaluation:
        """How good a model is in a split.

        Raises:
            KeyError: It was not evaluated there.
        """
        for one in self.evaluations:
            if one.kind == kind and one.split == split:
                return one
        msg = f"{kind.value} was not evaluated on {split.value}"
        raise KeyError(msg)
