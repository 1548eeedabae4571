"""What a clinical sheet allows, in sentences."""

import math

from components.arms.feasibility_records import ArmFeasibility, ModelSize
from components.reporting.wording import count_text, days_text
from components.study.protocol import Protocol

_QUARTERS_SAID = 8


def arm_sentences(arm: ArmFeasibility, protocol: Protocol) -> tuple[str, ...]:
    """Which horizons the arm can speak of, and whether its models have enough patients."""
    label_days = protocol.label.horizon_days
    said = [_horizons(arm)]
    unknown = [one for one in arm.horizons if one.horizon_days == label_days]
    if unknown and arm.n:
        share = unknown[0].n_unknown / arm.n
        said.append(
            f"{arm.arm.label}: {unknown[0].n_unknown} of {arm.n} patients ({100 * share:.0f}%) are "
            f"censored before {days_text(label_days)}, so that their label is unknown."
        )
    said.append(_size(arm))
    return tuple(said)


def _horizons(arm: ArmFeasibility) -> str:
    able = [days_text(one.horizon_days) for one in arm.horizons if one.is_estimable_in_test]
    name = arm.arm.label
    if len(able) == len(arm.horizons):
        return f"{name}: every horizon can be judged in the test patients ({', '.join(able)})."
    asked = []
    for one in arm.horizons:
        if one.is_estimable_in_test:
            continue
        told = one.why or _more(arm, one.further)
        asked.append(f"{days_text(one.horizon_days)}: {told}")
    judged = f"judged in the test patients: {', '.join(able) or 'no horizon'}"
    return f"{name}: {judged}; not {'; '.join(asked)}."


def _more(arm: ArmFeasibility, further: int | None) -> str:
    """So many more patients, and the time that they take to come."""
    if not further:
        return "nothing more"
    pace = arm.accrual.per_quarter if arm.accrual is not None else 0.0
    needed = f"{count_text(further, 'more patient')} like these"
    if not pace:
        return needed
    return f"{needed} ({time_to_recruit(further, pace)} at {pace:.1f} a quarter)"


def time_to_recruit(n: int, per_quarter: float) -> str:
    """How long so many patients take to come: quarters, or years where it is long."""
    quarters = math.ceil(n / per_quarter)
    if quarters <= _QUARTERS_SAID:
        return count_text(quarters, "quarter")
    return count_text(round(quarters / 4), "year")


def _size(arm: ArmFeasibility) -> str:
    name = arm.arm.label
    if not arm.sizes:
        return f"{name}: the mapping names no predictor that varies, so that there is no model."
    first = arm.sizes[0]
    head = (
        f"{name}: {count_text(first.n_parameters, 'candidate parameter')}, {arm.n_train_events} "
        f"training deaths ({arm.n_train_events / max(first.n_parameters, 1):.1f} a parameter)"
    )
    if first.shrinkage is None:
        return f"{head}; without a penalty no estimate exists."
    if first.minimum_n is not None:
        return f"{head}, expected shrinkage {first.shrinkage:.2f}; {_least(arm, first)}."
    planned = _least(arm, arm.sizes[1])
    return f"{head}; they explain no more than chance would. Planned for: {planned}."


def _least(arm: ArmFeasibility, size: ModelSize) -> str:
    facts = (
        f"Riley's criteria ask for {size.minimum_n} training patients, there are {size.n_fitted}"
    )
    if not size.further:
        return f"{facts}: enough"
    return f"{facts}: {_more(arm, size.further)} in training and test together"


def gate_sentence(arm: ArmFeasibility) -> str:
    """What the size of the test set means for the gate."""
    gate = arm.gate
    if not gate.n_test:
        return f"{arm.arm.label}: no test patient, so that no model can be promoted."
    return (
        f"{arm.arm.label}: with {count_text(gate.n_test, 'test patient')} the difference in C of "
        f"two models has a standard error of about {gate.standard_error:.3f}; a later model just "
        f"as good as the champion passes in this arm with a chance of {100 * gate.chance:.0f}%."
    )
