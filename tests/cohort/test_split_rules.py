"""Splits by center and by quarter of treatment."""

import pandas as pd
import pytest
from pydantic import ValidationError

from components.cohort.split_rules import standing_elsewhere
from components.cohort.splitting import complete_split, first_split
from components.errors import CohortRejected
from components.study.protocol import SplitSection

BY_CENTER = SplitSection(by="center", test_share=0.25, test_centers=("south",))
BY_QUARTER = SplitSection(by="quarter", test_share=0.25, first_test_quarter="2019Q2")


@pytest.fixture
def table(clinical):
    """Both arms in each of three centers and in each of eight quarters."""
    order = range(len(clinical))
    clinical["center"] = [("north", "south", "east")[i % 3] for i in order]
    clinical["treatment_quarter"] = [f"20{18 + i % 8 // 4}Q{i % 4 + 1}" for i in order]
    return clinical


def test_named_centers_test_whole_and_all_others_train(table):
    split = first_split(table, section=BY_CENTER, seed=1)
    assert set(table["center"][split == "test"]) == {"south"}
    assert "south" not in set(table["center"][split == "train"])
    assert split.index.equals(table.index)


def test_whoever_was_treated_from_the_quarter_on_tests(table):
    split = first_split(table, section=BY_QUARTER, seed=1)
    assert table["treatment_quarter"][split == "train"].max() == "2019Q1"
    assert table["treatment_quarter"][split == "test"].min() == "2019Q2"


@pytest.mark.parametrize("section", [BY_CENTER, BY_QUARTER], ids=["center", "quarter"])
def test_newcomers_go_by_the_rule_without_a_key_and_nobody_moves(table, section):
    stored = first_split(table.iloc[:50], section=section, seed=1)
    moved = table.assign(center="south", treatment_quarter="2019Q4")
    whole = complete_split(stored, moved, section=section, study_key=None)
    assert (whole.loc[stored.index] == stored).all()
    assert (whole.loc[table.index[50:]] == "test").all()
    (said,) = standing_elsewhere(whole, moved, section)
    assert f"{int((stored == 'train').sum())} of 60 patients stay" in said.done
    assert not standing_elsewhere(first_split(table, section=section, seed=1), table, section)


def test_a_center_of_later_trains_unless_it_is_named(table):
    stored = first_split(table.iloc[:50], section=BY_CENTER, seed=1)
    later = table.assign(center=[*table["center"][:50], *["west"] * 10])
    whole = complete_split(stored, later, section=BY_CENTER, study_key=None)
    assert (whole.iloc[50:] == "train").all()


def test_a_center_of_nobody_is_refused_with_those_there_are(table):
    section = BY_CENTER.model_copy(update={"test_centers": ("south", "sout")})
    with pytest.raises(CohortRejected, match=r"comes from sout; .* are east, north, south"):
        first_split(table, section=section, seed=1)


@pytest.mark.parametrize(
    ("section", "column"), [(BY_CENTER, "center"), (BY_QUARTER, "treatment_quarter")]
)
def test_a_split_by_rule_needs_its_column_and_every_cell(table, section, column):
    with pytest.raises(CohortRejected, match=f"expected the column '{column}'"):
        first_split(table.drop(columns=column), section=section, seed=1)
    table.loc["P-007", column] = None
    with pytest.raises(CohortRejected, match=f"'{column}' is empty for patient P-007"):
        first_split(table, section=section, seed=1)


def test_what_is_no_quarter_is_refused(table):
    table.loc["P-007", "treatment_quarter"] = "2019-04"
    with pytest.raises(CohortRejected, match=r"quarters such as 2019Q3.*P-007"):
        first_split(table, section=BY_QUARTER, seed=1)


@pytest.mark.parametrize(("arm", "side"), [("tace", "test"), ("hepatectomy", "training")])
def test_an_arm_on_one_side_only_is_refused(table, arm, side):
    own = table["arm"] == arm
    table.loc[own, "center"] = "north" if side == "test" else "south"
    with pytest.raises(CohortRejected, match=f"arm '{arm}' has no {side} patient"):
        first_split(table, section=BY_CENTER, seed=1)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"by": "center"}, "split.test_centers"),
        ({"test_centers": ["a"]}, "split.test_centers"),
        ({"by": "quarter"}, "split.first_test_quarter"),
        ({"first_test_quarter": "2019Q1"}, "split.first_test_quarter"),
        ({"by": "center", "test_centers": ["a"], "test_patients": {"tace": 3}}, "test_patients"),
        ({"by": "quarter", "first_test_quarter": "2019"}, "first_test_quarter"),
        ({"by": "center", "test_centers": ["a", "a"]}, "test_centers"),
    ],
)
def test_a_section_that_cannot_be_meant_is_refused(given, told):
    with pytest.raises(ValidationError, match=told):
        SplitSection.model_validate({"test_share": 0.25, **given})


def test_cells_that_are_numbers_are_centers_too(table):
    numbered = table.assign(center=pd.Series([1, 2, 3] * 20, index=table.index))
    section = BY_CENTER.model_copy(update={"test_centers": ("2",)})
    split = first_split(numbered, section=section, seed=1)
    assert set(numbered["center"][split == "test"]) == {2}
