"""`armwise scan` as its user sees it: what it searches, what it prints, how it ends."""

import gzip
import re
import sqlite3
import sys
from contextlib import closing
from types import SimpleNamespace

import pytest

from components.intake.identity_key import KeyRow, write_import_key
from flows.cli import main

RECORD, NAME = "KQX-558812", "Quintrell Oswin"


@pytest.fixture
def study(tmp_path):
    """A study's folder with an import key and one innocent file in each place."""
    home = tmp_path / ".armwise"
    for place in ("data/images/PAAAAAAAAAA", ".armwise/logs", ".dvc/cache"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "a.txt").write_text("patient PAAAAAAAAAA, row 2 of the sheet")
    write_import_key(home / "import_key.csv", [KeyRow("PAAAAAAAAAA", RECORD, 2, ())])
    (tmp_path / "words.txt").write_text(f"{NAME}\n")
    return tmp_path


@pytest.fixture
def armwise(study, monkeypatch, capsys):
    """What a user gets who types this in the study's folder."""
    monkeypatch.chdir(study)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["armwise", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return SimpleNamespace(returncode=ended.value.code, stdout=said.out, stderr=said.err)

    return run


def test_a_clean_study_is_clean(study, armwise):
    done = armwise("scan", "--words", "words.txt")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 words" in done.stdout
    assert "No identity found in 3 files" in done.stdout


@pytest.mark.parametrize("place", ["data", ".armwise/logs", ".dvc/cache"])
def test_a_finding_is_told_by_place_and_pseudonym_alone(study, place, armwise):
    (study / place / "b.gz").write_bytes(gzip.compress(f"reading {RECORD}".encode()))
    with closing(sqlite3.connect(study / place / "c.db")) as database:
        database.execute("CREATE TABLE runs (name TEXT)")
        database.execute("INSERT INTO runs VALUES (?)", (NAME,))
        database.commit()
    done = armwise("scan", "--words", "words.txt")
    assert done.returncode == 5
    lines = re.sub(r"\s+", " ", done.stdout)
    assert f"{place}/b.gz › gzip: the id of PAAAAAAAAAA" in lines
    assert f"{place}/c.db › table runs › name: line 1 of the words" in lines
    assert "identities stand in 2 files" in done.stderr
    assert not re.search("558812|quintrell|oswin|Traceback", done.stdout + done.stderr, re.I)


def test_what_could_not_be_searched_is_no_success(study, armwise):
    (study / "data" / "cut.gz").write_bytes(gzip.compress(bytes(range(256)) * 99)[:-9])
    done = armwise("scan")
    assert done.returncode == 3
    assert "cut.gz › gzip: cannot be read to its end" in done.stdout
    assert "nothing is proved" in done.stderr


def test_folders_may_be_named(study, armwise):
    (study / "data" / "b.txt").write_text(RECORD)
    assert armwise("scan", ".armwise").returncode == 0
    assert armwise("scan", "data", ".armwise").returncode == 5
    done = armwise("scan", "nowhere")
    assert done.returncode == 2
    assert "nowhere" in done.stderr


def test_with_nothing_to_look_for_nothing_is_proved(study, armwise):
    (study / ".armwise" / "import_key.csv").unlink()
    done = armwise("scan")
    assert done.returncode == 2
    assert "--words" in done.stderr
    assert armwise("scan", "--words", "words.txt").returncode == 0
    asked = armwise("scan", "--words", "words.txt", "--key", "none.csv")
    assert asked.returncode == 2


def test_a_large_study_is_searched_side_by_side(study, armwise, monkeypatch):
    monkeypatch.setenv("ARMWISE_CPUS", "2")
    (study / "data" / "noise").write_bytes(bytes(70 << 20))
    (study / "data" / "z.txt").write_text(f"of {RECORD} ")
    done = armwise("scan")
    assert done.returncode == 5, done.stdout + done.stderr
    assert "identities stand in 1 file " in done.stderr
