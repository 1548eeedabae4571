"""What the columns of an unknown sheet probably are: guesses from headers and codings."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.cohort.schema import PREDICTORS
from components.intake.cells import compared, is_date, missing_cells, read_numbers, text_of
from components.intake.mapping_parts import NUMBER_RULES
from components.intake.spreadsheets import Sheet
from components.intake.synonyms import CODINGS, COLUMN_NAMES, PRIVATE, heading, without_unit

_MOST_CODINGS = 10
_ROWS_PER_CODING = 3
_LONGEST_CODING = 40
_FEWEST_NUMBERS = 6
_WEAK_MATCH_FROM = 5
_SHOWN_FROM = 5
"""A cell value that fewer rows hold could be one patient's: it is not shown."""
_SMALL_NUMBER = re.compile(r"[+-]?\d{1,2}(\.\d)?")
_LEVELS = {level for variable in PREDICTORS.values() for level in variable.levels}
_KNOWN_CODINGS = {compared(level) for level in _LEVELS} | {
    compared(text) for level, texts in CODINGS.items() for text in (level, *texts)
}


@dataclass(frozen=True, eq=False)
class GuessedColumn:
    """What a draft knows of a column.

    `form` is its name as compared and without the unit, `unit` that unit or "", `codings` the rows
    of each cell value where few stand in many rows, `numbers` (n,) its values where it has such.
    """

    name: str
    form: str
    unit: str
    codings: dict[str, int]
    numbers: NDArray[np.float64] | None
    dates: bool


def guessed_column(sheet: Sheet, name: str) -> GuessedColumn:
    """What a column's header and cells say of it; of private ones no cell is kept."""
    cells = sheet.cells[name]
    known = cells[~missing_cells(cells)]
    form, unit = without_unit(heading(name))
    dates = bool(len(known)) and sum(map(is_date, known)) > len(known) / 2
    numbers = None
    for decimal in (".", ","):
        read = read_numbers(known, np.zeros(len(known), dtype=bool), decimal)
        if len(known) and len(read.faults) < len(known) / 2:
            numbers = read.values[np.isfinite(read.values)]
            break
    hidden = dates or bool(PRIVATE.search(name.casefold()))
    return GuessedColumn(name, form, unit, {} if hidden else _codings(known), numbers, dates)


def _codings(known: pd.Series) -> dict[str, int]:
    counts = Counter(text_of(cell).strip() for cell in known)
    few = len(counts) <= _MOST_CODINGS and len(counts) * _ROWS_PER_CODING <= len(known)
    short = all(len(text) <= _LONGEST_CODING for text in counts)
    if not few or not short:
        return {}
    return {text: n for text, n in sorted(counts.items()) if n >= _SHOWN_FROM or _is_coding(text)}


def _is_coding(text: str) -> bool:
    """Whether a cell value is one of many hospitals' codings, or a small number: nobody's alone."""
    form = compared(text)
    return bool(_SMALL_NUMBER.fullmatch(form)) or form in _KNOWN_CODINGS


def guessed_roles(columns: Sequence[GuessedColumn]) -> dict[str, GuessedColumn]:
    """By column of armwise the sheet's column that is probably meant; exact names come first."""
    roles: dict[str, GuessedColumn] = {}
    free = list(columns)
    for weak in (False, True):
        for role, names in COLUMN_NAMES.items():
            if role in roles:
                continue
            found = next(
                (c for name in names for c in free if _fits(c, role, name, weak=weak)), None
            )
            if found is not None:
                roles[role] = found
                free.remove(found)
    return roles


def _fits(column: GuessedColumn, role: str, name: str, *, weak: bool) -> bool:
    if column.dates:
        return False
    begins = len(name) >= _WEAK_MATCH_FROM and column.form.startswith(f"{name}_")
    begins &= not column.form.endswith(("_score", "_group"))
    begins |= role == "patient_id" and column.form.endswith("_id")
    if not (begins if weak else column.form == name or heading(column.name) in {name, role}):
        return False
    variable = PREDICTORS.get(role)
    if heading(column.name) == role and column.numbers is not None:
        return True
    if role in {"follow_up", *NUMBER_RULES} or (variable and variable.kind == "continuous"):
        return column.numbers is not None and np.unique(column.numbers).size >= _FEWEST_NUMBERS
    if variable is not None and variable.kind == "count":
        return column.numbers is not None
    return role in {"patient_id", "center"} or bool(column.codings)
