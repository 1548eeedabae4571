"""A patient taken out of a file's content: out of tables, JSON, pages and texts."""

import io
import json
import re
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from components.platform.withdrawal_name import PatientName

_GONE = object()
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
"""A line of a file: a name in it may hold what Unicode takes for the end of one."""

_PARTS_OF_PAGES = re.compile(
    r"<(tr|li|figure)\b[^>]*>(?:(?!<\1\b).)*?</\1>", re.DOTALL | re.IGNORECASE
)


def without_in_json(value: Any, name: PatientName) -> Any:
    """A JSON value without a patient; None where nothing of it is left.

    Goes: what is keyed by the pseudonym, an object one of whose fields is the pseudonym, an item
    of a list that is, and with it the same place of lists that run beside it. Texts are shortened
    as `without_in_text` does it.
    """
    left = _without(value, name)
    return None if left is _GONE else left


def _without(value: Any, name: PatientName) -> Any:
    if isinstance(value, str):
        return _GONE if name.is_text(value) else without_in_text(value, name)
    if isinstance(value, list):
        return [left for left in (_without(item, name) for item in value) if left is not _GONE]
    if isinstance(value, dict):
        return _without_in_object(value, name)
    return value


def _without_in_object(value: dict[str, Any], name: PatientName) -> Any:
    if any(isinstance(part, str) and name.is_text(part) for part in value.values()):
        return _GONE
    value = _beside(value, name)
    kept = {key: _without(part, name) for key, part in value.items() if not name.in_text(key)}
    return {key: part for key, part in kept.items() if part is not _GONE}


def _beside(value: dict[str, Any], name: PatientName) -> dict[str, Any]:
    """Lists of one length whose places are patients, without the patient's place in any."""
    for listed in [part for part in value.values() if isinstance(part, list)]:
        places = {
            i for i, item in enumerate(listed) if isinstance(item, str) and name.is_text(item)
        }
        if places:
            value = {
                key: [item for i, item in enumerate(part) if i not in places]
                if isinstance(part, list) and len(part) == len(listed)
                else part
                for key, part in value.items()
            }
    return value


def without_in_text(text: str, name: PatientName) -> str:
    """A text without the lines that name the patient; of a single line only the name goes."""
    lines = _LINE.findall(text)
    if len(lines) < 2:
        return name.erased(text)
    return "".join(line for line in lines if not name.in_text(line))


def without_in_page(page: str, name: PatientName) -> str:
    """HTML or SVG without rows, list items and figures that name the patient; else the name."""
    shorter = _PARTS_OF_PAGES.sub(lambda part: "" if name.in_text(part[0]) else part[0], page)
    return name.erased(shorter)


def without_in_stored_text(text: str, name: PatientName) -> str:
    """A text of unknown kind, JSON or words, without the patient."""
    try:
        value = json.loads(text)
    except ValueError:
        return without_in_text(text, name)
    return json.dumps(without_in_json(value, name), ensure_ascii=False)


def without_in_lines(text: str, name: PatientName) -> str:
    """JSON, an object a line, without the patient; a line that is no JSON goes if it names him."""
    kept = []
    for line in text.splitlines():
        if name.in_text(line):
            left = json.loads(without_in_stored_text(line, name)) if _is_json(line) else None
            if left is None:
                continue
            line = json.dumps(left, ensure_ascii=False)
        kept.append(f"{line}\n")
    return "".join(kept)


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def names_in_table(content: bytes, name: PatientName) -> bool:
    """Whether a Parquet table names the patient in a cell, a column's name or its metadata."""
    table = pq.read_table(io.BytesIO(content))
    if name.in_text(str(table.schema)):
        return True
    return any(_rows(table.column(i), name)[1] for i in range(table.num_columns))


def without_in_table(content: bytes, name: PatientName) -> bytes:
    """A Parquet table without the patient's rows; everyone else's rows and order stay.

    A row is the patient's where a cell of it is the pseudonym. In other cells that name the
    patient the name is replaced.
    """
    table = pq.read_table(io.BytesIO(content))
    own = pa.array([False] * len(table))
    for i, field in enumerate(table.schema):
        mine, mentions = _rows(table.column(i), name)
        if mine is not None:
            own = pc.or_(own, mine)
        if mentions and mine is not None:
            texts = [None if v is None else name.erased(v) for v in _texts(table.column(i))]
            table = table.set_column(i, field.with_type(pa.string()), pa.array(texts, pa.string()))
    written = io.BytesIO()
    pq.write_table(table.filter(pc.invert(own)), written)
    return written.getvalue()


def _rows(column: pa.ChunkedArray, name: PatientName) -> tuple[pa.Array | None, bool]:
    """Which rows of a column are the pseudonym (None: it holds no text), and if any names it."""
    kind = column.type
    value_type = kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_string(value_type) or pa.types.is_large_string(value_type):
        texts = _texts(column)
        own = pa.array([v is not None and name.is_text(v) for v in texts])
        return own, any(v is not None and name.in_text(v) for v in texts)
    if pa.types.is_nested(kind) or pa.types.is_binary(kind):
        return None, any(name.in_text(str(value)) for value in column.to_pylist())
    return None, False


def _texts(column: pa.ChunkedArray) -> list[str | None]:
    return list(column.to_pylist())
