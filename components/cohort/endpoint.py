"""Overall survival from the clinical table."""

import pandas as pd

from components.study.results import Adaptation
from components.survival.target import SurvivalTarget

DAY_ZERO_COUNTS_AS = 0.5
"""A death on the day of treatment is a death at half a day: no time may be zero."""


def with_endpoint(table: pd.DataFrame) -> tuple[pd.DataFrame, list[Adaptation]]:
    """The table with every day 0 counted as day 0.5, and the adaptations that say so."""
    on_day_zero = table["os_days"] == 0
    if not on_day_zero.any():
        return table, []
    patients = ", ".join(table.index[on_day_zero])
    said = Adaptation(
        step="endpoint",
        asked="follow-up in days above 0",
        done=f"day 0 counts as day {DAY_ZERO_COUNTS_AS} for {int(on_day_zero.sum())} patients",
        why=f"a survival time of zero cannot be analysed ({patients})",
    )
    changed = table.assign(os_days=table["os_days"].mask(on_day_zero, DAY_ZERO_COUNTS_AS))
    return changed, [said]


def survival_target(table: pd.DataFrame) -> SurvivalTarget:
    """The endpoint of a table's patients, in its order."""
    return SurvivalTarget.of(table["os_days"], table["death"] == 1)
