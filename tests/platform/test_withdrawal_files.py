"""Files that name a patient: found in every kind of container, rid of him or removed."""

import gzip
import json
import sqlite3
import zipfile

import numpy as np
import pandas as pd
import pytest

from components.errors import PlatformError
from components.platform import withdrawal_databases
from components.platform.withdrawal_files import erase, named_paths, names, naming_files
from components.platform.withdrawal_name import PatientName

HIM = PatientName("PSEUDO3AB", ["PSEUDO3AB7"])
HIS, OTHER = "PSEUDO3AB", "PSEUDO3AB7"


def write(path, who):
    """A file of the kind that its suffix says, which names a patient."""
    kinds = {
        ".json": lambda: path.write_text(json.dumps({"ids": [who, "P1"]})),
        ".jsonl": lambda: path.write_text(json.dumps({"id": who}) + "\n{}\n"),
        ".log": lambda: path.write_text(f"patient {who}: late\nother\n"),
        ".html": lambda: path.write_text(f"<ul><li>{who}</li><li>P1</li></ul>"),
        ".parquet": lambda: pd.DataFrame({"id": [who, "P1"] * 50}).to_parquet(path),
        ".gz": lambda: path.write_bytes(gzip.compress(f"header {who}".encode())),
        ".zip": lambda: zip_of(path, {"a.txt": f"for {who}"}),
        ".npz": lambda: np.savez_compressed(path, ids=np.array([who])),
        ".npy": lambda: np.save(path, np.array([who, "P1"])),
        ".bin": lambda: path.write_bytes(b"\xff\0" + who.encode() + b"\0"),
        ".db": lambda: database(path, who),
    }
    kinds[path.suffix]()
    return path


def zip_of(path, entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in entries.items():
            archive.writestr(name, text)


def database(path, who):
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE tags (key TEXT, value TEXT, run TEXT, n INTEGER)")
    rows = [
        ("armwise.quarantined", f"{who}: late", "a", 1),
        ("data", json.dumps([{"id": who, "x": 1}, {"id": "P1"}]), "b", 2),
        ("armwise.history.0001", f"since {who} withdrew", "c", 3),
        ("other", "P1", "d", 4),
    ]
    connection.executemany("INSERT INTO tags VALUES (?, ?, ?, ?)", rows)
    connection.execute("CREATE TABLE events (payload BLOB)")
    connection.execute("INSERT INTO events VALUES (?)", (f'{{"who": "{who}"}}'.encode(),))
    connection.executemany("INSERT INTO events VALUES (?)", [(b"x" * 900,)] * 20)
    connection.execute("DELETE FROM events WHERE rowid > 1")
    connection.commit()
    connection.close()


KINDS = ["json", "jsonl", "log", "html", "parquet", "gz", "zip", "npz", "npy", "bin", "db"]
REWRITTEN = {"json", "jsonl", "log", "html", "parquet", "db"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_name_is_found_in_every_kind_of_file_and_gone_after_erasing(tmp_path, kind):
    path = write(tmp_path / f"file.{kind}", HIS)
    path.chmod(0o600)

    assert names(path, HIM)
    outcome = erase(path, HIM)

    assert outcome == ("rewritten" if kind in REWRITTEN else "deleted")
    assert path.exists() is (kind in REWRITTEN)
    if path.exists() and kind != "db":  # a chained entry of the promotion history stays there
        assert not names(path, HIM)
    if path.exists():
        assert path.stat().st_mode & 0o777 == 0o600
    assert naming_files(tmp_path, HIM) == ([path] if kind == "db" else [])


@pytest.mark.parametrize("kind", KINDS)
def test_another_patient_whose_pseudonym_begins_alike_is_not_him(tmp_path, kind):
    assert not names(write(tmp_path / f"file.{kind}", OTHER), HIM)


def test_what_cannot_be_unpacked_is_looked_at_as_it_is(tmp_path):
    for number, magic in enumerate((b"\x1f\x8b", b"PK\x03\x04", b"PAR1")):
        (tmp_path / f"{number}").write_bytes(magic + b" damaged \0")

    assert naming_files(tmp_path, HIM) == []


def test_names_of_files_and_folders_are_found_outermost(tmp_path):
    for path in (f"imported/{HIS}/a", f"x/{HIS}_roi.json", f"imported/{OTHER}/a", f"skip/{HIS}/b"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")

    found = named_paths(tmp_path, HIM, beside=[tmp_path / "skip"])

    assert list(found) == [tmp_path / "imported" / HIS, tmp_path / "x" / f"{HIS}_roi.json"]


def test_a_database_keeps_other_cells_and_the_promotion_history_and_no_page_of_the_rest(tmp_path):
    path = tmp_path / "a.db"
    database(path, HIS)
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM tags WHERE key LIKE 'armwise.history%'")
    connection.commit()
    connection.close()

    assert withdrawal_databases.erase_from_database(path, HIM) == 3

    assert HIS.encode() not in path.read_bytes()
    connection = sqlite3.connect(path)
    values = [row[0] for row in connection.execute("SELECT value FROM tags ORDER BY n")]
    assert values == ["(withdrawn): late", '[{"id": "P1"}]', "P1"]
    assert connection.execute("SELECT payload FROM events").fetchall() == [(b"null",)]
    connection.close()


def test_a_database_that_another_process_holds_is_waited_for_and_said(tmp_path, monkeypatch):
    monkeypatch.setattr(withdrawal_databases, "DATABASE_WAIT_S", 0.2)
    path = tmp_path / "a.db"
    database(path, HIS)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(PlatformError, match="locked"):
            withdrawal_databases.erase_from_database(path, HIM)
    finally:
        holder.close()
