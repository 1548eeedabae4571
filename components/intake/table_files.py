"""A table file, CSV or XLSX, as a grid of cells, in the encodings and separators of hospitals.

Values alone are read, never formulas or macros. A file is refused by its size before it is read.
"""

import csv
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from components.errors import CohortRejected
from components.intake.mapping_parts import TableFormat
from components.study.results import Adaptation

_SEPARATORS = (",", ";", "\t", "|")
_MEGABYTE = 1_000_000
_ZIP_MAGIC = b"PK\x03\x04"
_OLD_EXCEL_MAGIC = b"\xd0\xcf\x11\xe0"


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


def read_grid(path: Path, form: TableFormat) -> tuple[pd.DataFrame, list[Adaptation]]:
    """All rows of a file from its first line on, and what was found out about its format.

    Cells are text, in a workbook also numbers and dates; an empty cell is "", and NaN stands where
    a row of text has no such field.

    Raises:
        CohortRejected: The file is missing, too large, empty, or no table.
    """
    check_size(path, form)
    with path.open("rb") as file:
        magic = file.read(4)
    if magic == _OLD_EXCEL_MAGIC:
        msg = f"{path}: an old .xls workbook or one with a password; save it as .xlsx or CSV"
        raise CohortRejected(msg)
    read = _read_workbook if magic == _ZIP_MAGIC else _read_text
    return read(path, form)


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
        head = [line for _, line in zip(range(form.header_row), file, strict=False)]
    separator = form.separator or _separator(head[-1] if head else "")
    if form.separator is None and separator != ",":
        shown = "a tab" if separator == "\t" else f"'{separator}'"
        said.append(_found(path, "fields separated by ','", f"separated by {shown}"))
    try:
        with path.open(encoding=encoding, newline="") as file:
            rows = list(csv.reader(file, delimiter=separator, strict=True))
    except csv.Error as error:
        msg = f"{path}: no regular table of text ({error}); check the quotes around cells"
        raise CohortRejected(msg) from None
    width = max(map(len, rows), default=0)
    filled = [row + [np.nan] * (width - len(row)) for row in rows]  # NaN: the row has no such field
    return pd.DataFrame(filled, dtype=object), said


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


def _separator(header: str) -> str:
    return max(_SEPARATORS, key=header.count)


def _found(path: Path, asked: str, done: str) -> Adaptation:
    why = "the file says so by its bytes; the mapping names nothing"
    return Adaptation(step="intake", asked=asked, done=f"{path.name} {done}", why=why)
