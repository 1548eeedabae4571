"""What keeps a search honest, as records: arm against patients, pairs, nested folds, seeds."""

from typing import Literal

from pydantic import Field

from components.study.results import Estimate, Record, estimate_metrics, metric_name
from components.study.vocabulary import TreatmentArm
from components.survival.label_calibration import LabelCalibration

NETWORK = "dl_probability"
"""The networks' name in the figures."""


class ArmSignal(Record):
    """Whether a network's scores tell the patients apart, or only the arms.

    `within` is the tuning target, at a level adjusted for the configurations that it was chosen
    among; `pooled_minus_arm_only` the pooled AUC minus that of knowing nothing but the arm, paired.

    - `patients`: `within` lies above 0.5.
    - `arm_only`: it does not; the pooled AUC does, and is not above the arm's own.
    - `unclear`: it does not, but the pooled AUC is above the arm's own.
    - `nothing`: neither lies above 0.5.
    """

    verdict: Literal["patients", "arm_only", "unclear", "nothing"]
    within: Estimate
    pooled: Estimate
    arm_only: Estimate
    pooled_minus_arm_only: Estimate
    n_configurations: int


class BackbonePair(Record):
    """Two backbones' tuning targets on the same patients: first minus second.

    `p_holm` is adjusted for all pairs that were tested; the p-values are None where the difference
    has no variance.
    """

    first: str
    second: str
    difference: Estimate
    p: float | None
    p_holm: float | None


class Temperature(Record):
    """`temperature.json`: what a network's logits are to be divided by, and what that changes.

    Fitted on out-of-fold probabilities of the fold networks, for the refit network beside which it
    is stored; log losses are weighted for censoring.
    """

    schema_: Literal["armwise.temperature/1"] = Field(
        default="armwise.temperature/1", alias="schema"
    )
    temperature: float = Field(gt=0)
    horizon_days: float
    n_patients: int
    log_loss_before: float
    log_loss_after: float


class ProbabilityCalibration(Record):
    """Calibration of out-of-fold probabilities; `temperature` is None where none mends them."""

    by_arm: dict[TreatmentArm, LabelCalibration]
    pooled: LabelCalibration
    temperature: Temperature | None

    def metrics(self) -> dict[str, float]:
        """The figures under their names in MLflow."""
        groups = {arm.value: one for arm, one in self.by_arm.items()} | {"pooled": self.pooled}
        found: dict[str, float] = {}
        for group, one in groups.items():
            for estimator, estimate in (
                ("label_cal_intercept", one.in_the_large),
                ("label_cal_slope", one.slope),
            ):
                name = metric_name("oof", group, NETWORK, estimator, estimate.horizon_days)
                found |= estimate_metrics(name, estimate)
        if self.temperature is not None:
            name = metric_name("oof", "pooled", NETWORK, "temperature")
            found[name] = self.temperature.temperature
        return found


class NestedNetworks(Record):
    """Repeated nested cross-validation of the networks: the whole selection anew in each fold.

    `estimate` is of the mean over arms, `by_arm` of each arm; `values` holds the means of each
    fold, a row for each draw of the folds, None where an arm of the fold has no figure (`missing`
    counts the reasons). `chosen` counts the folds by the backbone that was chosen in them. Each
    of `n_configurations` a backbone was trained for `epochs` epochs, without halving.
    """

    schema_: Literal["armwise.nested_networks/1"] = Field(
        default="armwise.nested_networks/1", alias="schema"
    )
    estimate: Estimate
    by_arm: dict[TreatmentArm, Estimate]
    values: tuple[tuple[float | None, ...], ...]
    sd_folds: float | None
    sd_repeats: float | None
    chosen: dict[str, int]
    missing: dict[str, int]
    n_folds: int
    n_repeats: int
    inner_folds: int
    n_configurations: int
    epochs: int
    level: float
    seed: int
    merged_strata: tuple[str, ...] = ()

    def metrics(self) -> dict[str, float]:
        """The figures under their names in MLflow."""
        name = metric_name("nested", "mean_of_arms", NETWORK, "tuning_target")
        found = estimate_metrics(name, self.estimate)
        for arm, estimate in self.by_arm.items():
            name = metric_name("nested", arm.value, NETWORK, "tuning_target", estimate.horizon_days)
            found |= estimate_metrics(name, estimate)
        return found


class SeedSpread(Record):
    """The chosen configuration's tuning target under several seeds, the search's own first.

    Folds stay; the weights' first values, the order of the patients and the augmentation are drawn
    anew. `sd` is over all seeds; a seed under which training diverged is None.
    """

    configuration: str
    values: tuple[float | None, ...]
    sd: float | None
    lowest: float | None
    highest: float | None

    def metrics(self) -> dict[str, float]:
        """The figures under their names in MLflow."""
        name = metric_name("oof", "mean_of_arms", NETWORK, "tuning_target")
        parts = {"sd_seeds": self.sd, "lowest_seed": self.lowest, "highest_seed": self.highest}
        return {f"{name}_{part}": value for part, value in parts.items() if value is not None}


class NetworkChecks(Record):
    """What was done beside the search to know what its figure is worth; None where it was not."""

    nested: NestedNetworks | None = None
    seeds: SeedSpread | None = None

    def metrics(self) -> dict[str, float]:
        """The figures under their names in MLflow."""
        nested = {} if self.nested is None else self.nested.metrics()
        return nested | ({} if self.seeds is None else self.seeds.metrics())
