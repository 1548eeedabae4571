"""Reading a spreadsheet: CSV in the encodings and with the separators of hospitals, or XLSX.

Values alone are read, never formulas or macros. A file is refused by its size before it is read.
"""

import csv
import difflib
import warnings
import zipfile
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from components.errors import CohortRejected
from components.intake.cells import compared, text_of
from components.intake.mapping_parts import TableFormat
from components.study.results import Adaptation

_SEPARATORS = (",", ";", "\t", "|")
_HEAD_ROWS = 20
_FULL_SHARE = 0.8
_MEGABYTE = 1_000_000
_ZIP_MAGIC = b"PK\x03\x04"
_OLD_EXCEL_MAGIC = b"\xd0\xcf\x11\xe0"


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
    grid, said = _read_grid(path, form)
    return _under_header(grid, path.name, form, wanted, said)


def probable_header_row(path: Path, form: TableFormat) -> int:
    """The number of the row that looks like the header: the first full one, all of it words.

    Raises:
        CohortRejected: As `read_sheet`.
    """
    grid, _ = _read_grid(path, form)
    head = [[text_of(cell).strip() for cell in row] for row in grid.head(_HEAD_ROWS).to_numpy()]
    filled = [sum(map(bool, row)) for row in head]
    for number, row in enumerate(head, start=1):
        words = [text for text in row if text and not text.replace(".", "").isdigit()]
        if len(words) >= _FULL_SHARE * max(filled):
            return number
    return form.header_row


def _read_grid(path: Path, form: TableFormat) -> tuple[pd.DataFrame, list[Adaptation]]:
    check_size(path, form)
    with path.open("rb") as file:
        magic = file.read(4)
    if magic == _OLD_EXCEL_MAGIC:
        msg = f"{path}: an old .xls workbook or one with a password; save it as .xlsx or CSV"
        raise CohortRejected(msg)
    read = _read_workbook if magic == _ZIP_MAGIC else _read_text
    return read(path, form)


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


def check_size(path: Path, form: TableFormat) -> None:
    """Refuses a file that is not there, empty, or (unpacked) larger than the format allows.

    Raises:
        CohortRejected: It says how large the file is and how to raise the limit.
    """
    try:
        size = path.stat().st_size
        if path.is_file() and zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as packed:
                size = max(size, sum(entry.file_size for entry in packed.infolist()))
    except (OSError, zipfile.BadZipFile):
        size = -1
    if size < 0 or not path.is_file():
        msg = f"expected the table {path}, found no file of that name that can be read"
        raise CohortRejected(msg)
    if size == 0:
        msg = f"{path}: an empty file; export the table again"
        raise CohortRejected(msg)
    if size > form.max_file_mb * _MEGABYTE:
        msg = (
            f"{path}: {size / _MEGABYTE:,.0f} MB, the limit is {form.max_file_mb:g} MB; export the "
            "columns that are needed, or set max_file_mb in the mapping"
        )
        raise CohortRejected(msg)


def _read_workbook(path: Path, form: TableFormat) -> tuple[pd.DataFrame, list[Adaptation]]:
    names: list[str] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl warns of styles that nobody reads here
            with pd.ExcelFile(path, engine="openpyxl") as book:
                names = [str(name) for name in book.sheet_names]
                sheet: Any = form.sheet or 0
                return book.parse(sheet, header=None, dtype=object, na_filter=False), []
    except Exception as error:  # noqa: BLE001  a broken workbook raises what its XML happens to hit
        msg = f"{path}: cannot be read as a workbook ({type(error).__name__}); save it again"
        if form.sheet is not None and names and form.sheet not in names:
            msg = f"{path}: no sheet '{form.sheet}'; it has {', '.join(names)}"
        raise CohortRejected(msg) from None


def _read_text(path: Path, form: TableFormat) -> tuple[pd.DataFrame, list[Adaptation]]:
    encoding, said = _encoding(path, form)
    with path.open(encoding=encoding, newline="") as file:
        head = [line for _, line in zip(range(form.header_row + _HEAD_ROWS), file, strict=False)]
    separator = form.separator or _separator(head[form.header_row - 1 :] or head)
    if form.separator is None and separator != ",":
        shown = "a tab" if separator == "\t" else f"'{separator}'"
        said.append(_found(path, "fields separated by ','", f"separated by {shown}"))
    width = max((len(row) for row in csv.reader(head, delimiter=separator)), default=1)
    try:
        grid = pd.read_csv(
            path,
            sep=separator,
            header=None,
            names=range(width),
            index_col=False,
            dtype=str,
            encoding=encoding,
            engine="c",
            keep_default_na=False,
            skip_blank_lines=False,
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
        reason = str(error).strip().rpartition("error: ")[2].strip()
        msg = f"{path}: no regular table of text ({reason}); quote cells that hold the separator"
        raise CohortRejected(msg) from None
    return grid.fillna(""), said


def _encoding(path: Path, form: TableFormat) -> tuple[str, list[Adaptation]]:
    with path.open("rb") as file:
        start = file.read(2)
    if form.encoding is None and start in {b"\xff\xfe", b"\xfe\xff"}:
        return "utf-16", [_found(path, "text in UTF-8", "read as UTF-16")]
    for encoding in (form.encoding,) if form.encoding else ("utf-8-sig", "gb18030"):
        if not _decodes(path, encoding):
            continue
        if form.encoding or encoding == "utf-8-sig":
            return encoding, []
        return encoding, [_found(path, "text in UTF-8", "read as GB 18030")]
    tried = form.encoding or "UTF-8 nor as GB 18030"
    msg = f"{path}: cannot be read as {tried}; set encoding in the mapping, for example 'cp1252'"
    raise CohortRejected(msg)


def _decodes(path: Path, encoding: str) -> bool:
    try:
        with path.open(encoding=encoding) as file:
            while file.read(_MEGABYTE):
                pass
    except UnicodeDecodeError:
        return False
    except LookupError:
        msg = f"{path}: encoding '{encoding}' is unknown; 'utf-8', 'gb18030' and 'cp1252' are known"
        raise CohortRejected(msg) from None
    return True


def _separator(head: list[str]) -> str:
    return max(_SEPARATORS, key=lambda separator: head[0].count(separator) if head else 0)


def _found(path: Path, asked: str, done: str) -> Adaptation:
    why = "the file says so by its bytes; the mapping names nothing"
    return Adaptation(step="intake", asked=asked, done=f"{path.name} {done}", why=why)


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
    filled = filled[[_has_cells(row) for row in filled.to_numpy(dtype=object)]]
    if filled.empty:
        msg = f"{name}: a header and no row below it; export the table with its patients"
        raise CohortRejected(msg)
    cells = filled.set_axis(names, axis=1).loc[:, [bool(one) for one in names]]
    rows = tuple(int(row) + 1 for row in filled.index)
    return Sheet(name, cells.reset_index(drop=True), rows, tuple(said))


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
