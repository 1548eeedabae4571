import numpy as np
import pytest

from components.cohort.liver_function import (
    albi_grade,
    albi_score,
    child_pugh_points,
    modified_albi_grade,
)


def test_the_published_formula():
    assert np.isclose(albi_score(10, 40), 0.66 - 3.4)


def test_grades_end_at_their_upper_limits():
    assert albi_grade([-2.61, -2.60, -2.5999, -1.39, -1.3899]).tolist() == ["1", "1", "2", "2", "3"]


def test_grade_2_is_divided():
    grades = modified_albi_grade([-2.60, -2.59, -2.27, -2.26, -1.39, -1.38])
    assert grades.tolist() == ["1", "2a", "2a", "2b", "2b", "3"]


def test_no_score_without_both_values():
    assert np.isnan(albi_score([0.0, -1.0, np.nan, 10.0], [40.0, 40.0, 40.0, np.nan])).all()


@pytest.mark.parametrize(
    ("part", "value", "fewest", "most"),
    [
        ("albumin_g_per_l", 35.0, 1, 2),
        ("albumin_g_per_l", 35.1, 1, 1),
        ("albumin_g_per_l", 28.0, 2, 3),
        ("albumin_g_per_l", 27.9, 3, 3),
        ("bilirubin_umol_per_l", 33.9, 1, 1),
        ("bilirubin_umol_per_l", 34.0, 1, 2),
        ("bilirubin_umol_per_l", 51.0, 2, 3),
        ("bilirubin_umol_per_l", 51.4, 3, 3),
        ("inr", 1.69, 1, 1),
        ("inr", 2.25, 2, 3),
        ("inr", 2.31, 3, 3),
        ("inr", np.nan, 1, 3),
    ],
)
def test_points_of_child_pugh(part, value, fewest, most):
    assert child_pugh_points(part, [value], "fewest").tolist() == [fewest]
    assert child_pugh_points(part, [value], "most").tolist() == [most]
