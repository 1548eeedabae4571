"""What changed between two versions of a cohort, told by patient."""

import pandas as pd
import pytest

from components.cohort.table_diff import CohortVersion, compare_cohorts, patients_changed


def version(*, clinical=None, manifest=None, split=None, files=None):
    table = pd.DataFrame(
        {
            "patient_id": ["P1", "P2", "P3"],
            "arm": ["tace", "tace", "hepatectomy"],
            "os_days": [100.0, 200.0, 300.0],
            "death": [0, 0, 1],
            "age_years": [50.0, 60.0, None],
            "bclc_stage": ["A", "B", None],
        }
    )
    return CohortVersion(
        clinical=table if clinical is None else clinical(table),
        manifest=pd.DataFrame({"patient_id": ["P1"], "scanner": ["a"]})
        if manifest is None
        else manifest,
        split={"P1": "train", "P2": "test", "P3": "train"} if split is None else split,
        files={"images/P1/roi.seg.nrrd": "x", "clinical.parquet": "y"} if files is None else files,
    )


def changed(column, patient, value):
    def change(table):
        table = table.copy()
        table.loc[table["patient_id"] == patient, column] = value
        return table

    return change


def test_equal_versions_do_not_differ_whatever_the_order_and_type():
    def shuffled(table):
        table = table.iloc[::-1].astype({"death": "float64"})
        return table[["death", "patient_id", "age_years", "os_days", "bclc_stage", "arm"]]

    assert compare_cohorts(version(), version(clinical=shuffled)).is_empty


def test_who_joined_and_left():
    def other(table):
        return pd.concat([table.iloc[1:], table.iloc[:1].assign(patient_id="P9")])

    found = compare_cohorts(version(), version(clinical=other))

    assert (found.joined, found.left) == (("P9",), ("P1",))
    assert not found.columns
    assert patients_changed(found) == ()


def test_a_changed_cell_is_told_by_column_and_patient():
    found = compare_cohorts(version(), version(clinical=changed("age_years", "P2", 61.5)))

    (column,) = found.columns
    assert (column.table, column.column) == ("clinical", "age_years")
    assert [(c.patient_id, c.old, c.new) for c in column.cells] == [("P2", "60", "61.5")]
    assert patients_changed(found) == ("P2",)


@pytest.mark.parametrize("column", ["age_years", "bclc_stage"])
def test_a_cell_that_was_empty_is_told_and_empty_cells_are_equal(column):
    value = {"age_years": 70.0, "bclc_stage": "C"}[column]
    found = compare_cohorts(version(), version(clinical=changed(column, "P3", value)))

    (one,) = found.columns
    assert [(c.patient_id, c.old) for c in one.cells] == [("P3", None)]


@pytest.mark.parametrize(
    ("patient", "days", "death", "what", "is_backward"),
    [
        ("P1", 150.0, 0, "followed longer", False),
        ("P1", 150.0, 1, "died", False),
        ("P1", 100.0, 1, "died", False),
        ("P1", 99.0, 1, "died before the earlier last visit", True),
        ("P1", 99.0, 0, "followed less long than before", True),
        ("P3", 300.0, 0, "dead before, now alive", True),
        ("P3", 301.0, 1, "day of death changed", True),
        ("P1", None, 0, "outcome now missing", True),
    ],
)
def test_outcomes_are_told_and_those_that_went_back_stand_out(
    patient, days, death, what, is_backward
):
    def change(table):
        return changed("death", patient, death)(changed("os_days", patient, days)(table))

    found = compare_cohorts(version(), version(clinical=change))

    (one,) = found.outcomes
    assert (one.patient_id, one.what, one.is_backward) == (patient, what, is_backward)
    assert found.columns == ()  # an outcome is not told twice


def test_an_outcome_that_was_missing_and_came_is_no_step_back():
    before = version(clinical=changed("os_days", "P1", None))
    (one,) = compare_cohorts(before, version()).outcomes

    assert (one.what, one.is_backward) == ("outcome now known", False)


def test_a_newcomer_in_the_split_has_not_moved_and_everybody_else_is_told():
    moved = {"P1": "test", "P3": "train", "P9": "train"}
    found = compare_cohorts(version(), version(split=moved))

    assert [(m.patient_id, m.old, m.new) for m in found.moved] == [
        ("P1", "train", "test"),
        ("P2", "test", None),
    ]


def test_a_patient_who_left_has_not_moved():
    def without(table):
        return table.iloc[1:]

    found = compare_cohorts(
        version(), version(clinical=without, split={"P2": "test", "P3": "train"})
    )

    assert (found.moved, found.left) == ((), ("P1",))


def test_images_are_told_by_patient_and_part():
    files = {
        "images/P1/roi.seg.nrrd": "other",
        "images/P2/roi_reader2.seg.nrrd": "new",
        "clinical.parquet": "z",
        "dataset.json": "w",
    }
    before = version(files={"images/P1/roi.seg.nrrd": "x", "images/P3/arterial.nii.gz": "a"})
    found = compare_cohorts(before, version(files=files))

    assert [(i.patient_id, i.part, i.how) for i in found.images] == [
        ("P1", "roi", "changed"),
        ("P2", "roi_reader2", "added"),
        ("P3", "arterial", "removed"),
    ]
    assert found.other_files == ("dataset.json",)  # tables are told cell by cell


def test_columns_that_came_and_went_and_the_manifest():
    def columns(table):
        return table.drop(columns="age_years").assign(center="1")

    manifest = pd.DataFrame({"patient_id": ["P1"], "scanner": ["b"]})
    found = compare_cohorts(version(), version(clinical=columns, manifest=manifest))

    assert (found.columns_added, found.columns_removed) == (("center",), ("age_years",))
    assert [(c.table, c.column) for c in found.columns] == [("manifest", "scanner")]


def test_a_patient_with_two_rows_is_said():
    def twice(table):
        return pd.concat([table, table.iloc[:1]])

    found = compare_cohorts(version(), version(clinical=twice))

    assert found.repeated == ("P1",)
    assert found.is_empty


def test_versions_without_tables_are_compared_by_their_files():
    empty = CohortVersion(pd.DataFrame(), pd.DataFrame(), {}, {})

    assert compare_cohorts(empty, version()).joined == ("P1", "P2", "P3")
    assert compare_cohorts(version(), empty).left == ("P1", "P2", "P3")
