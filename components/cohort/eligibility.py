"""Who is studied: the inclusion and exclusion rules of the study, in its order.

A rule whose column is missing, or empty for every patient, is "not assessable", never "passed".
Every excluded patient keeps the first rule that it broke.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from components.cohort.schema import ENDPOINT_COLUMNS
from components.study.protocol import EligibilitySection
from components.study.results import Quarantined, Record
from components.study.vocabulary import TreatmentArm

_FEATURES = "features known"
_ANALYSABLE = "treatment arm and follow-up known"


class Excluded(Record):
    """A patient left out, by pseudonym, and the first rule that it broke."""

    patient_id: str
    rule: str


class FlowStage(Record):
    """A line of the flow diagram: how many patients of each arm are left."""

    name: str
    counts: dict[str, int]


class Eligibility(Record):
    """The flow of patients, who was left out, and the rules that could not be judged."""

    stages: tuple[FlowStage, ...]
    excluded: tuple[Excluded, ...]
    not_assessable: tuple[str, ...]


@dataclass(frozen=True)
class _Rule:
    name: str
    column: str
    broken: Callable[[pd.Series], pd.Series]


def _rules(section: EligibilitySection) -> tuple[_Rule, ...]:
    age, days = section.minimum_age_years, section.maximum_days_ct_before_treatment
    return (
        _Rule("HCC confirmed", "hcc_confirmed", lambda cell: ~cell),
        _Rule(f"age {age:g} years or above", "age_years", lambda cell: cell < age),
        _Rule("no other malignancy", "other_malignancy", lambda cell: cell),
        _Rule("no anti-tumor treatment before", "prior_antitumor_treatment", lambda cell: cell),
        _Rule(
            f"CT at most {days:g} days before treatment",
            "days_ct_to_treatment",
            lambda cell: (cell > days) | (cell < 0),
        ),
        _Rule("adequate image quality", "adequate_image_quality", lambda cell: ~cell),
    )


def assess_eligibility(
    table: pd.DataFrame,
    quarantined: tuple[Quarantined, ...],
    *,
    section: EligibilitySection,
    arms: tuple[TreatmentArm, ...],
    predictors: tuple[str, ...],
    with_features: frozenset[str] | None = None,
) -> tuple[pd.DataFrame, Eligibility]:
    """The eligible patients' rows, and how they came to be these.

    Args:
        table: All rows as read, quarantined ones among them.
        quarantined: Patients set aside by the gates before.
        section: The protocol's rules.
        arms: The arms studied.
        predictors: Columns that must be complete where the protocol asks for complete data.
        with_features: Patients in a table of features that the models need; None: no such table.
    """
    held = {entry.patient_id for entry in quarantined}
    stages = [FlowStage(name="in the table", counts=_counts(table, arms))]
    left = table[~table.index.isin(held)]
    stages.append(FlowStage(name="passed the validation gate", counts=_counts(left, arms)))
    excluded: list[Excluded] = []
    not_assessable: list[str] = []
    known = left["arm"].isin([arm.value for arm in arms])
    known &= left[list(ENDPOINT_COLUMNS)].notna().all(axis=1)
    left = _leave_out(left, ~known, _ANALYSABLE, excluded)
    stages.append(FlowStage(name=_ANALYSABLE, counts=_counts(left, arms)))
    if with_features is not None:
        left = _leave_out(left, ~left.index.isin(with_features), _FEATURES, excluded)
        stages.append(FlowStage(name=_FEATURES, counts=_counts(left, arms)))
    for rule in _rules(section):
        if rule.column not in left or bool(left[rule.column].isna().all()):
            not_assessable.append(rule.name)
            continue
        broken = rule.broken(left[rule.column]).fillna(value=False).astype(bool)
        left = _leave_out(left, broken, rule.name, excluded)
        stages.append(FlowStage(name=rule.name, counts=_counts(left, arms)))
    if section.require_complete_clinical_data:
        broken = left[list(predictors)].isna().any(axis=1)
        left = _leave_out(left, broken, "complete clinical data", excluded)
        stages.append(FlowStage(name="complete clinical data", counts=_counts(left, arms)))
    return left, Eligibility(
        stages=tuple(stages), excluded=tuple(excluded), not_assessable=tuple(not_assessable)
    )


def _leave_out(
    table: pd.DataFrame, broken: Any, rule: str, excluded: list[Excluded]
) -> pd.DataFrame:
    excluded.extend(Excluded(patient_id=patient, rule=rule) for patient in table.index[broken])
    return table[~broken]


def _counts(table: pd.DataFrame, arms: tuple[TreatmentArm, ...]) -> dict[str, int]:
    return {arm.value: int((table["arm"] == arm.value).sum()) for arm in arms}
