"""The rules between columns of the clinical table, and what follows for whom they do not hold.

What concerns the patient's data as such (a grade that its own values contradict, a death after the
data cut) puts the patient into quarantine. Stages and classes are clinical judgements of more than
the table holds: contradictions are one counted warning a rule. Who is studied is decided by
eligibility, so a CT at the wrong time is excluded there and only said here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from components.cohort.consistency import (
    after_day_zero,
    albi_grade_agrees,
    bclc_a_agrees,
    bclc_b_agrees,
    bclc_liver_agrees,
    bclc_performance_agrees,
    bclc_terminal_agrees,
    child_pugh_possible,
    ct_before_treatment,
    ct_recent,
    in_enrolment_window,
    inr_agrees,
    is_alone,
    is_whole,
    within_data_cut,
)


@dataclass(frozen=True)
class Consistency:
    """A rule between columns.

    Attributes:
        name: Of the derived column.
        asked: What it asks, in a few words.
        reason: What is wrong where it does not hold.
        consequence: What follows for the patient.
        needs: The columns without which nobody can be judged.
        holds: The derived column of a table.
    """

    name: str
    asked: str
    reason: str
    consequence: Literal["quarantine", "warn"]
    needs: tuple[str, ...]
    holds: Callable[[pd.DataFrame], pd.Series]


def consistency_rules(*, maximum_days_ct: float) -> tuple[Consistency, ...]:
    """Every rule between the columns of the clinical table.

    Args:
        maximum_days_ct: The protocol's largest number of days from CT to treatment.
    """
    return (*_hard_rules(), *_time_rules(maximum_days_ct), *_stage_rules())


def whole_number(column: str) -> Consistency:
    """A count has no fraction."""
    return Consistency(
        f"{column}_is_whole",
        f"'{column}' a whole number",
        f"column '{column}': not a whole number",
        "quarantine",
        (column,),
        is_whole(column),
    )


def _hard_rules() -> tuple[Consistency, ...]:
    return (
        Consistency(
            "albi_grade_agrees",
            "'albi_grade' against bilirubin and albumin",
            "column 'albi_grade': not the grade of bilirubin_umol_per_l and albumin_g_per_l; "
            "correct the grade, or the values and their units",
            "quarantine",
            ("albi_grade", "bilirubin_umol_per_l", "albumin_g_per_l"),
            albi_grade_agrees,
        ),
        Consistency(
            "within_data_cut",
            "'os_days' against 'days_to_data_cut'",
            "column 'os_days': death or follow-up after the data cut (days_to_data_cut); correct "
            "the times, or give the later data cut",
            "quarantine",
            ("os_days", "days_to_data_cut"),
            within_data_cut,
        ),
    )


def _time_rules(maximum_days_ct: float) -> tuple[Consistency, ...]:
    return (
        Consistency(
            "after_day_zero",
            "follow-up beyond the day of treatment",
            "column 'os_days': death or last follow-up on the day of treatment; day 0 counts as "
            "day 0.5",
            "warn",
            ("os_days",),
            after_day_zero,
        ),
        Consistency(
            "ct_before_treatment",
            "CT on or before the day of treatment",
            "column 'days_ct_to_treatment': CT after treatment, so excluded by eligibility; "
            "correct the days, or import the CT from before treatment",
            "warn",
            ("days_ct_to_treatment",),
            ct_before_treatment,
        ),
        Consistency(
            "ct_recent",
            f"CT at most {maximum_days_ct:g} days before treatment",
            f"column 'days_ct_to_treatment': CT more than {maximum_days_ct:g} days before "
            "treatment, so excluded by eligibility",
            "warn",
            ("days_ct_to_treatment",),
            ct_recent(maximum_days_ct),
        ),
        Consistency(
            "treated_in_window",
            "treatment within the enrolment window",
            "column 'in_enrolment_window': treated outside the window declared at import",
            "warn",
            ("in_enrolment_window",),
            in_enrolment_window,
        ),
        Consistency(
            "is_alone",
            "no two patients alike in all cells",
            "the same cells throughout as another patient: one person under two pseudonyms?",
            "warn",
            ("arm", "os_days", "death"),
            is_alone,
        ),
    )


def _stage_rules() -> tuple[Consistency, ...]:
    return (
        Consistency(
            "child_pugh_possible",
            "'child_pugh_class' against albumin, bilirubin and INR",
            "column 'child_pugh_class': no ascites or encephalopathy gives this class with the "
            "values of albumin, bilirubin and INR",
            "warn",
            ("child_pugh_class",),
            child_pugh_possible,
        ),
        Consistency(
            "bclc_performance_agrees",
            "'bclc_stage' A and B against 'ecog_ps'",
            "column 'bclc_stage': A or B with an ECOG performance status above 0, which BCLC "
            "counts as C",
            "warn",
            ("bclc_stage", "ecog_ps"),
            bclc_performance_agrees,
        ),
        Consistency(
            "bclc_a_agrees",
            "'bclc_stage' A against number and diameter",
            "column 'bclc_stage': A with more than three tumors, or with several of which the "
            "largest exceeds 3 cm",
            "warn",
            ("bclc_stage", "tumor_number"),
            bclc_a_agrees,
        ),
        Consistency(
            "bclc_b_agrees",
            "'bclc_stage' B against number and diameter",
            "column 'bclc_stage': B with one tumor, or with up to three of at most 3 cm, which "
            "BCLC counts as A",
            "warn",
            ("bclc_stage", "tumor_number"),
            bclc_b_agrees,
        ),
        Consistency(
            "bclc_terminal_agrees",
            "'bclc_stage' against ECOG 3 and 4",
            "column 'bclc_stage': A, B or C with an ECOG performance status of 3 or 4, which BCLC "
            "counts as D",
            "warn",
            ("bclc_stage", "ecog_ps"),
            bclc_terminal_agrees,
        ),
        Consistency(
            "bclc_liver_agrees",
            "'bclc_stage' against 'child_pugh_class' C",
            "column 'bclc_stage': A, B or C with Child-Pugh C, which BCLC counts as D",
            "warn",
            ("bclc_stage", "child_pugh_class"),
            bclc_liver_agrees,
        ),
        Consistency(
            "inr_agrees",
            "'inr' against 'prothrombin_time_s'",
            "column 'inr': no reagent gives it with this prothrombin_time_s; one of them is "
            "another quantity or another day's",
            "warn",
            ("inr", "prothrombin_time_s"),
            inr_agrees,
        ),
    )
