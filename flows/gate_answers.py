"""What the validation gate answered in a run, gathered from its results for all who show it."""

from collections.abc import Mapping, Sequence
from typing import Any

from components.cohort.gate_records import ValidationReport, not_assessable_sentence


def gate_reports(results: Mapping[str, Mapping[str, Any]]) -> tuple[ValidationReport, ...]:
    """The gate's answer on each table, drift among them; empty before it has been asked."""
    steps = [results.get(name, {}) for name in ("validation", "drift")]
    said = [report for step in steps for report in step.get("reports", [])]
    return tuple(ValidationReport.model_validate(one) for one in said)


def gate_warnings(reports: Sequence[ValidationReport]) -> tuple[str, ...]:
    """Each rule that is not met and lets the flow go on, in a sentence."""
    return tuple(
        f"{report.table}: {warning.sentence}." for report in reports for warning in report.warnings
    )


def gate_notes(results: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """What a reader of the run must know of its data: warnings, and what could not be judged."""
    reports = gate_reports(results)
    unjudged = not_assessable_sentence([one for each in reports for one in each.not_assessable])
    return (*gate_warnings(reports), *([unjudged] if unjudged else []))


def gate_line(reports: Sequence[ValidationReport]) -> str:
    """What the gate found, in a line."""
    n_held = len({entry.patient_id for report in reports for entry in report.quarantined})
    n_rules = sum(len(report.expectations) for report in reports)
    n_warnings = sum(len(report.warnings) for report in reports)
    n_open = sum(len(report.not_assessable) for report in reports)
    return (
        f"{n_rules} expectations, {n_held} patients quarantined, {n_warnings} warnings, "
        f"{n_open} not assessable"
    )
