"""A patient taken out of a SQLite database, so that not even its free pages name him."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from components.platform.store_state import DATABASE_WAIT_S, wait_for_database
from components.platform.withdrawal_content import without_in_stored_text
from components.platform.withdrawal_name import PatientName

_CHAINED = "armwise.history."
"""Tags whose texts are chained by digests: rewriting one would break the promotion history."""


def names_in_database(path: Path, name: PatientName) -> bool:
    """Whether the database names the patient in a cell, a free page or its journal.

    Raises:
        PlatformError: It cannot be read.
    """
    files = [path, *(path.with_name(path.name + end) for end in ("-wal", "-journal"))]
    if any(name.in_bytes(one.read_bytes()) for one in files if one.is_file()):
        return True
    with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as connection:
        return any(_cells(connection, *at, name) for at in _columns(connection))


def erase_from_database(path: Path, name: PatientName) -> int:
    """Take a patient out of every text of a database; the number of cells that were changed.

    JSON is thinned out, of other texts the lines go, of one-line texts the name. Free pages are
    overwritten and the file is packed. Entries of the promotion history stay: they are chained.

    Raises:
        PlatformError: Another process keeps the database locked, or it cannot be read.
    """
    wait_for_database(path, seconds=DATABASE_WAIT_S)
    with closing(sqlite3.connect(path, timeout=DATABASE_WAIT_S)) as connection:
        connection.execute("PRAGMA secure_delete = ON")
        with connection:
            changed = sum(_erase_column(connection, *at, name) for at in _columns(connection))
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return changed


def _columns(connection: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    tables = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    ).fetchall()
    for (table,) in tables:
        for row in connection.execute(f"PRAGMA table_info({_quoted(table)})").fetchall():
            yield table, row[1]


def _erase_column(
    connection: sqlite3.Connection, table: str, column: str, name: PatientName
) -> int:
    place, cell = _quoted(table), _quoted(column)
    kept = _kept(connection, table)
    changed = 0
    for value, text in _cells(connection, table, column, name):
        left = without_in_stored_text(text, name)
        changed += connection.execute(
            f"UPDATE OR REPLACE {place} SET {cell} = ? WHERE {cell} = ?{kept}",  # noqa: S608  as below
            (left.encode() if isinstance(value, bytes) else left, value),
        ).rowcount
    return changed


def _cells(
    connection: sqlite3.Connection, table: str, column: str, name: PatientName
) -> list[tuple[object, str]]:
    """The different values of a column that name the patient, as they are and as text."""
    place, cell = _quoted(table), _quoted(column)
    found = connection.execute(
        f"SELECT DISTINCT {cell} FROM {place} "  # noqa: S608  names from the schema, quoted
        f"WHERE instr(CAST({cell} AS BLOB), CAST(? AS BLOB))",
        (name.pseudonym,),
    ).fetchall()
    texts = [
        (v, v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v)) for (v,) in found
    ]
    return [(value, text) for value, text in texts if name.in_text(text)]


def _kept(connection: sqlite3.Connection, table: str) -> str:
    """The condition that spares the rows of the promotion history."""
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({_quoted(table)})")]
    return f" AND {_quoted('key')} NOT LIKE '{_CHAINED}%'" if "key" in columns else ""


def _quoted(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'
