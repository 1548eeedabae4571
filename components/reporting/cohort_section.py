"""Who is studied: flow of patients, Table 1, risk label."""

from components.reporting.blocks import Block, Folded, Heading, Rows, Section, picture
from components.reporting.content import ReportContent
from components.reporting.deviation_notes import notes_beside
from components.reporting.flow_diagram import draw_flow
from components.reporting.tables import (
    eligibility_table,
    excluded_table,
    ledger_table,
    quarantine_table,
    table_one,
)
from components.reporting.wording import count_text


def cohort_section(content: ReportContent) -> Section:
    """Flow of patients, baseline tables, ledger of the risk label."""
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
        Heading("Risk label"),
        Rows(ledger_table(content.ledger, unknown=content.protocol.label.unknown)),
        *notes_beside(content, "label"),
    ]
    return Section("cohort", "Cohort", tuple(blocks))


def _folded_patients(content: ReportContent) -> Folded:
    set_aside, excluded = len(content.quarantined), len(content.eligibility.excluded)
    return Folded(
        f"{count_text(set_aside, 'patient')} set aside and {excluded} excluded, by pseudonym",
        (
            Rows(quarantine_table(content.quarantined)),
            Rows(excluded_table(content.eligibility)),
        ),
    )
