"""The tables of cohort, search and decision."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from components.cohort.baseline import TableOne, TableRow
from components.cohort.eligibility import Eligibility
from components.cohort.gate_records import NotAssessable, RuleWarning, named
from components.cohort.label import LabelLedger
from components.promotion.records import Decision, Evidence
from components.reporting.html_table import Table, table
from components.reporting.wording import (
    ABSENT,
    MODEL_NAMES,
    days_text,
    estimate_text,
    p_text,
)
from components.study.results import Adaptation, Estimate, Quarantined
from components.study.vocabulary import Split, TreatmentArm

_NAMED = 5

_UNKNOWN = {
    "ipcw": "Patients with a known label are weighted so in training and in the networks' figures.",
    "drop": "In training and in the networks' figures unknown patients are left out, the others "
    "unweighted.",
    "naive": "In training unknown patients count as high risk.",
}


def table_one(content: TableOne) -> Table:
    """A baseline table; a variable with levels has a line of its own above them."""
    rows: list[tuple[str, ...]] = []
    for _, group in groupby(content.rows, key=lambda row: row.variable):
        rows += _variable_rows(list(group), content.sizes)
    tests = sorted({row.test for row in content.rows if row.test})
    notes = [
        "Median (first, third quartile), or count (share of the patients in whom it is known). "
        "SMD: standardized mean difference; unlike a p-value it does not grow with the sample."
    ]
    if tests:
        notes.append(f"Tests: {', '.join(tests)}.")
    columns = ("Variable", *map(_head, content.columns), "p", "SMD", "Missing")
    return table(content.title, columns, rows, notes=notes)


def _head(column: str) -> str:
    """A group's name with the arm as it is written, sizes kept in one line."""
    for arm in TreatmentArm:
        if column == arm.value or column.startswith(f"{arm.value} "):
            column = arm.label + column.removeprefix(arm.value)
    return column.replace("(n = ", "(n\u00a0=\u00a0")


def _variable_rows(rows: Sequence[TableRow], sizes: Sequence[int]) -> list[tuple[str, ...]]:
    first = rows[0]
    compared = (
        p_text(first.p_value) or ABSENT,
        f"{first.smd:.2f}" if first.smd is not None else ABSENT,
        str(first.n_missing),
    )
    if first.level is None:
        shown = [(first.label, *first.cells, *compared)]
    else:
        head = (first.label, *("" for _ in first.cells), *compared)
        shown = [head, *((f"\u2003{row.level}", *row.cells, "", "", "") for row in rows)]
    if first.n_missing:
        cells = [
            f"{n} ({100 * n / size:.1f}%)" for n, size in zip(first.missing, sizes, strict=True)
        ]
        shown.append(("\u2003missing", *cells, "", "", ""))
    return shown


def eligibility_table(eligibility: Eligibility) -> Table:
    """How many patients of each arm each rule leaves."""
    first = eligibility.stages[0]
    arms = [TreatmentArm(name).label for name in first.counts]
    others = ["No arm"] if first.of_no_arm else []
    rows = [
        (
            stage.name,
            *(str(n) for n in stage.counts.values()),
            *([str(stage.of_no_arm)] if others else []),
            str(stage.total),
        )
        for stage in eligibility.stages
    ]
    unknown = "; ".join(eligibility.not_assessable)
    notes = [f"Not assessable, column missing or empty: {unknown}."] if unknown else []
    if eligibility.not_assessed:
        counted = "; ".join(f"{rule} {n}" for rule, n in eligibility.not_assessed.items())
        notes.append(f"Not assessed, the patient's cell is empty, and not excluded: {counted}.")
    columns = ("Rule", *arms, *others, "All")
    return table("Patients left after each rule", columns, rows, notes=notes)


def quarantine_table(quarantined: Iterable[Quarantined]) -> Table:
    """Patients set aside, by pseudonym, and why."""
    rows = [(one.patient_id, one.reason, one.found_by) for one in quarantined]
    columns = ("Patient", "Reason", "Found by")
    return table("Patients set aside by checks of the data", columns, rows, text_columns=(1, 2))


def excluded_table(eligibility: Eligibility) -> Table:
    """Patients excluded, by pseudonym, and the first rule that each broke."""
    rows = [(one.patient_id, one.rule) for one in eligibility.excluded]
    return table(
        "Patients excluded by eligibility rules",
        ("Patient", "First rule not met"),
        rows,
        text_columns=(1,),
    )


def warnings_table(warnings: Iterable[RuleWarning]) -> Table:
    """Rules of the gate that are not met and stop nothing, one line a rule."""
    rows = [
        (
            one.reason,
            f"{len(one.subjects)} of {one.n_judged}" if one.subjects else ABSENT,
            named(one.subjects, _NAMED) or ABSENT,
        )
        for one in warnings
    ]
    columns = ("Found", "How many", "Whom, or what")
    return table("Warnings of the validation gate", columns, rows, text_columns=(2,))


def not_assessable_table(entries: Iterable[NotAssessable]) -> Table:
    """Rules that the gate could not judge, and what is missing."""
    rows = [(one.rule, one.why) for one in entries]
    return table("Not assessable", ("Rule", "What is missing"), rows, text_columns=(1,))


def ledger_table(
    ledger: LabelLedger, *, unknown: str = "ipcw", title: str = "Patients by risk label"
) -> Table:
    """How many patients have a risk label, and how many are censored before they could."""
    horizon = days_text(ledger.horizon_days)
    rows = [
        (
            TreatmentArm(row.arm).label,
            Split(row.split).value,
            str(row.high + row.low + row.unknown),
            str(row.high),
            str(row.low),
            str(row.unknown),
            f"{row.effective_n:.1f}",
        )
        for row in ledger.rows
    ]
    columns = (
        "Arm",
        "Part",
        "Patients",
        f"High risk: died by {horizon}",
        f"Low risk: followed beyond {horizon}",
        "Unknown: censored before",
        "Effective n",
    )
    notes = [
        f"{_UNKNOWN[unknown]} Effective n: what weights by the inverse probability of not being "
        "censored leave (Kish). Unknown patients stay in every survival model."
    ]
    return table(title, columns, rows, notes=notes, text_columns=(1,))


def decision_table(decision: Decision, evidence: Evidence) -> Table:
    """What the gate read in each arm and what it answered."""
    rows = [
        (
            arm.label,
            MODEL_NAMES[one.model_kind],
            estimate_text(one.c),
            estimate_text(one.slope),
            _difference_text(one.difference),
            _difference_text(one.difference_to_first),
            decision.by_arm.get(arm, ABSENT),
        )
        for arm, one in evidence.arms.items()
    ]
    level = next((one.c.level for one in evidence.arms.values()), 0.9)
    columns = (
        "Arm",
        "Nomogram",
        "Uno's C",
        "Calibration slope",
        "C minus champion's",
        "C minus first approved's",
        "Verdict",
    )
    notes = [
        f"Test patients; intervals at {100 * level:g}%.",
        f"Readings of these test patients by decisions so far: {evidence.n_test_readings}.",
    ]
    return table("What the gate read", columns, rows, notes=notes, text_columns=(1, 6))


def _difference_text(difference: Estimate | None) -> str:
    return ABSENT if difference is None else estimate_text(difference)


def adaptations_table(adaptations: Iterable[Adaptation]) -> Table:
    """Where the run departed from its protocol."""
    rows = [(one.step, one.asked, one.done, one.why) for one in adaptations]
    return table(
        "Adaptations: where the run departed from its protocol",
        ("Step", "The protocol asked", "Done", "Why"),
        rows,
        text_columns=(1, 2, 3),
    )
