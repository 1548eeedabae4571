"""A spreadsheet's cells under its header, and where the header is."""

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from components.errors import CohortRejected
from components.intake.cells import compared, text_of
from components.intake.findings import named
from components.intake.mapping_parts import TableFormat
from components.intake.table_files import read_grid
from components.study.results import Adaptation

_HEAD_ROWS = 20
_FULL_SHARE = 0.8


@dataclass(frozen=True, eq=False)
class Sheet:
    """A sheet's cells under its header; `rows` are the sheet's own row numbers, the first is 1."""

    name: str
    cells: pd.DataFrame
    rows: tuple[int, ...]
    adaptations: tuple[Adaptation, ...]

    @property
    def columns(self) -> list[str]:
        """The header."""
        return list(self.cells.columns)


def read_sheet(path: Path, form: TableFormat, *, wanted: Collection[str] = ()) -> Sheet:
    """The cells of a spreadsheet; rows without anything in them are left out.

    Args:
        path: CSV (any text table) or XLSX.
        form: Header row, sheet, encoding, separator, size limit.
        wanted: Columns that will be needed: where they are in another row, the message says which.

    Raises:
        CohortRejected: The file is missing, too large, empty, or no table.
    """
    grid, said = read_grid(path, form)
    return _under_header(grid, path.name, form, wanted, said)


def probable_header_row(path: Path, form: TableFormat) -> int:
    """The number of the row that looks like the header: the first full one, all of it words.

    Raises:
        CohortRejected: As `read_sheet`.
    """
    grid, _ = read_grid(path, form)
    head = [[text_of(cell).strip() for cell in row] for row in grid.head(_HEAD_ROWS).to_numpy()]
    filled = [sum(map(bool, row)) for row in head]
    for number, row in enumerate(head, start=1):
        words = [text for text in row if text and not text.replace(".", "").isdigit()]
        if len(words) >= _FULL_SHARE * max(filled):
            return number
    return form.header_row


def require_columns(sheet: Sheet, wanted: Mapping[str, str]) -> None:
    """Refuses a sheet that lacks columns; `wanted` gives the column by key of the mapping.

    Raises:
        CohortRejected: It names the columns and near matches.
    """
    parts = []
    for key, column in wanted.items():
        if column not in sheet.columns:
            near = difflib.get_close_matches(column, sheet.columns, n=3, cutoff=0.5)
            hint = f" (near: {', '.join(repr(one) for one in near)})" if near else ""
            parts.append(f"'{column}' for {key}{hint}")
    if parts:
        msg = (
            f"{sheet.name}: expected the column {', '.join(parts)}, found none of that name; "
            "correct the mapping"
        )
        raise CohortRejected(msg)


def _under_header(
    grid: pd.DataFrame,
    name: str,
    form: TableFormat,
    wanted: Collection[str],
    said: list[Adaptation],
) -> Sheet:
    if len(grid) < form.header_row:
        msg = f"{name}: header_row is {form.header_row}, the sheet has {len(grid)} rows"
        raise CohortRejected(msg)
    names = _header(grid, form.header_row)
    _check_header(grid, name, names, form, wanted)
    filled = grid.iloc[form.header_row :]
    said = [*said, *_uneven(grid, name, form.header_row)]
    filled = filled[[_has_cells(row) for row in filled.to_numpy(dtype=object)]]
    if filled.empty:
        msg = f"{name}: a header and no row below it; export the table with its patients"
        raise CohortRejected(msg)
    values = filled.to_numpy(dtype=object, copy=True)
    values[pd.isna(values)] = ""
    cells = pd.DataFrame(values, columns=names, dtype=object).loc[:, [bool(one) for one in names]]
    rows = tuple(int(row) + 1 for row in filled.index)
    return Sheet(name, cells, rows, tuple(said))


def _uneven(grid: pd.DataFrame, name: str, header_row: int) -> list[Adaptation]:
    """Refuses rows with more fields than the header; shorter ones are read, and that is said."""
    n_fields = grid.notna().sum(axis=1).to_numpy()
    expected, below = n_fields[header_row - 1], n_fields[header_row:]
    numbers = range(header_row + 1, header_row + 1 + len(below))
    longer = [number for number, n in zip(numbers, below, strict=True) if n > expected]
    if longer:
        msg = (
            f"{name}: row {named(map(str, longer))} has more fields than the header; quote cells "
            "that hold the separator, a decimal comma for one"
        )
        raise CohortRejected(msg)
    shorter = [number for number, n in zip(numbers, below, strict=True) if 0 < n < expected]
    if not shorter:
        return []
    done = f"filled up with empty cells (row {named(map(str, shorter))})"
    why = "they have fewer fields; a line break within a cell would look like this"
    asked = f"in {name} as many fields in every row as in the header"
    return [Adaptation(step="intake", asked=asked, done=done, why=why)]


def _header(grid: pd.DataFrame, header_row: int) -> list[str]:
    """The names in a row; one that is empty there takes the name above it (a merged cell)."""
    names = []
    for column in grid.columns:
        above = [text_of(cell).strip() for cell in grid[column].iloc[:header_row]]
        filled = [text for text in above if text]
        names.append(above[-1] or (filled[-1] if filled else ""))
    return [
        one or (f"column {place}" if _has_cells(grid.iloc[header_row:, place - 1]) else "")
        for place, one in enumerate(names, start=1)
    ]


def _has_cells(cells: Iterable[Any]) -> bool:
    return any(text_of(cell).strip() for cell in cells)


def _check_header(
    grid: pd.DataFrame, name: str, names: list[str], form: TableFormat, wanted: Collection[str]
) -> None:
    better = _better_row(grid, names, form.header_row, wanted)
    if better is not None:
        found, row = better
        msg = (
            f"{name}: row {form.header_row} is not the header that the mapping expects; row {row} "
            f"looks like it ({found} of {len(wanted)} columns): set header_row: {row}"
        )
        raise CohortRejected(msg)
    twice = sorted({one for one in names if one and names.count(one) > 1})
    clashing = [one for one in twice if not wanted or one in wanted]
    if clashing:
        msg = f"{name}: the column '{clashing[0]}' stands {names.count(clashing[0])} times"
        raise CohortRejected(f"{msg}; give each column a name of its own")


def _better_row(
    grid: pd.DataFrame, names: list[str], header_row: int, wanted: Collection[str]
) -> tuple[int, int] | None:
    """How many of the wanted names the best of the first rows holds, and its number."""
    forms = {compared(column) for column in wanted}
    here = len(forms & set(map(compared, names)))
    counts = [
        (len(forms & {compared(text_of(cell)) for cell in grid.iloc[row]}), row + 1)
        for row in range(min(_HEAD_ROWS, len(grid)))
    ]
    best = max(counts, key=lambda found: (found[0], -found[1]))
    return best if best[0] > here and best[1] != header_row else None
