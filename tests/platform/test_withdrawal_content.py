"""A patient taken out of tables, JSON, pages and texts; everyone else's bytes and places stay."""

import io
import json

import pandas as pd
import pytest

from components.platform.withdrawal_content import (
    names_in_table,
    without_in_json,
    without_in_lines,
    without_in_page,
    without_in_table,
    without_in_text,
)
from components.platform.withdrawal_name import PatientName

HIM = PatientName("P3")


def parquet(table):
    buffer = io.BytesIO()
    table.to_parquet(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("P3", True),
        ("patient P3: late", True),
        ("images/P3/roi", True),
        ("P3_arterial", True),
        ("P34", False),
        ("XP3", False),
        ("P3-2", False),
    ],
)
def test_a_pseudonym_is_a_word_and_no_piece_of_a_longer_one(text, found):
    name = PatientName("P3", ["P34", "P3-2", "P1"])

    assert name.in_text(text) is found
    assert name.in_bytes(text.encode()) is found
    assert name.longer == ("P34", "P3-2")


def test_wide_characters_and_short_names_in_binary():
    long = PatientName("PSEUDO3AB")

    assert long.in_bytes("PSEUDO3AB".encode("utf-32-le"))
    assert long.in_bytes(b"\0\xff PSEUDO3AB \0")
    assert not PatientName("P3").in_bytes(b"\0\xff P3 \0")  # by chance, among compressed bytes


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"P3": 1, "P4": 2}, {"P4": 2}),
        ([{"patient_id": "P3", "x": 1}, {"patient_id": "P4"}], [{"patient_id": "P4"}]),
        ({"ids": ["P2", "P3", "P4"], "x": [1, 2, 3], "n": [9]},
         {"ids": ["P2", "P4"], "x": [1, 3], "n": [9]}),
        ({"note": "same as patient P3"}, {"note": "same as patient (withdrawn)"}),
        ({"images/P3/roi": "md5", "P34": {"a": ["P3"]}}, {"P34": {"a": []}}),
        ({"patient_id": "P3"}, None),
        ([1, None, True], [1, None, True]),
    ],
)  # fmt: skip
def test_json_loses_him_and_keeps_places_that_run_side_by_side(before, after):
    assert without_in_json(before, HIM) == after


def test_json_lines_lose_his_and_keep_the_others_byte_by_byte():
    other = '{"a":1,"patient_id":"P34"}\n'
    text = other + '{"patient_id": "P3", "what": "joined"}\n' + '{"message":"for P3"}\n' + "cut P3"

    assert without_in_lines(text, HIM) == other + '{"message": "for (withdrawn)"}\n'


def test_lines_of_a_text_go_and_of_a_single_line_the_name():
    rows = "pseudonym,patient_id\r\nP3,one\u2028two\r\nP34,three\r\n"

    assert without_in_text(rows, HIM) == "pseudonym,patient_id\r\nP34,three\r\n"
    assert without_in_text("P3: late; P4: early", HIM) == "(withdrawn): late; P4: early"


def test_a_page_loses_his_row_and_not_the_table_around_it():
    page = "<table><tr><td>P3</td><td>-3</td></tr><tr><td>P34</td></tr></table><p>P3 too</p>"

    assert without_in_page(page, HIM) == (
        "<table><tr><td>P34</td></tr></table><p>(withdrawn) too</p>"
    )


@pytest.mark.parametrize("kind", ["object", "category", "string"])
@pytest.mark.parametrize("as_index", [True, False])
def test_a_table_loses_his_rows_and_keeps_all_others_in_order(kind, as_index):
    table = pd.DataFrame(
        {"patient_id": ["P4", "P3", "P34", "P3"], "x": [1.5, 2, None, 4], "n": [1, 2, 3, 4]}
    )
    table["patient_id"] = table["patient_id"].astype(kind)
    before = table.set_index("patient_id") if as_index else table

    left = pd.read_parquet(io.BytesIO(without_in_table(parquet(before), HIM)))

    expected = before.iloc[[0, 2]]
    if not as_index:
        expected = expected.reset_index(drop=True)
    pd.testing.assert_frame_equal(left, expected, check_dtype=False, check_categorical=False,
                                  check_index_type=False, check_column_type=False)  # fmt: skip
    assert left["x"].dtype == before["x"].dtype
    assert not names_in_table(without_in_table(parquet(before), HIM), HIM)


def test_a_table_that_mentions_him_elsewhere_loses_the_name():
    table = pd.DataFrame({"patient_id": ["P4"], "reason": ["same CT as patient P3"]})

    left = pd.read_parquet(io.BytesIO(without_in_table(parquet(table), HIM)))

    assert left["reason"].tolist() == ["same CT as patient (withdrawn)"]


def test_a_row_of_each_kind_of_json_is_valid_json_afterwards():
    text = json.dumps({"a": [{"id": "P3"}, {"id": "P4"}], "b": "P3"})

    assert without_in_json(json.loads(text), HIM) is None
