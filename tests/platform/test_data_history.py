"""The history of the data: the ledger in the home, and git's log beside it."""

import subprocess

import pandas as pd
import pytest

from components.errors import UsageError
from components.platform.data_history import (
    choose_version,
    counts_by_arm,
    known_versions,
    mark_lost,
    note_version,
    version_at,
)

FIRST, SECOND = "1a" * 16 + ".dir", "2b" * 16 + ".dir"


def git(folder, *arguments):
    who = ["-c", "user.name=a", "-c", "user.email=a@b.invalid", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", folder, *who, *arguments], check=True, capture_output=True)


def commit(folder, md5, message):
    (folder / "data.dvc").write_text(f"outs:\n- md5: {md5}\n  path: data\n")
    git(folder, "add", "data.dvc")
    git(folder, "commit", "-m", message)


def test_a_version_is_noted_once_with_its_message_and_its_patients(tmp_path):
    table = pd.DataFrame(
        {"patient_id": ["a", "b", "b", "c"], "arm": ["tace", "tace", "tace", "x"], "death": 1}
    )

    assert note_version(tmp_path, FIRST, message="May", clinical=table)
    assert not note_version(tmp_path, FIRST, message="again")
    note_version(tmp_path, SECOND)

    one, two = known_versions(tmp_path, tmp_path)
    assert (one.number, one.message, one.patients) == (1, "May", {"tace": 2, "x": 1})
    assert (two.number, two.md5, two.lost) == (2, SECOND, None)


def test_a_message_that_comes_after_the_version_was_seen_is_kept_and_no_second_one(tmp_path):
    note_version(tmp_path, FIRST)
    (seen,) = known_versions(tmp_path, tmp_path)

    assert note_version(tmp_path, FIRST, message="May")
    assert not note_version(tmp_path, FIRST, message="again")
    assert not note_version(tmp_path, FIRST)

    (told,) = known_versions(tmp_path, tmp_path)
    assert (told.message, told.when) == ("May", seen.when)


def test_deaths_are_counted_by_arm_and_a_table_without_them_is_not():
    table = pd.DataFrame({"patient_id": ["a", "b"], "arm": "tace", "death": [1, 0]})

    assert counts_by_arm(table) == ({"tace": 2}, {"tace": 1})
    assert counts_by_arm(table.drop(columns="death")) == ({}, {})


def test_a_version_that_is_lost_stays_in_the_history_with_its_patients(tmp_path):
    table = pd.DataFrame({"patient_id": ["a", "b"], "arm": "tace", "death": [1, 0]})
    note_version(tmp_path, FIRST, message="May")
    mark_lost(tmp_path, FIRST, why="withdrew", clinical=table)
    mark_lost(tmp_path, FIRST, why="again")
    mark_lost(tmp_path, SECOND, why="never noted")

    unseen, known = known_versions(tmp_path, tmp_path)
    assert (known.md5, known.lost, known.patients) == (FIRST, "withdrew", {"tace": 2})
    assert (unseen.md5, unseen.lost) == (SECOND, "never noted")


def test_git_knows_versions_that_the_ledger_does_not(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    git(tmp_path, "init", "--initial-branch", "main")
    commit(tmp_path, FIRST, "The cohort of 2024")
    commit(tmp_path, SECOND, "Follow-up")
    note_version(home, SECOND, message="ours")

    known = known_versions(tmp_path, home)

    assert {one.md5: one.message for one in known} == {FIRST: "The cohort of 2024", SECOND: "ours"}
    assert version_at(tmp_path, "HEAD~1") == FIRST
    assert version_at(tmp_path, "no-such") is None
    assert version_at(tmp_path, "--output=x") is None


@pytest.mark.parametrize(
    ("wanted", "md5"),
    [("1", FIRST), ("2", SECOND), ("latest", SECOND), ("previous", FIRST), ("2b2b", SECOND)],
)
def test_versions_are_named_by_number_age_or_beginning(tmp_path, wanted, md5):
    note_version(tmp_path, FIRST)
    note_version(tmp_path, SECOND)
    known = known_versions(tmp_path, tmp_path)

    assert choose_version(known, wanted, current=FIRST, study_dir=tmp_path) == md5
    assert choose_version(known, "current", current=FIRST, study_dir=tmp_path) == FIRST


@pytest.mark.parametrize("wanted", ["0", "3", "2b", "zz", ""])
def test_a_version_that_cannot_be_meant_is_refused_with_those_there_are(tmp_path, wanted):
    note_version(tmp_path, FIRST)
    note_version(tmp_path, SECOND)
    known = known_versions(tmp_path, tmp_path)

    with pytest.raises(UsageError, match=r"There are: 1 \(1a1a1a1a1a1a\), 2 \(2b2b2b2b2b2b\)"):
        choose_version(known, wanted, current=None, study_dir=tmp_path)
