"""The horizon rule: until when a sample can say anything."""

import numpy as np

from components.survival.target import SurvivalTarget


def is_estimable(
    target: SurvivalTarget, horizon_days: float, *, minimum_events: int, minimum_at_risk: int
) -> bool:
    """Whether enough deaths lie at or before a horizon and enough patients are followed past it."""
    by = int(np.sum(target.event & (target.time_days <= horizon_days)))
    beyond = int(np.sum(target.time_days > horizon_days))
    return by >= minimum_events and beyond >= minimum_at_risk


def last_estimable_horizon(
    target: SurvivalTarget, *, minimum_events: int, minimum_at_risk: int
) -> float | None:
    """The largest whole day that `is_estimable` accepts, None where there is none."""
    if target.n < minimum_at_risk:
        return None
    last_followed = np.sort(target.time_days)[target.n - minimum_at_risk]
    horizon = float(np.ceil(last_followed) - 1)
    accepted = is_estimable(
        target, horizon, minimum_events=minimum_events, minimum_at_risk=minimum_at_risk
    )
    return horizon if accepted else None
