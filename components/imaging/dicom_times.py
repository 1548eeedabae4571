"""Dates and times of DICOM headers, and the time from the injection of contrast to the scan."""

import re
from datetime import date

_DAY_SECONDS = 86_400
LONGEST_DELAY_SECONDS = 7_200.0
"""More is no phase of a contrast scan: the clock times belong to different injections."""

_TIME = re.compile(r"(\d{2}):?(?:(\d{2}):?(?:(\d{2})(\.\d{1,6})?)?)?")
_DATE = re.compile(r"(\d{4})[.\-/]?(\d{2})[.\-/]?(\d{2})")


def read_date(text: str | None) -> date | None:
    """The date of a DA or DT value; None where it is blank or no date."""
    found = _DATE.match((text or "").strip())
    if found is None:
        return None
    try:
        day = date(*(int(part) for part in found.groups()))
    except ValueError:
        return None
    return day if 1970 <= day.year <= 2100 else None


def read_seconds(text: str | None) -> float | None:
    """Seconds since midnight of a TM value (`HHMMSS.ffffff`, cut anywhere); None if unreadable."""
    found = _TIME.match((text or "").strip())
    if found is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in found.groups()[:3])
    if hours > 23 or minutes > 59 or seconds > 60:
        return None
    return hours * 3600.0 + minutes * 60.0 + seconds + float(found.group(4) or 0)


def acquired_at(time_text: str | None, datetime_text: str | None) -> float | None:
    """Seconds since midnight at which a slice was scanned, by Acquisition Time or DateTime."""
    from_time = read_seconds(time_text)
    if from_time is not None:
        return from_time
    found = _DATE.match((datetime_text or "").strip())
    return None if found is None else read_seconds((datetime_text or "").strip()[found.end() :])


def seconds_between(start: float | None, end: float | None) -> float | None:
    """Seconds from injection to scan, both since midnight and midnight maybe between them.

    None where one is unknown, the scan came first, or more than two hours lie between.
    """
    if start is None or end is None:
        return None
    passed = (end - start) % _DAY_SECONDS
    return passed if passed <= LONGEST_DELAY_SECONDS else None
