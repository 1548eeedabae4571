import re

import pandas as pd
import pytest

from components.cohort.stored_split import read_split
from components.errors import CohortRejected


@pytest.fixture
def write(tmp_path):
    def write(*rows, columns=("patient_id", "split")):
        path = tmp_path / "split.parquet"
        pd.DataFrame(list(rows), columns=list(columns)).to_parquet(path)
        return path

    return write


def test_a_split_is_read_by_pseudonym(write):
    split = read_split(write(("P2", "test"), ("P1", "train")))

    assert split.to_dict() == {"P2": "test", "P1": "train"}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (
            [("P1", "train"), ("P2", "test"), ("P1", "test")],
            "came patient P1 as a training and as a test patient; a model would be tested on whom",
        ),
        (
            [("P3", "test"), ("P1", "train"), ("P2", "train"), ("P2", "test"), ("P3", "test")],
            "came patient P2 as a training and as a test patient, and 1 more are repeated",
        ),
        ([("P1", "test"), ("P1", "test")], "came test patient P1 2 times"),
        ([("P1", "train"), ("P2", "validation")], "came 'validation' for patient P2 (1 of 2 rows)"),
        ([("P1", None)], "expected train or test for every patient, came 'None' for patient P1"),
    ],
)
def test_a_patient_has_one_side(write, rows, expected):
    with pytest.raises(CohortRejected, match=re.escape(expected)):
        read_split(write(*rows))


def test_a_split_without_its_columns_is_refused(write):
    with pytest.raises(CohortRejected, match="patient_id and split, split is missing"):
        read_split(write(("P1", "train"), columns=("patient_id", "part")))
