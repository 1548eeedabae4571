"""Tables in files: every cell of Parquet, Arrow and SQLite, and what they say of themselves.

A database's deleted rows lie in its pages until these are used again; pages and write-ahead log are
searched as bytes besides.
"""

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import chain
from pathlib import Path
from shutil import copyfile, copyfileobj
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from components.intake.identity_scan_matcher import Contents
from components.intake.identity_scan_parts import Container, Examination, Place

_ROWS = 2000
_WAL_MAGICS = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")
_JOURNAL_MAGIC = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"


def _parquet(examination: Examination, stream: BinaryIO, place: Place) -> None:
    with pq.ParquetFile(stream) as file:
        _schema(examination, file.schema_arrow, place)
        said = file.metadata.metadata or {}
        examination.cells("metadata", chain(said.keys(), said.values()), place)
        for batch in file.iter_batches(batch_size=_ROWS):
            _batch(examination, batch, place)


def _arrow(examination: Examination, stream: BinaryIO, place: Place) -> None:
    with pa.ipc.open_file(stream) as file:
        _schema(examination, file.schema, place)
        for number in range(file.num_record_batches):
            _batch(examination, file.get_batch(number), place)


def _schema(examination: Examination, schema: Any, place: Place) -> None:
    for name in schema.names:
        examination.name(name, (*place, name))
    metadata = [schema.metadata, *(schema.field(n).metadata for n in range(len(schema)))]
    for said in filter(None, metadata):
        examination.cells("metadata", chain(said.keys(), said.values()), place)


def _batch(examination: Examination, batch: Any, place: Place) -> None:
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        examination.cells(name, column.to_pylist(), place)


def _sqlite(examination: Examination, stream: BinaryIO, place: Place) -> None:
    with _database(stream) as address, closing(sqlite3.connect(address, uri=True)) as database:
        database.text_factory = bytes
        listed = database.execute("SELECT name, sql FROM sqlite_master").fetchall()
        examination.cells("schema", (part for row in listed for part in row), place)
        for name, sql in listed:
            if sql and sql[:12].upper() == b"CREATE TABLE":
                table = name.decode("utf-8", "replace")
                _table(examination, database, table, (*place, f"table {table}"))


def _table(examination: Examination, database: sqlite3.Connection, name: str, place: Place) -> None:
    quoted = name.replace('"', '""')
    rows = database.execute(f'SELECT * FROM "{quoted}"')  # noqa: S608  a table's own name, quoted
    columns = [str(one[0]) for one in rows.description]
    while batch := rows.fetchmany(_ROWS):
        for column, cells in zip(columns, zip(*batch, strict=True), strict=True):
            examination.cells(column, cells, place)


@contextmanager
def _database(stream: BinaryIO) -> Iterator[str]:
    """The address of a database that is only read; with a write-ahead log, of a copy of both."""
    name = getattr(stream, "name", None)
    path = Path(name) if isinstance(name, str) else None
    log = path and path.with_name(f"{path.name}-wal")
    if path is not None and (log is None or not log.is_file() or log.stat().st_size == 0):
        yield f"{path.resolve().as_uri()}?mode=ro&immutable=1"
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy.db"
        with copy.open("wb") as file:
            stream.seek(0)
            copyfileobj(stream, file)
        if log is not None:
            copyfile(log, f"{copy}-wal")
        yield copy.as_uri()


def _pages(examination: Examination, stream: BinaryIO, place: Place) -> None:
    """A log of pages holds what its bytes show."""


TABLES = (
    Container("Parquet file", lambda head: head[:4] == b"PAR1", _parquet),
    Container("Arrow file", lambda head: head[:6] == b"ARROW1", _arrow),
    Container(
        "SQLite database",
        lambda head: head[:16] == b"SQLite format 3\0",
        _sqlite,
        contents=Contents.PACKED,
    ),
    Container(
        "SQLite log",
        lambda head: head[:4] in _WAL_MAGICS or head[:8] == _JOURNAL_MAGIC,
        _pages,
        contents=Contents.PACKED,
    ),
)
"""Each kind of file of tables, by its first bytes."""
