"""The validation gate on figures: the follow-up of each arm, and drift since the last promotion.

Figures are computed below (`components.cohort.followup_checks`, `components.monitoring.drift`);
Great Expectations judges them as tables of arms and of columns. A patient is never named here.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from components.cohort.followup_checks import ArmFollowUp
from components.cohort.gate_records import NotAssessable, ValidationReport
from components.monitoring.drift import ColumnDrift, DriftReport, has_more_missing, has_moved
from components.platform.expectation_rule import Rule, holds
from components.platform.gate_report import answer_of
from components.platform.suite import judge
from components.study.protocol.cohort import CohortSection
from components.study.vocabulary import TreatmentArm

FOLLOW_UP, DRIFT = "follow-up by arm", "drift"
_ARM, _COLUMN = "arm", "column"
_DRIFT_FLAGS = ("is_stable", "is_as_complete", "has_known_levels")


def validate_follow_up(
    arms: Sequence[ArmFollowUp], section: CohortSection, *, docs_dir: Path | None = None
) -> ValidationReport:
    """What the follow-up of the arms cannot carry.

    Args:
        arms: The figures of each arm of the protocol.
        section: How much is too little.
        docs_dir: Folder for the Data Docs page; none is written without it.
    """
    table = pd.DataFrame([_arm_row(one) for one in arms])
    words = {(column, one.arm): said for one in arms for column, said in _arm_words(one).items()}
    judged = judge(table, _arm_rules(section), name=FOLLOW_UP, key=_ARM)
    return answer_of(
        judged, name=FOLLOW_UP, key=_ARM, n_rows=len(table), docs_dir=docs_dir, words=words
    )


def validate_drift(
    reports: Sequence[DriftReport],
    section: CohortSection,
    *,
    against: str,
    docs_dir: Path | None = None,
) -> ValidationReport:
    """Which columns have moved since the data of the last promoted model.

    Args:
        reports: The comparisons, of all patients and of those who joined.
        section: How far a column may move.
        against: The data version that was compared with.
        docs_dir: Folder for the Data Docs page; none is written without it.
    """
    compared = [(one, report.population) for report in reports for one in report.columns]
    significance = section.drift_significance / max(len(compared), 1)
    rows: list[dict[str, object]] = []
    words: dict[tuple[str, str], str] = {}
    for one, population in compared:
        subject = f"{one.column}, {population}"
        rows.append(_drift_row(one, subject, section, significance))
        words |= {(column, subject): said for column, said in _drift_words(one, subject).items()}
    return answer_of(
        judge(
            pd.DataFrame(
                rows, columns=[_COLUMN, "is_stable", "is_as_complete", "has_known_levels"]
            ),
            _drift_rules(section, against),
            name=DRIFT,
            key=_COLUMN,
            derived=_DRIFT_FLAGS,
        ),
        name=DRIFT,
        key=_COLUMN,
        n_rows=len(rows),
        docs_dir=docs_dir,
        words=words,
        not_assessable=[
            NotAssessable(rule=f"drift of '{one.column}', {population}", why=one.note)
            for one, population in compared
            if one.note is not None
        ],
    )


def no_drift(why: str) -> ValidationReport:
    """The gate's answer where there is nothing to compare with."""
    rule = "drift against the data of the last promoted model"
    return ValidationReport(
        table=DRIFT,
        passed=True,
        stopped_by=(),
        quarantined=(),
        expectations=(),
        not_assessable=(NotAssessable(rule=rule, why=why),),
    )


def _arm_row(arm: ArmFollowUp) -> dict[str, object]:
    return {
        _ARM: arm.arm,
        "n": float(arm.n),
        "n_deaths": float(arm.n_events) if arm.n else None,
        "deaths_per_parameter": arm.events_per_parameter,
        "maturity": arm.maturity.value,
        "unknown_share": arm.unknown_share,
        "n_constant": float(len(arm.constant)) if arm.n else None,
    }


def _arm_words(arm: ArmFollowUp) -> dict[str, str]:
    each, unknown = arm.events_per_parameter or 0.0, arm.unknown_share or 0.0
    reached, median = arm.maturity.value or 0.0, arm.median_follow_up_days.text(0)
    said = {
        "n": f"{arm.n}",
        "n_deaths": f"{arm.n_events} of {arm.n} patients",
        "deaths_per_parameter": (
            f"{arm.n_events} deaths, {arm.n_parameters} parameters, {each:.1f} each"
        ),
        "maturity": f"{reached:.0%}, median follow-up {median} days",
        "unknown_share": f"{arm.n_unknown} of {arm.n}, {unknown:.0%}",
        "n_constant": ", ".join(arm.constant),
    }
    name = TreatmentArm(arm.arm).label
    return {column: f"{name}: {text}" for column, text in said.items()}


