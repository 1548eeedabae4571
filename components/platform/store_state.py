"""What state MLflow's store is in, asked without importing MLflow, which takes seconds."""

import importlib.util
import re
import sqlite3
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Literal

from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from components.errors import PlatformError
from components.study.results import Record

_SQLITE = "sqlite:///"
_ANSWER_S = 3.0
DATABASE_WAIT_S = 10.0
"""How long a run waits for a database that another process holds."""

_REVISION = re.compile(r'^(down_)?revision\s*=\s*"(\w+)"', re.MULTILINE)


class StoreState(Record):
    """The store at an address; `said` tells what is wrong with it, or what it is."""

    state: Literal["usable", "new", "locked", "broken", "older", "newer", "unreachable"]
    said: str


def database_path(tracking_uri: str) -> Path | None:
    """The file of a SQLite store; None for every other store."""
    return Path(tracking_uri.removeprefix(_SQLITE)) if tracking_uri.startswith(_SQLITE) else None


def store_state(tracking_uri: str) -> StoreState:
    """Whether runs can be recorded there now. Nothing is written."""
    if tracking_uri.startswith(("http://", "https://")):
        return _server_state(tracking_uri)
    path = database_path(tracking_uri)
    if path is None:
        return _schema_state(tracking_uri)
    if not path.exists():
        return StoreState(state="new", said="made by the first run")
    try:
        wait_for_database(path, seconds=_ANSWER_S)
    except PlatformError as error:
        return StoreState(state="locked" if error.__cause__ is None else "broken", said=str(error))
    return _schema_state(tracking_uri)


def wait_for_database(path: Path, *, seconds: float) -> None:
    """Returns once the SQLite file can be written; does not begin to write.

    Raises:
        PlatformError: Another process kept it locked for as long, or it is no usable database.
    """
    if not path.exists():
        return
    connection = sqlite3.connect(path, timeout=0.2, isolation_level=None)
    try:
        _begin(connection, path, until=time.monotonic() + seconds, seconds=seconds)
        connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        msg = f"expected a database at {path} that can be written: {error}; restore a backup of it"
        raise PlatformError(msg) from error
    finally:
        connection.close()


def _begin(connection: sqlite3.Connection, path: Path, *, until: float, seconds: float) -> None:
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            if time.monotonic() >= until:
                msg = (
                    f"expected MLflow's database {path} to be free, it was locked for "
                    f"{seconds:g} s{_holder(path)}; end what holds it, or wait, and run the same "
                    "command again"
                )
                raise PlatformError(msg) from None
            time.sleep(0.1)


def _holder(path: Path) -> str:
    """Who holds a lock on a file, as the kernel lists it."""
    inode = str(path.stat().st_ino)
    try:
        rows = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    except OSError:
        return ""
    pids = [row[4] for row in rows if len(row) > 5 and row[5].split(":")[-1] == inode]
    return f" by process {', '.join(sorted(set(pids)))}" if pids else ""


def _schema_state(uri: str) -> StoreState:
    engine = create_engine(uri)
    shown = engine.url.render_as_string(hide_password=True)
    try:
        with engine.connect() as connection:
            found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        return StoreState(state="unreachable", said=f"{shown}: {reason}")
    finally:
        engine.dispose()
    known = _schema_revisions()
    heads = set(known) - {older for older in known.values() if older}
    if found in heads:
        return StoreState(state="usable", said=f"{shown}, schema {found}")
    state: Literal["older", "newer"] = "older" if found in known else "newer"
    return StoreState(state=state, said=f"schema {found}, MLflow's is {', '.join(sorted(heads))}")


def _schema_revisions() -> dict[str, str | None]:
    """Each schema revision that the installed MLflow knows, and the one before it."""
    spec = importlib.util.find_spec("mlflow")
    if spec is None or spec.origin is None:
        return {}
    known: dict[str, str | None] = {}
    for path in (Path(spec.origin).parent / "store/db_migrations/versions").glob("*.py"):
        found = {bool(before): name for before, name in _REVISION.findall(path.read_text("utf-8"))}
        if False in found:
            known[found[False]] = found.get(True)
    return known


def _server_state(uri: str) -> StoreState:
    try:
        with urllib.request.urlopen(uri.rstrip("/") + "/version", timeout=_ANSWER_S) as answer:  # noqa: S310  http(s) only, see store_state
            return StoreState(state="usable", said=f"{uri}, MLflow {answer.read(40).decode()}")
    except urllib.error.HTTPError as error:
        return StoreState(state="unreachable", said=f"{uri} answers {error.code}")
    except (urllib.error.URLError, TimeoutError, OSError) as error:
        return StoreState(state="unreachable", said=f"{uri}: {getattr(error, 'reason', error)}")
