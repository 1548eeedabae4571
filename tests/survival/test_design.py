import numpy as np
import pandas as pd
import pytest

from components.errors import CohortRejected
from components.survival.design import Predictor, column_names, design_matrix

STAGE = Predictor(name="stage", label="Stage", kind="categorical", levels=("A", "B", "C"))
AGE = Predictor(name="age", label="Age", kind="continuous", unit="years")


def test_levels_become_indicators_against_the_first():
    table = pd.DataFrame({"age": [50.0, 60.0, 70.0], "stage": ["B", "A", "C"]})
    assert column_names([AGE, STAGE]) == ("age", "stage=B", "stage=C")
    np.testing.assert_array_equal(
        design_matrix(table, [AGE, STAGE]), [[50, 1, 0], [60, 0, 0], [70, 0, 1]]
    )
    assert design_matrix(table, []).shape == (3, 0)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"stage": ["A"]}, "the column 'age', found none"),
        ({"age": [None], "stage": ["A"]}, "'age': 1 cells are missing"),
        ({"age": [5.0], "stage": ["D"]}, "one of A, B, C, 1 cells hold something else"),
    ],
)
def test_what_does_not_fit_is_refused_without_its_value(table, message):
    with pytest.raises(CohortRejected, match=message) as caught:
        design_matrix(pd.DataFrame(table), [AGE, STAGE])
    assert "'D'" not in str(caught.value)
