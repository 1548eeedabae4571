"""What keeps a search honest, as records: arm against patients, pairs of backbones."""

from typing import Literal

from components.study.results import Estimate, Record


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
