"""A cohort that lives: newcomers, refreshed outcomes, corrections, and what stays."""

import json

import numpy as np
import pandas as pd
import pytest

from components.intake.merging import Change, append_changes, merge_clinical


def table(**columns):
    frame = pd.DataFrame(columns)
    return frame.set_index(pd.Index(frame.pop("patient_id"), name="patient_id"))


@pytest.fixture
def before():
    return table(
        patient_id=["P1", "P2", "P3"],
        arm=["tace", "tace", "hepatectomy"],
        os_days=[100.0, 200.0, 300.0],
        death=[0.0, 1.0, 0.0],
        albumin_g_per_l=[30.0, np.nan, 40.0],
        hcc_confirmed=pd.array([True, None, False], dtype="boolean"),
    )


def merged(before, imported, held=(), accept=False):
    return merge_clinical(before, imported, held=set(held), accept_corrections=accept)


def test_a_first_import_is_everybody_joining(before):
    done = merged(None, before)
    pd.testing.assert_frame_equal(done.table, before)
    assert [one.what for one in done.changes] == ["joined"] * 3


def test_the_same_sheet_again_changes_nothing(before):
    done = merged(before, before.copy())
    pd.testing.assert_frame_equal(done.table.sort_index(), before)
    assert done.changes == ()
    assert done.notes == ()


def test_a_death_and_a_longer_follow_up_are_taken_over_and_logged(before):
    later = before.assign(os_days=[150.0, 200.0, 300.0], death=[1.0, 1.0, 0.0])
    done = merged(before, later)
    assert done.table.loc["P1", ["os_days", "death"]].tolist() == [150.0, 1.0]
    assert done.changes == (Change(patient_id="P1", what="outcome", columns=("os_days", "death")),)


@pytest.mark.parametrize(
    ("column", "value"), [("death", 0.0), ("os_days", 50.0), ("os_days", np.nan)]
)
def test_an_outcome_that_goes_back_waits_for_a_person(before, column, value):
    sheet = before.copy()
    sheet.loc["P2", column] = value
    kept = merged(before, sheet)
    assert kept.table.loc["P2", ["os_days", "death"]].tolist() == [200.0, 1.0]
    assert "P2" in kept.notes[0]
    assert "--accept-corrections" in kept.notes[0]
    taken = merged(before, sheet, accept=True)
    found = taken.table.loc["P2", column]
    assert found == value or (np.isnan(found) and np.isnan(value))
    assert [one.what for one in taken.changes] == ["outcome"]


def test_newcomers_join_and_the_absent_stay(before):
    sheet = before.loc[["P1"]].rename(index={"P1": "P9"})
    done = merged(before, sheet)
    assert sorted(done.table.index) == ["P1", "P2", "P3", "P9"]
    assert done.changes == (Change(patient_id="P9", what="joined"),)
    assert "3 known patients are not in this sheet" in done.notes[0]
    assert done.table.dtypes.to_dict() == before.dtypes.to_dict()


def test_who_is_set_aside_now_keeps_the_row_that_he_had(before):
    sheet = before.copy()
    sheet.loc["P3", "albumin_g_per_l"] = np.nan
    done = merged(before, sheet, held=["P3"])
    assert done.table.loc["P3", "albumin_g_per_l"] == 40.0
    assert "P3" in done.notes[0]


def test_corrected_and_new_columns_are_named(before):
    sheet = before.assign(sex=["male", None, "female"])
    sheet.loc["P1", "albumin_g_per_l"] = 31.0
    done = merged(before, sheet)
    assert done.changes == (
        Change(patient_id="P1", what="clinical", columns=("albumin_g_per_l", "sex")),
        Change(patient_id="P3", what="clinical", columns=("sex",)),
    )
    assert done.table["sex"].tolist() == ["male", None, "female"]


def test_the_log_numbers_imports(tmp_path):
    path = tmp_path / "changes.jsonl"
    append_changes(path, [Change(patient_id="P1", what="joined")])
    append_changes(path, [Change(patient_id="P1", what="outcome", columns=("death",))])
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["import"] for line in lines] == [1, 2]
    assert lines[1]["columns"] == ["death"]
