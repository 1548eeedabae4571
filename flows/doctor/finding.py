"""One thing that was looked at: what was expected, what came, what to do."""

from typing import Literal

from components.study.results import Record

Status = Literal["ok", "warning", "missing"]


class Finding(Record):
    """A line of `armwise doctor`. A run cannot do without what is `missing`."""

    name: str
    status: Status
    expected: str
    found: str
    advice: str = ""


def judged(name: str, status: Status, *, expected: str, found: str, advice: str = "") -> Finding:
    """A finding whose advice is shown only where something is wrong."""
    return Finding(
        name=name,
        status=status,
        expected=expected,
        found=found,
        advice="" if status == "ok" else advice,
    )


def at_least(
    name: str, found: float, *, least: float, good: float, unit: str, advice: str
) -> Finding:
    """Missing below `least`, a warning below `good`."""
    status: Status = "missing" if found < least else "warning" if found < good else "ok"
    expected = f"at least {least:.1f} {unit}"
    if good > least:
        expected += f", better {good:.1f}"
    return judged(name, status, expected=expected, found=f"{found:.1f} {unit}", advice=advice)
