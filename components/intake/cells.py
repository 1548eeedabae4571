"""A spreadsheet's cells as numbers, words and dates.

A cell is text (CSV), or what a workbook holds: text, number, date, true or false, nothing.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Decimal = Literal[".", ","]
MISSING = frozenset({"", "na", "n/a", "nan", "#n/a", "null"})
"""Cells, in their compared form, that mean "not known" in every column."""

_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?"
_WHOLE = re.compile(r"^([+-]?\d+)\.0*$")
_PLAIN = re.compile(_NUMBER)
_LIMIT = re.compile(rf"(<=|>=|≤|≥|<|>)\s*({_NUMBER})")
_DATE = re.compile(
    r"\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}日?(?:[ t].*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}(?: .*)?"
)


def text_of(cell: Any) -> str:
    """A cell as text: 1.0 is "1", a date is ISO 8601, nothing is empty."""
    if cell is None or cell is pd.NaT:
        return ""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float):
        if np.isnan(cell):
            return ""
        return str(int(cell)) if cell.is_integer() and abs(cell) < 2**53 else repr(cell)
    if isinstance(cell, datetime):
        return (
            cell.isoformat(sep=" ") if cell.time().isoformat() != "00:00:00" else str(cell.date())
        )
    return cell.isoformat() if isinstance(cell, date) else str(cell)


def compared(text: str) -> str:
    """The form in which cells are compared: width, case and outer blanks do not count, 1.0 is 1."""
    form = unicodedata.normalize("NFKC", text).strip().casefold()
    return _WHOLE.sub(r"\1", form)


def id_of(cell: Any) -> str:
    """A patient id as text; 12.0, as a spreadsheet's export writes it, is 12."""
    return _WHOLE.sub(r"\1", text_of(cell).strip())


def missing_cells(column: pd.Series, also: frozenset[str] = frozenset()) -> NDArray[np.bool_]:
    """Which cells (n,) of a column mean "not known"; `also` holds further ones as compared."""
    nothing = MISSING | also
    return np.array([compared(text_of(cell)) in nothing for cell in column], dtype=bool)


def is_date(cell: Any) -> bool:
    """Whether a cell is a date, or text that reads as one."""
    return isinstance(cell, date) or bool(_DATE.fullmatch(compared(text_of(cell))))


@dataclass(frozen=True, eq=False)
class Numbers:
    """A column read as numbers, NaN where none could be read.

    `limits` marks cells such as "<2.0", read as their limit; `faults` says for a row's position
    what its cell is instead of a number, never its value.
    """

    values: NDArray[np.float64]
    limits: NDArray[np.bool_]
    faults: dict[int, str]


DATE = "a date"
OTHER_DECIMAL = "a number with the other decimal sign"
TEXT = "text"
INFINITE = "an infinite number"


def read_numbers(column: pd.Series, missing: NDArray[np.bool_], decimal: Decimal) -> Numbers:
    """A column (n,) as numbers.

    Args:
        column: Cells.
        missing: Which of them (n,) mean "not known".
        decimal: The sign before the fraction in text cells.
    """
    values = np.full(len(column), np.nan)
    limits = np.zeros(len(column), dtype=bool)
    faults: dict[int, str] = {}
    for row, cell in enumerate(column):
        if missing[row]:
            continue
        value, limit, fault = read_number(cell, decimal)
        if fault:
            faults[row] = fault
        else:
            values[row], limits[row] = value, limit
    return Numbers(values, limits, faults)


def read_number(cell: Any, decimal: Decimal) -> tuple[float, bool, str]:
    """The number of a cell, whether it is a limit ("<2.0"), and what is wrong with it or ""."""
    if isinstance(cell, (int, float)) and not isinstance(cell, bool):
        return _finite(float(cell), limit=False)
    if is_date(cell):
        return np.nan, False, DATE
    text = compared(text_of(cell))
    own, other = (text, "," in text) if decimal == "." else (text.replace(",", "."), "." in text)
    if not other and _PLAIN.fullmatch(own):
        return _finite(float(own), limit=False)
    if not other and (found := _LIMIT.fullmatch(own)):
        return _finite(float(found.group(2)), limit=True)
    if own in {"inf", "+inf", "-inf", "infinity", "+infinity", "-infinity"}:
        return np.nan, False, INFINITE
    swapped = text.replace(",", ".") if decimal == "." else text
    if other and _PLAIN.fullmatch(swapped):
        return np.nan, False, OTHER_DECIMAL
    return np.nan, False, TEXT


_UNIT_BEHIND = re.compile(r"((?:<=|>=|≤|≥|<|>)?\s*[+-]?[\d.,]*\d)\s*([^\W\d_%].*|%|/.+)")


def unit_apart(cell: Any) -> tuple[Any, str]:
    """A cell without the unit written behind its number, and the unit or ""."""
    if not isinstance(cell, str):
        return cell, ""
    found = _UNIT_BEHIND.fullmatch(compared(cell))
    if found is None or re.match(r"e[+-]?\d", found.group(2)):
        return cell, ""
    return found.group(1), found.group(2)


_SERIAL = re.compile(r"(\d{5})(?:\.\d+)?")
_SERIAL_ZERO = date(1899, 12, 30)
_SERIALS = (15_000, 60_000)
"""Days that a spreadsheet counts from its day zero: 1941 to 2064."""


def read_date(cell: Any, form: str) -> tuple[date | None, bool]:
    """The date of a cell, None where it is none, and whether a spreadsheet had counted its days.

    Args:
        cell: Text in the format `form` or ISO 8601, a workbook's date, or its count of days.
        form: As `strptime` takes it.
    """
    if isinstance(cell, datetime):
        return cell.date(), False
    if isinstance(cell, date):
        return cell, False
    text = unicodedata.normalize("NFKC", text_of(cell)).strip()
    for known in (form, "%Y-%m-%d", "%Y-%m-%d %H:%M:%S"):
        try:
            return datetime.strptime(text, known).date(), False
        except ValueError:
            continue
    found = _SERIAL.fullmatch(text)
    if found and _SERIALS[0] <= int(found.group(1)) <= _SERIALS[1]:
        return _SERIAL_ZERO + timedelta(days=int(found.group(1))), True
    return None, False


def _finite(value: float, *, limit: bool) -> tuple[float, bool, str]:
    return (value, limit, "") if np.isfinite(value) else (np.nan, False, INFINITE)
