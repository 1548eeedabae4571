"""What a search of backbones tries and finds, as records without arrays or torch."""

from typing import Literal

from pydantic import Field

from components.networks.honesty_records import ArmSignal, BackbonePair, ProbabilityCalibration
from components.study.results import Adaptation, ArtifactRef, Estimate, Record
from components.study.vocabulary import TreatmentArm
from components.survival.time_roc import RocCurve


class Configuration(Record):
    """One way of training a backbone; `number` counts from 0 within the backbone."""

    backbone: str
    number: int
    learning_rate: float
    weight_decay: float
    dropout: float
    label_smoothing: float

    @property
    def key(self) -> str:
        """Its name in files, runs and tables, for example `resnet18-0`."""
        return f"{self.backbone}-{self.number}"


class ArmTarget(Record):
    """What tells good from bad in an arm: the estimator and its horizon."""

    estimator: Literal["auc_cd", "c_uno"]
    horizon_days: float


class TuningPlan(Record):
    """The tuning target: the mean of these figures, each within its arm and out of fold."""

    arms: dict[TreatmentArm, ArmTarget]
    adaptations: tuple[Adaptation, ...]


class EpochMetrics(Record):
    """A trial after an epoch. Figures are None where training diverged."""

    epoch: int
    train_loss: float | None
    tuning_target: float | None
    arms: dict[TreatmentArm, float | None]
    seconds: float


class TrialResult(Record):
    """A configuration as far as it was trained.

    `oof_scores` follow the search's `patient_ids`: each patient's probability of high risk from
    the fold network that has not seen them. `fold_networks` holds one weights file a fold for a
    finished trial and nothing for a stopped one. `seconds` are of training, waiting left out.
    `initialization` is what the networks started from: `random`, or a file with its digest.
    `stopped_epochs` are those whose weights count, one a fold; none without early stopping.
    """

    configuration: Configuration
    status: Literal["finished", "stopped"]
    epochs_done: int
    history: tuple[EpochMetrics, ...]
    seconds: float
    oof_scores: tuple[float | None, ...]
    fold_networks: tuple[ArtifactRef, ...]
    stopped_epochs: tuple[int, ...] = ()
    initialization: str | None = None
    adaptations: tuple[Adaptation, ...] = ()

    @property
    def tuning_target(self) -> float | None:
        """The tuning target after the last epoch."""
        return self.history[-1].tuning_target if self.history else None

    @property
    def has_diverged(self) -> bool:
        """Whether its loss is no longer a number."""
        return bool(self.history) and self.history[-1].train_loss is None


class SearchResult(Record):
    """All trials of a search, in the order of its configurations.

    `fold_of` gives each patient's fold. `total_epochs` is the length of a full training;
    `device` and `mixed_precision` are those that the trials really used; `method` is the
    protocol's.
    """

    method: str = "synchronous_halving"
    trials: tuple[TrialResult, ...]
    patient_ids: tuple[str, ...]
    fold_of: tuple[int, ...]
    total_epochs: int
    tuning: TuningPlan
    device: str
    mixed_precision: bool
    adaptations: tuple[Adaptation, ...]


class OnTestPatients(Record):
    """A backbone, refitted on all training patients, on the test patients, arms pooled."""

    auc: Estimate
    accuracy: Estimate
    sensitivity: Estimate
    specificity: Estimate


class BackboneRow(Record):
    """A backbone's best configuration in the comparison table; every figure is out of fold.

    `tuning_target` is a maximum over configurations: *selected*, not a performance.
    `arm_targets` are its parts. AUCs are at the label's horizon; `pooled_auc` is to be read only
    beside `arm_only_auc`, the AUC of knowing nothing but the arm: `signal` does so. `cutoff` is
    Youden's. `roc` pools the arms, `arm_rocs` are within those whose AUC is
    estimable. `on_test` is there only where the protocol lets the test patients choose.
    """

    backbone: str
    configuration: Configuration
    multiply_adds: int
    is_chosen: bool
    epochs_done: int
    tuning_target: Estimate
    standard_error: float
    arm_targets: dict[TreatmentArm, Estimate]
    within_arm_auc: dict[TreatmentArm, Estimate]
    pooled_auc: Estimate
    arm_only_auc: Estimate
    cutoff: float
    accuracy: Estimate
    sensitivity: Estimate
    specificity: Estimate
    roc: RocCurve
    arm_rocs: dict[TreatmentArm, RocCurve] = Field(default_factory=dict)
    on_test: OnTestPatients | None = None
    stopped_epochs: tuple[int, ...] = ()
    signal: ArmSignal | None = None
    calibration: ProbabilityCalibration | None = None
    initialization: str | None = None


class BackboneChoice(Record):
    """The backbone and configuration that go on, why, and the table they were chosen from.

    With `unknown_dropped` the table's AUCs and shares are of patients with a known label alone.
    `pairs` sets the backbones against each other.
    """

    backbone: str
    configuration: Configuration
    reason: str
    rows: tuple[BackboneRow, ...]
    unknown_dropped: bool = False
    pairs: tuple[BackbonePair, ...] = ()

    @property
    def chosen_row(self) -> BackboneRow | None:
        """The chosen backbone's row."""
        return next((row for row in self.rows if row.is_chosen), None)


class NetworkCard(Record):
    """`network.json`: a trained network beside its weights file.

    `initialization` is `random` or the weights file with its digest. `imaging_hash` is that of the
    protocol section which made the crops; `crop_px` their size.
    """

    schema_: Literal["armwise.network/1"] = Field(default="armwise.network/1", alias="schema")
    network_id: str
    configuration: Configuration
    feature_layer: str
    width: int
    crop_px: int
    channels: tuple[str, ...]
    imaging_hash: str
    initialization: str
    epochs: int
    seed: int
    n_patients: int
    train_loss: float | None
    weights_sha256: str
    adaptations: tuple[Adaptation, ...] = ()
    loss: Literal["binary", "discrete_hazard", "cox"] = "binary"
