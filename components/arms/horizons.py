"""Which of the study's horizons a sample can speak of, and why not the others."""

from collections.abc import Sequence

import numpy as np

from components.study.protocol import EvaluationSection
from components.survival.horizons import is_estimable, last_estimable_horizon
from components.survival.target import SurvivalTarget


def not_estimable_horizons(
    target: SurvivalTarget, horizons_days: Sequence[int], section: EvaluationSection
) -> dict[int, str]:
    """The horizons that the horizon rule refuses, each with its reason."""
    return {
        days: _reason(target, days, section)
        for days in horizons_days
        if not is_estimable(
            target,
            days,
            minimum_events=section.minimum_events_before,
            minimum_at_risk=section.minimum_at_risk_after,
        )
    }


def uno_tau_days(target: SurvivalTarget, section: EvaluationSection) -> float | None:
    """The last estimable horizon of these patients, to which Uno's C looks."""
    return last_estimable_horizon(
        target,
        minimum_events=section.minimum_events_before,
        minimum_at_risk=section.minimum_at_risk_after,
    )


def _reason(target: SurvivalTarget, days: int, section: EvaluationSection) -> str:
    deaths = int(np.sum(target.event & (target.time_days <= days)))
    beyond = int(np.sum(target.time_days > days))
    return (
        f"{deaths} deaths by and {beyond} patients seen beyond {days} days, at least "
        f"{section.minimum_events_before} and {section.minimum_at_risk_after} are needed"
    )
