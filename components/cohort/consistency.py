"""Columns that speak of the same thing: where two of them cannot both be right.

Each function takes the clinical table (one row a patient) and returns a nullable boolean Series
(n,): true where the columns agree, false where they contradict each other, empty where a cell that
is needed is empty or the rule does not concern the patient. `consistency_rules` says what follows.

BCLC: Reig et al. 2022, 10.1016/j.jhep.2021.11.018. Vascular invasion and spread beyond the liver
are no columns here, so stage C without them cannot be contradicted.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from components.cohort.liver_function import (
    CHILD_PUGH_PARTS,
    CHILD_PUGH_POINTS,
    albi_grade,
    albi_score,
    child_pugh_points,
    modified_albi_grade,
)

_UNKNOWN_PARTS = {"fewest": 2, "most": 6}  # ascites and encephalopathy, 1 to 3 points each
_EARLY_NUMBER, _EARLY_DIAMETER_CM = 3, 3.0
_ISI = (0.8, 2.0)
_NORMAL_PROTHROMBIN_TIME_S = (9.0, 17.0)
_FEWEST_CELLS_ALIKE = 6


def albi_grade_agrees(table: pd.DataFrame) -> pd.Series:
    """The grade is that of the unrounded score of albumin and bilirubin; 2a and 2b are known."""
    score = albi_score(table["bilirubin_umol_per_l"], table["albumin_g_per_l"])
    given = table["albi_grade"]
    agrees = np.where(
        given.isin(["2a", "2b"]), given == modified_albi_grade(score), given == albi_grade(score)
    )
    return _judged(table, agrees, given.notna() & ~np.isnan(score))


def child_pugh_possible(table: pd.DataFrame) -> pd.Series:
    """Some ascites and encephalopathy would give the class, with the parts that are present."""
    given = table["child_pugh_class"]
    parts = [part for part in CHILD_PUGH_PARTS if part in table]
    fewest = _UNKNOWN_PARTS["fewest"] + len(CHILD_PUGH_PARTS) - len(parts)
    most = _UNKNOWN_PARTS["most"] + 3 * (len(CHILD_PUGH_PARTS) - len(parts))
    low = sum((child_pugh_points(part, table[part], "fewest") for part in parts), float(fewest))
    high = sum((child_pugh_points(part, table[part], "most") for part in parts), float(most))
    least, largest = (
        given.map({name: points[end] for name, points in CHILD_PUGH_POINTS.items()})
        for end in (0, 1)
    )
    possible = (least.astype("float64") <= high) & (largest.astype("float64") >= low)
    any_part = table[parts].notna().any(axis=1)
    return _judged(table, possible, least.notna() & any_part)


def bclc_performance_agrees(table: pd.DataFrame) -> pd.Series:
    """Of stages A and B: the ECOG performance status is 0, since 1 and 2 are stage C."""
    stage, ecog = table["bclc_stage"], _number(table["ecog_ps"])
    return _judged(table, ecog == 0, stage.isin(["A", "B"]) & ecog.notna())


def bclc_a_agrees(table: pd.DataFrame) -> pd.Series:
    """Of stage A: one tumor of any size, or up to three of at most 3 cm."""
    early = _early(table)
    return early.mask(table["bclc_stage"] != "A")


def bclc_b_agrees(table: pd.DataFrame) -> pd.Series:
    """Of stage B: beyond stage A in number or size."""
    early = _early(table)
    return (~early).mask(table["bclc_stage"] != "B")


def bclc_terminal_agrees(table: pd.DataFrame) -> pd.Series:
    """Stages A to C ask for ECOG 0 to 2; 3 and 4 are stage D."""
    stage, ecog = table["bclc_stage"], _number(table["ecog_ps"])
    return _judged(table, ~stage.isin(["A", "B", "C"]) | (ecog <= 2), stage.notna() & ecog.notna())


def bclc_liver_agrees(table: pd.DataFrame) -> pd.Series:
    """Stages A to C ask for a preserved liver function; Child-Pugh C is stage D."""
    stage, liver = table["bclc_stage"], table["child_pugh_class"]
    contradicts = stage.isin(["A", "B", "C"]) & (liver == "C")
    return _judged(table, ~contradicts, stage.notna() & liver.notna())


def inr_agrees(table: pd.DataFrame) -> pd.Series:
    """Some reagent turns the prothrombin time into the INR.

    INR = (time / normal time)^ISI, for a sensitivity index (ISI) of 0.8 to 2 and a normal time of 9
    to 17 s.
    """
    inr, seconds = table["inr"], table["prothrombin_time_s"]
    known = (inr > 0) & (seconds > 0)
    ratio = np.log(inr.where(known, 1.0).astype("float64"))
    normal = [seconds.astype("float64") / np.exp(ratio / isi) for isi in _ISI]
    low, high = np.minimum(*normal), np.maximum(*normal)
    shortest, longest = _NORMAL_PROTHROMBIN_TIME_S
    return _judged(table, (low <= longest) & (high >= shortest), known)


def within_data_cut(table: pd.DataFrame) -> pd.Series:
    """Death or last follow-up is on or before the day of the data cut."""
    days, cut = table["os_days"], table["days_to_data_cut"]
    return _judged(table, np.floor(days) <= cut, days.notna() & cut.notna())


def after_day_zero(table: pd.DataFrame) -> pd.Series:
    """Death or last follow-up is later than the day of treatment."""
    return _judged(table, table["os_days"] != 0, table["os_days"].notna())


def ct_before_treatment(table: pd.DataFrame) -> pd.Series:
    """The CT is on or before the day of treatment."""
    days = table["days_ct_to_treatment"]
    return _judged(table, days >= 0, days.notna())


def ct_recent(maximum_days: float) -> Callable[[pd.DataFrame], pd.Series]:
    """The CT is at most so many days before treatment."""

    def holds(table: pd.DataFrame) -> pd.Series:
        days = table["days_ct_to_treatment"]
        return _judged(table, days <= maximum_days, days.notna())

    return holds


def in_enrolment_window(table: pd.DataFrame) -> pd.Series:
    """Treated within the window that was declared at import."""
    inside = table["in_enrolment_window"].astype("boolean")
    return _judged(table, inside.fillna(value=False), inside.notna())


def is_alone(table: pd.DataFrame) -> pd.Series:
    """No other patient has the same cells throughout: two such are perhaps one.

    Judged for patients with six known cells at least, arm and outcome among them.
    """
    repeated = table.duplicated(keep=False) & ~table.index.duplicated(keep=False)
    return _judged(table, ~repeated, table.notna().sum(axis=1) >= _FEWEST_CELLS_ALIKE)


def is_whole(column: str) -> Callable[[pd.DataFrame], pd.Series]:
    """The count has no fraction."""

    def holds(table: pd.DataFrame) -> pd.Series:
        cells = table[column]
        return _judged(table, np.floor(cells) == cells, cells.notna())

    return holds


def _early(table: pd.DataFrame) -> pd.Series:
    """Whether number and size are those of stage A; the size of a single tumor is not asked."""
    number = table["tumor_number"]
    diameter = table.get("tumor_diameter_cm", pd.Series(np.nan, index=table.index))
    is_early = (number == 1) | ((number <= _EARLY_NUMBER) & (diameter <= _EARLY_DIAMETER_CM))
    known = number.notna() & ((number == 1) | (number > _EARLY_NUMBER) | diameter.notna())
    return _judged(table, is_early, known)


def _number(levels: pd.Series) -> pd.Series:
    return pd.to_numeric(levels, errors="coerce")


def _judged(table: pd.DataFrame, holds: object, known: object) -> pd.Series:
    """A nullable boolean column of the table: empty where it is not `known`."""
    answers = pd.Series(np.asarray(holds, dtype=bool), index=table.index, dtype="boolean")
    return answers.mask(~np.asarray(known, dtype=bool))
