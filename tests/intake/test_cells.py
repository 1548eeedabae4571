from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.intake.cells import (
    DATE,
    INFINITE,
    OTHER_DECIMAL,
    TEXT,
    compared,
    is_date,
    missing_cells,
    read_number,
    read_numbers,
    text_of,
)

finite = st.floats(allow_nan=False, allow_infinity=False, width=32).map(float)


@settings(deadline=None)
@given(finite)
def test_a_number_written_down_is_read_again_with_either_decimal_sign(value):
    assert read_number(repr(value), ".") == (value, False, "")
    assert read_number(repr(value).replace(".", ","), ",") == (value, False, "")
    assert read_number(value, ",") == (value, False, "")


@settings(deadline=None)
@given(finite.filter(lambda value: value >= 0), st.sampled_from(["<", ">", "<=", "≤ ", "＜"]))
def test_a_limit_is_read_as_the_limit_and_marked(value, sign):
    assert read_number(f"{sign}{value!r}", ".") == (value, True, "")


@settings(deadline=None)
@given(st.text(max_size=12))
def test_any_text_is_a_number_or_has_a_fault_and_never_raises(text):
    value, _, fault = read_number(text, ".")
    assert np.isfinite(value) == (fault == "")


@pytest.mark.parametrize(
    ("cell", "fault"),
    [
        ("3,5", OTHER_DECIMAL),
        ("2019-03-04", DATE),
        ("04/03/2019", DATE),
        (datetime(2019, 3, 4), DATE),
        ("2019年3月4日", DATE),
        ("inf", INFINITE),
        (float("inf"), INFINITE),
        ("1e999", INFINITE),
        ("35 mm", TEXT),
        ("1_000", TEXT),
        ("1,234.5", TEXT),
        (True, TEXT),
    ],
)
def test_what_is_no_number_says_what_it_is(cell, fault):
    assert read_number(cell, ".")[2] == fault


def test_a_decimal_point_where_commas_are_declared_is_not_guessed_at():
    assert read_number("1.234", ",")[2] == OTHER_DECIMAL


def test_full_width_digits_are_digits():
    assert read_number("３．５", ".")[0] == 3.5


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (1.0, "1"),
        (0.5, "0.5"),
        (None, ""),
        (np.nan, ""),
        (pd.NaT, ""),
        (True, "true"),
        (datetime(2019, 3, 4), "2019-03-04"),
        (datetime(2019, 3, 4, 5, 6), "2019-03-04 05:06:00"),
    ],
)
def test_a_cell_as_text(cell, text):
    assert text_of(cell) == text


def test_codings_are_compared_without_case_width_and_trailing_zeros():
    assert compared(" Ｍale ") == "male"
    assert compared("1.0") == compared("1") == "1"
    assert compared("1.05") == "1.05"


def test_missing_cells_are_the_usual_words_and_the_mappings_own():
    column = pd.Series(["NA", "", "n/a", None, "-", "0", "unknown"], dtype=object)
    assert missing_cells(column).tolist() == [True, True, True, True, False, False, False]
    own = missing_cells(column, frozenset({"unknown", "-"}))
    assert own.tolist() == [True, True, True, True, True, False, True]


def test_a_column_keeps_row_for_row_what_could_be_read():
    column = pd.Series(["1", "<2", "x", ""], dtype=object)
    read = read_numbers(column, missing_cells(column), ".")
    np.testing.assert_array_equal(read.values, [1, 2, np.nan, np.nan])
    assert read.limits.tolist() == [False, True, False, False]
    assert read.faults == {2: TEXT}


def test_a_version_number_is_no_date():
    assert not is_date("1.2.3")
    assert not is_date("12.5")
