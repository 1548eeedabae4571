"""A draft of a column mapping from a sheet's header and codings, for a person to finish.

Names are guessed, and a guess says so; what is not known is left blank or stands as a comment. The
cells of a column are listed only where few different ones stand in many rows: codings, not values.
"""

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from components.cohort.schema import PREDICTORS, RULE_COLUMNS
from components.intake.cells import compared
from components.intake.draft_columns import GuessedColumn, guessed_column, guessed_roles
from components.intake.mapping_parts import NUMBER_RULES, TableFormat
from components.intake.spreadsheets import probable_header_row, read_sheet
from components.intake.synonyms import CODINGS
from components.intake.units import DAYS_IN, UNITS, converted, factor
from components.study.vocabulary import TreatmentArm

_PLAIN = re.compile(r"[^\W_](?:[\w .+/-]*\w)?")


_UNPRINTABLE = re.compile(
    r"[^\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
"""What YAML does not take as it is."""


def draft_mapping(path: Path, *, sheet: str | None = None, header_row: int | None = None) -> str:
    """The text of a mapping for a sheet, with blanks to fill in.

    Args:
        path: CSV or XLSX.
        sheet: Name of a workbook's sheet; its first one by default.
        header_row: Row with the column names; found out by default.

    Raises:
        CohortRejected: The sheet cannot be read.
    """
    form = TableFormat(sheet=sheet)
    row = header_row or probable_header_row(path, form)
    form = form.model_copy(update={"header_row": row})
    table = read_sheet(path, form)
    columns = [guessed_column(table, name) for name in table.columns]
    roles = guessed_roles(columns)
    used = {column.name for column in roles.values()}
    lines = [
        f"# Drafted from the header of {path.name}.",
        "# Check every guess, fill in every blank; docs/reference/mapping.md explains the keys.",
        *_format_lines(form),
        "study:",
        "  id:    # small letters, digits and '-'",
        "  title:",
        "patient_id:",
        f"  column: {_name(roles.get('patient_id'))}    # pseudonyms, no names or record numbers",
        *_arm_lines(roles.get("arm")),
        *_time_lines(roles.get("follow_up"), columns),
        *_death_lines(roles.get("death")),
        *_predictor_lines(roles),
        *_rule_lines(roles),
        *_other_lines(roles),
        *_left_lines([column for column in columns if column.name not in used]),
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _format_lines(form: TableFormat) -> list[str]:
    given = form.model_dump(exclude_defaults=True)
    return [f"{key}: {_scalar(str(value))}" for key, value in given.items()]


def _arm_lines(column: GuessedColumn | None) -> list[str]:
    arms = [arm.value for arm in TreatmentArm]
    if column is None:
        return ["arm:", f"  constant:    # no column found: which arm is it? {' or '.join(arms)}"]
    return ["arm:", f"  column: {_name(column)}", *_level_lines(column, arms, indent="  ")]


def _time_lines(column: GuessedColumn | None, columns: Sequence[GuessedColumn]) -> list[str]:
    dates = [_scalar(one.name) for one in columns if one.dates]
    lines = [
        "follow_up:    # first treatment to death or last contact",
        f"  column: {_name(column)}",
    ]
    unit = column.unit if column is not None and column.unit in DAYS_IN else ""
    lines.append(f"  unit: {unit}    # {', '.join(DAYS_IN)}")
    if dates:
        lines.append(f"  # or start and end with format, of the dates {', '.join(dates)}")
    return lines


def _death_lines(column: GuessedColumn | None) -> list[str]:
    lines = [
        "death:    # of any cause; a transplant, for one, is none",
        f"  column: {_name(column)}",
    ]
    sides = ("dead", "censored")
    if column is None:
        return [*lines, *(f"  {side}: []" for side in sides)]
    return [*lines, *_level_lines(column, sides, indent="  ", nested=False)]


def _predictor_lines(roles: dict[str, GuessedColumn]) -> list[str]:
    lines = ["predictors:"]
    for name, variable in PREDICTORS.items():
        if name not in roles:
            continue
        column = roles[name]
        lines += [f"  {name}:", f"    column: {_name(column)}"]
        if variable.kind == "categorical":
            lines += _level_lines(column, variable.levels, indent="    ")
        else:
            lines.append(_unit_line(name, column))
    return lines if len(lines) > 1 else ["predictors: {}"]


def _unit_line(name: str, column: GuessedColumn) -> str:
    known = list(UNITS[name])
    if len(known) == 1:
        return f"    unit: {_scalar(known[0])}"
    if column.unit and factor(name, column.unit) is not None:
        return f"    unit: {_scalar(column.unit)}    # as its name says"
    variable = PREDICTORS[name]
    if variable.typical_median is not None and column.numbers is not None:
        lower, upper = variable.typical_median
        fitting = [
            unit
            for unit in known
            if lower <= np.median(converted(column.numbers, factor(name, unit) or 1.0)) <= upper
        ]
        if len({factor(name, unit) for unit in fitting}) == 1:
            return f"    unit: {_scalar(fitting[0])}    # a guess by the median: check"
    return f"    unit:    # {', '.join(known)}"


def _rule_lines(roles: dict[str, GuessedColumn]) -> list[str]:
    lines = ["eligibility:"]
    for name in (*NUMBER_RULES, *RULE_COLUMNS):
        if name not in roles or name in PREDICTORS:
            continue
        lines += [f"  {name}:", f"    column: {_name(roles[name])}"]
        if name in RULE_COLUMNS:
            lines += _level_lines(roles[name], ("yes", "no"), indent="    ", nested=False)
        else:
            lines.append(_unit_line(name, roles[name]))
    return lines if len(lines) > 1 else []


def _other_lines(roles: dict[str, GuessedColumn]) -> list[str]:
    lines = []
    if "center" in roles:
        lines += ["center:", f"  column: {_name(roles['center'])}"]
    if "split" in roles:
        lines += ["split:", f"  column: {_name(roles['split'])}"]
        lines += _level_lines(roles["split"], ("train", "test"), indent="  ", nested=False)
    return lines


def _level_lines(
    column: GuessedColumn, levels: Iterable[str], *, indent: str, nested: bool = True
) -> list[str]:
    """The levels with the codings that belong there, and the others to be sorted."""
    sorted_: dict[str, list[str]] = {level: [] for level in levels}
    unsorted: list[str] = []
    for text in column.codings:
        form = compared(text)
        places = [
            level for level in sorted_ if form == compared(level) or form in CODINGS.get(level, ())
        ]
        (sorted_[places[0]] if len(places) == 1 else unsorted).append(text)
    lines = [f"{indent}levels:"] if nested else []
    inner = f"{indent}  " if nested else indent
    if unsorted:
        rows = ", ".join(f"{_quoted(text)} ({column.codings[text]} rows)" for text in unsorted)
        lines.append(f"{inner}# to be sorted under these: {rows}")
    for level, texts in sorted_.items():
        check = "    # check" if texts and any(text.isdigit() for text in texts) else ""
        lines.append(f"{inner}{_scalar(level)}: [{', '.join(map(_scalar, texts))}]{check}")
    return lines


def _left_lines(columns: Sequence[GuessedColumn]) -> list[str]:
    if not columns:
        return []
    lines = [
        "# Not used. A column of yours becomes a predictor under predictors: with a name of small",
        "# letters, and levels or a unit. Leave out what is known only after the treatment.",
    ]
    return [*lines, *(f"#   {_left_line(column)}" for column in columns)]


def _left_line(column: GuessedColumn) -> str:
    name = _scalar(column.name)
    if column.dates:
        return f"{name}: dates"
    own = re.sub(r"[^a-z0-9_]", "", column.form)
    own = own if re.match(r"[a-z]", own) else "name"
    if len(column.codings) > 1:
        levels = ", ".join(f"{_quoted(text)}: [{_quoted(text)}]" for text in column.codings)
        return f"{own}: {{column: {name}, label: {name}, levels: {{{levels}}}}}"
    if column.codings:
        return f"{name}: the same in all rows"
    if column.numbers is not None and np.unique(column.numbers).size > 1:
        unit = column.unit or ""
        return f"{own}: {{column: {name}, label: {name}, unit: {unit}}}"
    return f"{name}: text"


def _name(column: GuessedColumn | None) -> str:
    return "" if column is None else _scalar(column.name)


def _scalar(text: str) -> str:
    """Text as a YAML scalar, quoted where it has to be."""
    return text if _PLAIN.fullmatch(text) else _quoted(text)


def _quoted(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found.group()):04x}", quoted)
