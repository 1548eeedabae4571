"""Who is studied: flow of patients, Table 1, missing values, risk label."""

from components.reporting.blocks import Block, Folded, Heading, Prose, Rows, Section, picture
from components.reporting.content import ReportContent
from components.reporting.deviation_notes import notes_beside
from components.reporting.flow_diagram import draw_flow
from components.reporting.missing_figure import MOST_COLUMNS, draw_missing
from components.reporting.tables import (
    eligibility_table,
    excluded_table,
    ledger_table,
    quarantine_table,
    table_one,
)
from components.reporting.wording import count_text


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
        Heading("Baseline"),
        *(Rows(table_one(one)) for one in content.baseline),
        *notes_beside(content, "baseline"),
        *_missing(content),
        Heading("Risk label"),
        Rows(ledger_table(content.ledger, unknown=content.protocol.label.unknown)),
        *notes_beside(content, "label"),
    ]
    return Section("cohort", "Cohort", tuple(blocks))


def _missing(content: ReportContent) -> list[Block]:
    """Missing values by column and arm, drawn where there are some."""
    missing = content.missing
    if missing is None:
        return []
    blocks: list[Block] = [Heading("Missing values"), Prose(missing.sentence)]
    if missing.columns:
        hidden = len(missing.columns) - MOST_COLUMNS
        rest = f" {hidden} further columns have fewer." if hidden > 0 else ""
        drawn = picture(
            draw_missing(missing, origin=content.origin),
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