def _arm_rules(section: CohortSection) -> list[Rule]:
    return [
        _at_least(
            "n",
            1,
            "no patient who can be analyzed in an arm of the protocol; add its patients, or take "
            "the arm out of study.arms",
            "patients of each arm",
            stops=True,
        ),
        _at_least(
            "n_deaths",
            1,
            "no death in an arm, so that no survival model of it exists; follow it longer, check "
            "the coding of 'death', or take the arm out of study.arms",
            "deaths of each arm",
            stops=True,
        ),
        _at_least(
            "n",
            section.minimum_patients,
            f"fewer than {section.minimum_patients} patients in an arm (cohort.minimum_patients)",
            "number of patients of each arm",
        ),
        _at_least(
            "n_deaths",
            section.minimum_deaths,
            f"fewer than {section.minimum_deaths} deaths in an arm (cohort.minimum_deaths)",
            "number of deaths of each arm",
        ),
        _at_least(
            "deaths_per_parameter",
            section.minimum_deaths_per_parameter,
            f"fewer than {section.minimum_deaths_per_parameter:g} deaths a candidate parameter "
            "(cohort.minimum_deaths_per_parameter)",
            "deaths a candidate parameter",
        ),
        _at_least(
            "maturity",
            section.minimum_maturity,
            f"follow-up would reach the horizon in fewer than {section.minimum_maturity:.0%} of "
            "the patients, by reverse Kaplan-Meier (cohort.minimum_maturity)",
            "maturity of follow-up at the horizon",
        ),
        _at_most(
            "unknown_share",
            section.maximum_unknown_labels,
            f"more than {section.maximum_unknown_labels:.0%} of the patients censored before the "
            "horizon, so without a label (cohort.maximum_unknown_labels)",
            "share of labels that are not known",
        ),
        _at_most(
            "n_constant",
            0,
            "candidate predictors that are the same in all patients of an arm",
            "candidate predictors vary in each arm",
        ),
    ]


def _at_least(column: str, least: float, reason: str, asked: str, *, stops: bool = False) -> Rule:
    return Rule(
        "ExpectColumnValuesToBeBetween",
        {"column": column, "min_value": float(least)},
        reason,
        "stop" if stops else "warn",
        asked,
    )


def _at_most(column: str, most: float, reason: str, asked: str) -> Rule:
    return Rule(
        "ExpectColumnValuesToBeBetween",
        {"column": column, "max_value": float(most)},
        reason,
        "warn",
        asked,
    )


def _drift_row(
    drift: ColumnDrift, subject: str, section: CohortSection, significance: float
) -> dict[str, object]:
    moved = has_moved(drift, limit=section.drift_stability_index, significance=significance)
    emptier = has_more_missing(drift, limit=section.drift_missing_share, significance=significance)
    return {
        _COLUMN: subject,
        "is_stable": None if moved is None else not moved,
        "is_as_complete": not emptier,
        "has_known_levels": not drift.new_levels if drift.levels else None,
    }


def _drift_words(drift: ColumnDrift, subject: str) -> dict[str, str]:
    psi, excess = drift.psi or 0.0, drift.psi_excess or 0.0
    effect = "" if drift.smd is None else f", effect {drift.smd:.2f}"
    return {
        "is_stable": f"{subject}: {psi:.2f}, {excess:.2f} beyond chance{effect}",
        "is_as_complete": (
            f"{subject}: {drift.reference_missing:.0%} empty then, {drift.current_missing:.0%} now"
        ),
        "has_known_levels": f"{subject}: {', '.join(drift.new_levels)}",
    }


def _drift_rules(section: CohortSection, against: str) -> list[Rule]:
    since = f"since data version {against}, that of the last promoted model"
    return [
        holds(
            "is_stable",
            f"columns have moved {since}: stability index more than "
            f"{section.drift_stability_index:g} beyond chance (cohort.drift_stability_index)",
            "warn",
            asked="distribution of each column against the last promoted version",
            needs=("is_stable",),
        ),
        holds(
            "is_as_complete",
            f"the share of empty cells has moved {since}, by more than "
            f"{section.drift_missing_share:.0%} (cohort.drift_missing_share)",
            "warn",
            asked="empty cells of each column against the last promoted version",
            needs=("is_as_complete",),
        ),
        holds(
            "has_known_levels",
            f"levels have appeared {since}",
            "warn",
            asked="levels of each column against the last promoted version",
            needs=("has_known_levels",),
        ),
    ]
