"""Who is studied: flow of patients, Table 1, missing values, risk label."""

from collections.abc import Sequence

from components.cohort.gate_records import ValidationReport
from components.cohort.missingness import Missingness
from components.reporting.blocks import Block, Folded, Heading, Prose, Rows, Section, picture
from components.reporting.content import ReportContent
from components.reporting.deviation_notes import notes_beside
from components.reporting.flow_diagram import draw_flow
from components.reporting.missing_figure import MOST_COLUMNS, draw_missing
from components.reporting.tables import (
    eligibility_table,
    excluded_table,
    ledger_table,
    not_assessable_table,
    quarantine_table,
    table_one,
    warnings_table,
)
from components.reporting.wording import count_text
from components.study.vocabulary import DataOrigin


def cohort_section(content: ReportContent) -> Section:
    """Flow of patients, baseline tables, missing values, ledger of the risk label."""
    figure = draw_flow(
        content.eligibility, content.quarantined, content.parts, origin=content.origin
    )
    n, deaths = content.count()
    blocks: list[Block] = [
        picture(
            figure,
            caption="Flow of patients.",
            alt=f"Flow diagram that ends with {n} patients, {deaths} of whom died",
        ),
        Rows(eligibility_table(content.eligibility)),
        *notes_beside(content, "eligibility"),
        _folded_patients(content),
        *_gate(content.gate),
        Heading("Baseline"),
        *(Rows(table_one(one)) for one in content.baseline),
        *notes_beside(content, "baseline"),
        *(missing_blocks(content.missing, origin=content.origin) if content.missing else []),
        Heading("Risk label"),
        Rows(ledger_table(content.ledger, unknown=content.protocol.label.unknown)),
        *notes_beside(content, "label"),
    ]
    return Section("cohort", "Cohort", tuple(blocks))


def _gate(reports: Sequence[ValidationReport]) -> list[Block]:
    """What the validation gate warned of and what it could not judge; nothing where it was met."""
    warned = [one for report in reports for one in report.warnings]
    open_rules = [one for report in reports for one in report.not_assessable]
    if not warned and not open_rules:
        return []
    n_met = sum(one.success for report in reports for one in report.expectations)
    blocks: list[Block] = [
        Heading("Checks of the data"),
        Prose(
            f"{count_text(n_met, 'rule')} met; {count_text(len(warned), 'warning')}; "
            f"{count_text(len(open_rules), 'rule')} not assessable, which is not the same as met."
        ),
    ]
    if warned:
        blocks.append(Rows(warnings_table(warned)))
    if open_rules:
        summary = f"{count_text(len(open_rules), 'rule')} that could not be judged"
        blocks.append(Folded(summary, (Rows(not_assessable_table(open_rules)),)))
    return blocks


def missing_blocks(missing: Missingness, *, origin: DataOrigin) -> list[Block]:
    """Missing values by column and arm, drawn where there are some."""
    blocks: list[Block] = [Heading("Missing values"), Prose(missing.sentence)]
    if missing.columns:
        hidden = len(missing.columns) - MOST_COLUMNS
        rest = f" {hidden} further columns have fewer." if hidden > 0 else ""
        drawn = picture(
            draw_missing(missing, origin=origin),
            caption="Empty cells by column and arm among the patients studied; to the right, where "
            f"it says more, the columns that are empty in the same patients.{rest}",
            alt=missing.sentence,
        )
        blocks.append(drawn)
    return blocks


def _folded_patients(content: ReportContent) -> Folded:
    set_aside, excluded = len(content.quarantined), len(content.eligibility.excluded)
    return Folded(
        f"{count_text(set_aside, 'patient')} set aside and {excluded} excluded, by pseudonym",
        (
            Rows(quarantine_table(content.quarantined)),
            Rows(excluded_table(content.eligibility)),
        ),
    )
