"""Intervals that stand for a sheet's dates: days to the CT, to the data cut, the quarter."""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd

from components.errors import UsageError
from components.intake.clinical_columns import ColumnReader, days_apart
from components.intake.mapping import ColumnMapping


def treatment_dates(reader: ColumnReader, mapping: ColumnMapping) -> list[date | None] | None:
    """Each row's day of treatment, None where the mapping names no column of it."""
    if mapping.dates is not None and mapping.dates.treatment is not None:
        return reader.dates("dates", mapping.dates.treatment, mapping.dates.format)
    if mapping.follow_up.start is not None:
        return reader.dates("follow_up", mapping.follow_up.start, mapping.follow_up.format)
    return None


def interval_columns(
    reader: ColumnReader, mapping: ColumnMapping, treated: Sequence[date | None]
) -> dict[str, object]:
    """The columns (n,) that stand for dates, as far as the mapping names these.

    `days_ct_to_treatment`, `days_to_data_cut` (from treatment), `in_enrolment_window` and
    `treatment_quarter` ("2016Q3", for splits by time).
    """
    dates = mapping.dates
    if dates is None:
        return {}
    quarters = [quarter(day) for day in treated]
    columns: dict[str, object] = {"treatment_quarter": pd.Series(quarters, dtype=object)}
    if dates.ct is not None:
        examined = reader.dates("dates", dates.ct, dates.format)
        columns["days_ct_to_treatment"] = days_apart(examined, treated)
    if dates.data_cut is not None:
        cut = _study_date("dates.data_cut", dates.data_cut)
        columns["days_to_data_cut"] = days_apart(treated, [cut] * len(treated))
    if dates.enrolment is not None:
        first, last = (_study_date("dates.enrolment", text) for text in dates.enrolment)
        inside = [None if day is None else first <= day <= last for day in treated]
        columns["in_enrolment_window"] = pd.Series(inside, dtype="boolean")
    return columns


def quarter(day: date | None) -> str | None:
    """The quarter of a day, such as "2016Q3"."""
    return None if day is None else f"{day.year}Q{(day.month + 2) // 3}"


def disagreeing(days: np.ndarray, from_column: np.ndarray, tolerance_days: float) -> list[int]:
    """The rows whose time by dates and time by column (n,) differ by more than the tolerance."""
    with np.errstate(invalid="ignore"):
        return np.flatnonzero(np.abs(days - from_column) > tolerance_days).tolist()


def _study_date(key: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        msg = f"{key}: expected a date such as 2024-12-31, came '{text}'"
        raise UsageError(msg) from None
