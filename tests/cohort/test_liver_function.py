import numpy as np

from components.cohort.liver_function import albi_grade, albi_score


def test_the_published_formula():
    assert np.isclose(albi_score(10, 40), 0.66 - 3.4)


def test_grades_end_at_their_upper_limits():
    assert albi_grade([-2.61, -2.60, -2.5999, -1.39, -1.3899]).tolist() == ["1", "1", "2", "2", "3"]
