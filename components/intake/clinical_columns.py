"""Columns of a clinical sheet as armwise's: numbers in its units, levels, yes and no, days."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.intake.cells import (
    DATE,
    OTHER_DECIMAL,
    Decimal,
    compared,
    missing_cells,
    read_date,
    read_numbers,
    text_of,
    unit_apart,
)
from components.intake.findings import Findings
from components.intake.mapping import ColumnMapping
from components.intake.spreadsheets import Sheet
from components.intake.units import spelled

_REFUSED_SHARE = 0.5
_DIGITS = 9
_SHOWN_FROM = 5
"""A cell value that fewer rows hold could be one patient's: it is counted, never shown."""


class ColumnReader:
    """Reads the columns of one sheet by one mapping; what it finds goes into `findings`."""

    def __init__(self, sheet: Sheet, mapping: ColumnMapping, findings: Findings) -> None:
        self.findings = findings
        self._sheet = sheet
        self._decimal: Decimal = mapping.decimal
        self._missing = mapping.missing

    def _cells(self, column: str, also: Sequence[str]) -> tuple[pd.Series, NDArray[np.bool_]]:
        cells = self._sheet.cells[column]
        nothing = frozenset(compared(text) for text in (*self._missing, *also))
        return cells, missing_cells(cells, nothing)

    def numbers(
        self,
        key: str,
        column: str,
        *,
        missing: Sequence[str] = (),
        units: Mapping[str, float] | None = None,
    ) -> NDArray[np.float64]:
        """Numbers (n,) in the sheet's unit, NaN where unknown or unusable.

        `units` holds, by unit as it may stand behind a number in a cell, the factor to the sheet's.
        """
        cells, nothing = self._cells(column, missing)
        cells, factors = self._without_units(key, column, cells, units or {})
        read = read_numbers(cells, nothing, self._decimal)
        if read.limits.any():
            self.findings.adapted(
                f"{key}: measured values",
                f"{int(read.limits.sum())} values such as '<2.0' read as the limit itself",
                f"column '{column}' gives a detection limit, not a value",
            )
        self._judge(key, column, read.faults, int((~nothing).sum()))
        return np.where(factors == 1, read.values, np.round(read.values * factors, _DIGITS))

    def _without_units(
        self, key: str, column: str, cells: pd.Series, units: Mapping[str, float]
    ) -> tuple[pd.Series, NDArray[np.float64]]:
        """Cells without the units behind their numbers, and the factors (n,) that these mean."""
        by_spelling = {spelled(unit): value for unit, value in units.items()}
        factors = np.ones(len(cells))
        bare, n_converted = [], 0
        for row, cell in enumerate(cells):
            number, unit = unit_apart(cell)
            known = by_spelling.get(spelled(unit)) if unit else None
            bare.append(cell if known is None else number)
            factors[row] = 1.0 if known is None else known
            n_converted += factors[row] != 1
        if n_converted:
            self.findings.adapted(
                f"{key}: one unit in the column",
                f"{n_converted} values converted from the unit written behind them",
                f"column '{column}' holds numbers in several units",
            )
        return pd.Series(bare, dtype=object), factors

    def _judge(self, key: str, column: str, faults: Mapping[int, str], n_known: int) -> None:
        counts = Counter(faults.values())
        for fault, n in counts.items():
            rows = [row for row, found in faults.items() if found == fault]
            remedy = self._remedy(key, fault)
            if n > _REFUSED_SHARE * n_known:
                self.findings.refused.append(
                    f"{key}: column '{column}': expected numbers, {n} of {n_known} cells hold "
                    f"{fault} (patients {self.findings.names(rows)}); {remedy}"
                )
            else:
                reason = f"column '{column}' ({key}): expected a number, came {fault}; {remedy}"
                self.findings.set_aside(rows, reason)

    def _remedy(self, key: str, fault: str) -> str:
        if fault == DATE and key == "follow_up":
            return "map a time, or both dates as start and end"
        if fault == OTHER_DECIMAL:
            other = "," if self._decimal == "." else "."
            return f"set decimal: '{other}' in the mapping, or write all with '{self._decimal}'"
        return "correct the cells, empty them, or list them under missing"

    def levels(
        self,
        key: str,
        column: str,
        levels: Mapping[str, Sequence[str]],
        *,
        missing: Sequence[str] = (),
    ) -> pd.Series:
        """The level of each row (n,), None where unknown or unusable."""
        by_form = {compared(text): level for level, cells in levels.items() for text in cells}
        cells, nothing = self._cells(column, missing)
        forms = [compared(text_of(cell)) for cell in cells]
        found = [
            by_form.get(form) if form in by_form or not empty else None
            for form, empty in zip(forms, nothing, strict=True)
        ]
        unknown = [
            row for row, form in enumerate(forms) if not nothing[row] and form not in by_form
        ]
        if unknown:
            self._unknown_levels(key, column, levels, unknown, int((~nothing).sum()))
        self._tell_merged(key, column, forms, levels)
        return pd.Series(found, dtype=object)

    def _unknown_levels(
        self,
        key: str,
        column: str,
        levels: Mapping[str, Sequence[str]],
        rows: Sequence[int],
        n_known: int,
    ) -> None:
        cells = self._sheet.cells[column]
        counts = Counter(text_of(cells.iloc[row]).strip() for row in rows)
        often = [f"'{text}' ({n} rows)" for text, n in counts.items() if n >= _SHOWN_FROM]
        shown = f" ({', '.join(often)})" if often else ""
        aside = "other" if key == "arm" else "missing"
        remedy = f"list them under {', '.join(levels)}, or under {aside}"
        if len(rows) == n_known:
            self.findings.refused.append(
                f"{key}: column '{column}': none of its {n_known} cells is a value that the "
                f"mapping lists{shown}; {remedy}"
            )
            return
        reason = f"column '{column}' ({key}): a value that the mapping does not list; {remedy}"
        self.findings.set_aside(rows, reason)
        if often:
            self.findings.notes.append(
                f"{key}: column '{column}' holds values that the mapping does not list"
                f"{shown}; {remedy}."
            )

    def _tell_merged(
        self, key: str, column: str, forms: Sequence[str], levels: Mapping[str, Sequence[str]]
    ) -> None:
        counts = Counter(forms)
        for level, cells in levels.items():
            found = {compared(text): text for text in cells if compared(text) in counts}
            if len(found) > 1:
                listed = ", ".join(f"'{text}' {counts[form]}" for form, text in found.items())
                self.findings.notes.append(
                    f"{key}: column '{column}': {len(found)} codings ({listed} rows) are read as "
                    f"'{level}'."
                )

    def words(self, column: str) -> pd.Series:
        """Cells as text (n,), None where unknown."""
        cells, nothing = self._cells(column, ())
        pairs = zip(cells, nothing, strict=True)
        words = [None if empty else text_of(cell).strip() for cell, empty in pairs]
        return pd.Series(words, dtype=object)

    def days_between(self, start: str, end: str, form: str) -> NDArray[np.float64]:
        """Days (n,) from one date to another; no date leaves this function."""
        begun = self.dates("follow_up", start, form)
        return days_apart(begun, self.dates("follow_up", end, form))

    def dates(self, key: str, column: str, form: str) -> list[date | None]:
        """The dates of a column, None where unknown or unusable; they must not be kept."""
        cells, nothing = self._cells(column, ())
        pairs = zip(cells, nothing, strict=True)
        read = [(None, False) if empty else read_date(cell, form) for cell, empty in pairs]
        dates = [day for day, _ in read]
        if n_counted := sum(counted for _, counted in read):
            self.findings.adapted(
                f"{key}: dates as '{form}'",
                f"{n_counted} cells read as the days that a spreadsheet counts from 1900",
                f"column '{column}' holds numbers of five digits",
            )
        bad = [row for row, day in enumerate(dates) if day is None and not nothing[row]]
        n_known, who = int((~nothing).sum()), self.findings.names(bad)
        if len(bad) > _REFUSED_SHARE * n_known:
            self.findings.refused.append(
                f"{key}: column '{column}': expected dates as '{form}', {len(bad)} of "
                f"{n_known} cells are none (patients {who}); correct {key}.format"
            )
        elif bad:
            reason = f"column '{column}' ({key}): expected a date as '{form}'; correct the cell"
            self.findings.set_aside(bad, reason)
        return dates


def days_apart(begun: Sequence[date | None], ended: Sequence[date | None]) -> NDArray[np.float64]:
    """Days (n,) from the first dates to the second, NaN where one is not known."""
    pairs = zip(begun, ended, strict=True)
    return np.array([(b - a).days if a and b else np.nan for a, b in pairs], dtype=np.float64)
