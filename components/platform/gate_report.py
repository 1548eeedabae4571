"""From the results of a suite to the gate's answer: stops, quarantine, warnings, a page."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from components.cohort.gate_records import (
    ExpectationResult,
    NotAssessable,
    RuleWarning,
    ValidationReport,
    named,
)
from components.platform.data_docs import render_page
from components.platform.expectation_rule import Rule
from components.platform.suite import Judged, could_be_computed, subjects_of
from components.study.protocol.cohort import CohortSection
from components.study.results import Quarantined

Words = Mapping[tuple[str, str], str]
"""What to say of a subject, by the judged column and the subject's name."""

_MEDIAN = "ExpectColumnMedianToBeBetween"


def answer_of(
    judged: Judged,
    *,
    name: str,
    key: str,
    n_rows: int,
    docs_dir: Path | None,
    stopped_by: Sequence[str] = (),
    quarantined: Sequence[Quarantined] = (),
    words: Words | None = None,
    not_assessable: Sequence[NotAssessable] = (),
) -> ValidationReport:
    """The gate's answer on a table.

    Args:
        judged: What became of its rules.
        name: Of the table.
        key: The column that names the subjects.
        n_rows: Rows of the table.
        docs_dir: Folder for the Data Docs page; none is written without it.
        stopped_by: Why else the flow stops.
        quarantined: Who goes into quarantine.
        words: What to say of a subject, where it is more than its name.
        not_assessable: What else could not be judged.
    """
    known = words or {}
    stopped = [_sentence(rule, row, key, known) for rule, row in judged.rows if _stops(rule, row)]
    stopped += stopped_by
    warned = tuple(
        _warning(rule, row, key, known)
        for rule, row in judged.rows
        if rule.consequence == "warn" and not row.success and could_be_computed(row)
    )
    failed = [
        NotAssessable(rule=rule.question, why="it could not be computed")
        for rule, row in judged.rows
        if rule.consequence == "warn" and not could_be_computed(row)
    ]
    unjudged = (*judged.not_assessable, *failed, *not_assessable)
    report = ValidationReport(
        table=name,
        passed=not stopped,
        stopped_by=tuple(stopped),
        quarantined=tuple(quarantined),
        expectations=tuple(_expectation(rule, row, n_rows) for rule, row in judged.rows),
        warnings=warned,
        not_assessable=unjudged,
    )
    if docs_dir is None or judged.answer is None:
        return report
    path = render_page(judged.answer, docs_dir / f"{name.replace(' ', '_')}.html", report=report)
    return report.model_copy(update={"docs": str(path)})


def quarantine_of(judged: Judged, *, key: str, found_by: str) -> tuple[Quarantined, ...]:
    """Who is set aside by a suite, each once with all reasons."""
    reasons: dict[str, list[str]] = {}
    for rule, row in judged.rows:
        if rule.consequence == "quarantine" and not row.success:
            for patient_id in subjects_of(row, key):
                reasons.setdefault(patient_id, []).append(rule.reason)
    return tuple(
        Quarantined(patient_id=patient_id, reason="; ".join(sorted(why)), found_by=found_by)
        for patient_id, why in sorted(reasons.items())
    )


def too_many(
    quarantined: Sequence[Quarantined],
    before: Sequence[Quarantined],
    section: CohortSection,
    *,
    judged: Judged,
) -> list[str]:
    """Why the flow stops where more patients are in quarantine than the protocol allows.

    A column whose median says that its unit is another one is named too: it may be the reason.
    """
    reasons = {row.patient_id: row.reason for row in (*before, *quarantined)}
    if len(reasons) <= section.max_quarantined:
        return []
    each = [f"{patient} ({reason})" for patient, reason in sorted(reasons.items())]
    units = [
        rule.reason
        for rule, row in judged.rows
        if rule.kind == _MEDIAN and rule.consequence == "warn" and not row.success
    ]
    return [
        f"{len(each)} patients are in quarantine, the protocol allows "
        f"{section.max_quarantined} (cohort.max_quarantined): {named(each)}",
        *units,
    ]


def _stops(rule: Rule, row: Any) -> bool:
    if row.success or rule.consequence == "warn":
        return False
    return rule.consequence == "stop" or not row.result.get("unexpected_count")


def _sentence(rule: Rule, row: Any, key: str, words: Words) -> str:
    if not could_be_computed(row) and rule.kind != "ExpectColumnToExist":
        # Neither met nor broken by anyone: the expectation itself could not be computed.
        return f"column '{rule.column}' could not be judged ({rule.kind})"
    subjects = _said(rule, row, key, words)
    return f"{rule.reason}: {named(subjects)}" if subjects else rule.reason


def _warning(rule: Rule, row: Any, key: str, words: Words) -> RuleWarning:
    return RuleWarning(
        reason=rule.reason,
        n_judged=_n_judged(row),
        subjects=tuple(_said(rule, row, key, words)),
    )


def _said(rule: Rule, row: Any, key: str, words: Words) -> list[str]:
    return [words.get((rule.column, one), one) for one in subjects_of(row, key)]


def _n_judged(row: Any) -> int:
    counted = int(row.result.get("element_count") or 0)
    return counted - int(row.result.get("missing_count") or 0)


def _expectation(rule: Rule, row: Any, n_rows: int) -> ExpectationResult:
    return ExpectationResult(
        name=row.expectation_config.type,
        column=rule.arguments.get("column"),
        success=bool(row.success),
        n_unexpected=int(row.result.get("unexpected_count") or 0),
        n_rows=n_rows,
        n_judged=_n_judged(row),
        consequence=rule.consequence,
    )
