"""Two columns that cannot both be right."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.cohort.consistency_rules import consistency_rules, whole_number
from components.cohort.liver_function import albi_grade, albi_score

NA = None


def judge(name, **cells):
    """What a rule says of one patient: True, False, or None."""
    return judge_all(name, [cells])[0]


def judge_all(name, patients):
    (rule,) = (one for one in consistency_rules(maximum_days_ct=31) if one.name == name)
    table = pd.DataFrame(patients, index=[f"P{number}" for number in range(len(patients))])
    answers = rule.holds(table)
    assert answers.dtype == "boolean"
    assert list(answers.index) == list(table.index)
    return [None if pd.isna(one) else bool(one) for one in answers]


@pytest.mark.parametrize(
    ("grade", "bilirubin", "albumin", "expected"),
    [
        # 0.66 log10(20) - 0.085 * 40.68 = -2.5991: rounded it would be grade 1.
        ("2", 20.0, 40.68, True),
        ("1", 20.0, 40.68, False),
        ("2b", 20.0, 36.0, True),
        ("2a", 20.0, 36.0, False),
        ("1", np.nan, 40.0, NA),
        ("1", 0.0, 40.0, NA),
        (None, 20.0, 40.0, NA),
    ],
)
def test_albi_grade_is_that_of_the_unrounded_score(grade, bilirubin, albumin, expected):
    cells = {"albi_grade": grade, "bilirubin_umol_per_l": bilirubin, "albumin_g_per_l": albumin}
    assert judge("albi_grade_agrees", **cells) is expected


@given(st.floats(1, 900), st.floats(10, 65))
def test_albi_agrees_with_its_own_grade_and_no_other(bilirubin, albumin):
    own = str(albi_grade(albi_score(bilirubin, albumin)))
    cells = {"bilirubin_umol_per_l": bilirubin, "albumin_g_per_l": albumin}
    told = {grade: judge("albi_grade_agrees", albi_grade=grade, **cells) for grade in "123"}
    assert [grade for grade, agrees in told.items() if agrees] == [own]


NORMAL = {"albumin_g_per_l": 42.0, "bilirubin_umol_per_l": 12.0, "inr": 1.0}
POOR = {"albumin_g_per_l": 25.0, "bilirubin_umol_per_l": 80.0, "inr": 2.5}


@pytest.mark.parametrize(
    ("given_class", "parts", "expected"),
    [
        ("A", NORMAL, True),
        ("B", NORMAL, True),  # with ascites and encephalopathy: 3 + 6 points at most
        ("C", {**NORMAL, "bilirubin_umol_per_l": 40.0}, True),  # 4 + 6 points: just
        ("A", {**NORMAL, "bilirubin_umol_per_l": 40.0}, True),  # 4 + 2 points: just
        ("C", NORMAL, False),  # 10 points cannot be reached
        ("A", POOR, False),  # 9 + 2 points at least
        ("B", POOR, False),
        ("C", POOR, True),
        ("C", {"albumin_g_per_l": 42.0}, True),  # the parts that are not known could be poor
        ("A", {"albumin_g_per_l": 25.0, "bilirubin_umol_per_l": 80.0}, False),
        # Textbooks differ at the limits; neither reading is a contradiction.
        ("A", {"albumin_g_per_l": 35.0, "bilirubin_umol_per_l": 34.2, "inr": 2.25}, True),
        ("A", {"albumin_g_per_l": np.nan, "bilirubin_umol_per_l": np.nan}, NA),
        ("A", {}, NA),
        (None, NORMAL, NA),
        ("Z", NORMAL, NA),
    ],
)
def test_child_pugh_is_possible_with_the_parts_that_are_known(given_class, parts, expected):
    assert judge("child_pugh_possible", child_pugh_class=given_class, **parts) is expected


@pytest.mark.parametrize(
    ("rule", "cells", "expected"),
    [
        ("bclc_performance_agrees", {"bclc_stage": "A", "ecog_ps": "1"}, False),
        ("bclc_performance_agrees", {"bclc_stage": "B", "ecog_ps": "0"}, True),
        ("bclc_performance_agrees", {"bclc_stage": "C", "ecog_ps": "1"}, NA),
        ("bclc_performance_agrees", {"bclc_stage": "A", "ecog_ps": None}, NA),
        ("bclc_terminal_agrees", {"bclc_stage": "C", "ecog_ps": "3"}, False),
        ("bclc_terminal_agrees", {"bclc_stage": "C", "ecog_ps": "2"}, True),
        ("bclc_liver_agrees", {"bclc_stage": "B", "child_pugh_class": "C"}, False),
        ("bclc_liver_agrees", {"bclc_stage": "B", "child_pugh_class": "B"}, True),
        ("bclc_liver_agrees", {"bclc_stage": None, "child_pugh_class": "C"}, NA),
    ],
)
def test_bclc_against_performance_and_liver(rule, cells, expected):
    assert judge(rule, **cells) is expected


@pytest.mark.parametrize(
    ("number", "diameter", "a_agrees", "b_agrees"),
    [
        (1.0, 14.0, True, False),
        (1.0, np.nan, True, False),
        (3.0, 3.0, True, False),
        (2.0, 3.1, False, True),
        (4.0, 1.5, False, True),
        (4.0, np.nan, False, True),
        (2.0, np.nan, NA, NA),
        (np.nan, 2.0, NA, NA),
    ],
)
def test_bclc_against_number_and_diameter(number, diameter, a_agrees, b_agrees):
    tumors = {"tumor_number": number, "tumor_diameter_cm": diameter}
    assert judge("bclc_a_agrees", bclc_stage="A", **tumors) is a_agrees
    assert judge("bclc_b_agrees", bclc_stage="B", **tumors) is b_agrees
    assert judge("bclc_a_agrees", bclc_stage="B", **tumors) is None
    assert judge("bclc_b_agrees", bclc_stage="C", **tumors) is None


@pytest.mark.parametrize(
    ("inr", "seconds", "expected"),
    [
        (1.07, 13.8, True),  # the study's medians
        (1.0, 30.0, False),
        (3.0, 12.0, False),
        (2.0, 22.0, True),
        (0.95, 95.0, False),  # the activity in per cent under the name of the time
        (np.nan, 13.0, NA),
        (0.0, 13.0, NA),
    ],
)
def test_inr_against_prothrombin_time(inr, seconds, expected):
    assert judge("inr_agrees", inr=inr, prothrombin_time_s=seconds) is expected


@given(st.floats(9.5, 16.5), st.floats(0.85, 1.9), st.floats(0.7, 4.0))
def test_no_real_reagent_is_called_a_contradiction(normal_s, isi, ratio):
    cells = {"inr": ratio**isi, "prothrombin_time_s": ratio * normal_s}
    assert judge("inr_agrees", **cells) is True


@pytest.mark.parametrize(
    ("rule", "cells", "expected"),
    [
        ("within_data_cut", {"os_days": 100.9, "days_to_data_cut": 100.0}, True),
        ("within_data_cut", {"os_days": 101.0, "days_to_data_cut": 100.0}, False),
        ("within_data_cut", {"os_days": np.nan, "days_to_data_cut": 100.0}, NA),
        ("after_day_zero", {"os_days": 0.0}, False),
        ("after_day_zero", {"os_days": 0.5}, True),
        ("ct_before_treatment", {"days_ct_to_treatment": -1.0}, False),
        ("ct_before_treatment", {"days_ct_to_treatment": 0.0}, True),
        ("ct_recent", {"days_ct_to_treatment": 31.0}, True),
        ("ct_recent", {"days_ct_to_treatment": 32.0}, False),
        ("ct_recent", {"days_ct_to_treatment": np.nan}, NA),
        ("treated_in_window", {"in_enrolment_window": False}, False),
        ("treated_in_window", {"in_enrolment_window": None}, NA),
    ],
)
def test_times(rule, cells, expected):
    assert judge(rule, **cells) is expected


def test_two_pseudonyms_with_the_same_cells_are_told_but_not_few_cells():
    one = {
        "arm": "tace",
        "os_days": 412.0,
        "death": 1,
        "age_years": 61.0,
        "inr": 1.1,
        "sex": "male",
    }
    other = {**one, "age_years": 62.0}
    assert judge_all("is_alone", [one, other, one]) == [False, True, False]
    few = {"arm": "tace", "os_days": 412.0, "death": 1}
    assert judge_all("is_alone", [few, few]) == [None, None]


def test_a_count_has_no_fraction():
    table = pd.DataFrame({"tumor_number": [1.0, 2.5, np.nan]})
    answers = whole_number("tumor_number").holds(table)
    assert answers.astype(object).where(answers.notna(), None).tolist() == [True, False, None]


def test_a_patient_who_stands_twice_does_not_break_the_rules():
    table = pd.DataFrame(
        {
            "bclc_stage": ["A", "A", "B"],
            "tumor_number": [1.0, 5.0, 1.0],
            "albi_grade": ["1", "1", "3"],
            "bilirubin_umol_per_l": [10.0, 10.0, 10.0],
            "albumin_g_per_l": [45.0, 45.0, 45.0],
        },
        index=["P0", "P0", "P1"],
    )
    for rule in consistency_rules(maximum_days_ct=31):
        if set(rule.needs) <= set(table.columns):
            assert len(rule.holds(table)) == 3
