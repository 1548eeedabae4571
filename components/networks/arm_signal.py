"""Do the scores tell the patients apart, or only the arms?

Nearly every low-risk patient may have had the same treatment: a network that sees which arm a
patient is of then has a high pooled AUC and knows nothing. So the verdict is taken within the arms.
"""

from typing import Literal

from components.networks.honesty_records import ArmSignal
from components.networks.tuning import mean_figure, mean_standard_error
from components.study.results import Estimate
from components.study.vocabulary import TreatmentArm
from components.survival.intervals import wald_estimate
from components.survival.target import SurvivalTarget

_CHANCE = 0.5


def judge_signal(
    arm_targets: dict[TreatmentArm, Estimate],
    target: SurvivalTarget,
    *,
    pooled: Estimate,
    arm_only: Estimate,
    pooled_minus_arm_only: Estimate,
    n_configurations: int,
    n_arms: int,
    level: float,
) -> ArmSignal:
    """The verdict on the best of `n_configurations` networks.

    The largest of m figures exceeds a limit under chance m times as often as one does: the interval
    of the tuning target is taken at 1 - (1 - level)/m (Bonferroni).

    Args:
        arm_targets: The parts of the tuning target.
        target: Follow-up of the patients.
        pooled: Pooled AUC of the scores.
        arm_only: Pooled AUC of the arm alone.
        pooled_minus_arm_only: Their paired difference.
        n_configurations: How many configurations the scores were chosen among.
        n_arms: Arms of the patients; in one alone no arm can be told.
        level: Confidence level before the adjustment.
    """
    figures = list(arm_targets.values())
    value = mean_figure(figures)
    method = (
        f"mean over arms, out of fold, influence function, Bonferroni for {n_configurations} "
        "configurations"
    )
    if value is None:
        within = Estimate.not_estimable(
            "an arm has no figure", n=target.n, n_events=target.n_events, method=method
        )
    else:
        within = wald_estimate(
            target,
            value,
            mean_standard_error(figures),
            method=method,
            level=1.0 - (1.0 - level) / n_configurations,
            bounds=(0.0, 1.0),
        )
    return ArmSignal(
        verdict=_verdict(within, pooled, pooled_minus_arm_only, n_arms=n_arms),
        within=within,
        pooled=pooled,
        arm_only=arm_only,
        pooled_minus_arm_only=pooled_minus_arm_only,
        n_configurations=n_configurations,
    )


def _verdict(
    within: Estimate, pooled: Estimate, difference: Estimate, *, n_arms: int
) -> Literal["patients", "arm_only", "unclear", "nothing"]:
    if _is_above(within, _CHANCE):
        return "patients"
    if n_arms < 2 or not _is_above(pooled, _CHANCE):
        return "nothing"
    return "unclear" if _is_above(difference, 0.0) else "arm_only"


def _is_above(estimate: Estimate, limit: float) -> bool:
    return estimate.lower is not None and estimate.lower > limit


def signal_sentence(signal: ArmSignal) -> str | None:
    """What a reader must know first; None where the scores evidently tell the patients apart."""
    if signal.verdict == "patients":
        return None
    within = (
        f"within the arms the selected figure is {signal.within.text()}, an interval that includes "
        f"0.5 (adjusted for the {signal.n_configurations} configurations tried)"
        if signal.within.value is not None
        else "within the arms there is no figure"
    )
    pooled = f"pooled AUC {signal.pooled.text()}"
    alone = f"the arm alone has {signal.arm_only.text()}"
    if signal.verdict == "arm_only":
        return (
            f"The network's scores tell the arms apart, not the patients: {pooled} is no more than "
            f"{alone}, and {within}."
        )
    if signal.verdict == "unclear":
        return (
            "Whether the network's scores tell the patients of an arm apart is not shown: "
            f"{pooled} exceeds what {alone}, but {within}."
        )
    return f"The network's scores tell nobody apart: {within}, and {pooled}."
