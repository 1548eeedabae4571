"""What it takes to judge and to repeat the run: deviations, limits, provenance, protocol."""

from components.reporting.blocks import Block, Bullets, Code, Folded, Heading, Prose, Rows, Section
from components.reporting.content import ReportContent
from components.reporting.deviation_notes import departures_blocks
from components.reporting.run_tables import (
    code_table,
    data_table,
    readings_table,
    software_table,
    timings_table,
    tripod_table,
)
from components.reporting.tables import adaptations_table

_LIMITS = (
    "One cohort, split within itself: no external validation.",
    "Training figures are apparent and too good.",
    "Each nomogram gives the prognosis after one first treatment. They are not a comparison of "
    "the treatments: who got which was not decided by chance.",
    "Later treatments are not modeled; survival is as it happened after the first one.",
)
_NO_SUBGROUPS = "Subgroups (such as sex, age, center, scanner) are not assessed."
_SYNTHETIC_LIMIT = (
    "The patients are synthetic. The report shows that the method runs, not that it helps anybody."
)
_ONE_ROI = (
    "One consensus ROI a patient and one slice of it; agreement between readers is not assessed."
)
_RANDOM_WEIGHTS = (
    "The networks started from random weights: pretrained ones would be expected to learn more "
    "from so few patients."
)


def deviations_section(content: ReportContent) -> Section:
    """Where the run departed from its protocol, and what its figures cannot show."""
    limits = [*_LIMITS, *([] if content.subgroups else [_NO_SUBGROUPS])]
    if content.search is not None:
        limits.append(_ONE_ROI)
        if content.protocol.backbone.weights == "random":
            limits.insert(0, _RANDOM_WEIGHTS)
    if content.is_synthetic:
        limits.insert(0, _SYNTHETIC_LIMIT)
    notes = [note for arm in content.arms for note in arm.notes]
    rules = [
        f"Not assessable in these data, so not applied: {rule}."
        for rule in content.eligibility.not_assessable
    ]
    return Section(
        "limitations",
        "Deviations and limitations",
        (
            Rows(adaptations_table(content.adaptations)),
            *departures_blocks(content),
            Heading("Limitations"),
            Bullets((*limits, *rules, *content.notes, *notes)),
        ),
    )


def declarations_section(content: ReportContent) -> Section:
    """Ethics, funding, data access and contact, as the protocol states them."""
    stated = content.protocol.report
    return Section(
        "declarations",
        "Ethics, funding, access",
        (
            Bullets(
                (
                    f"Ethics: {stated.ethics}",
                    f"Funding: {stated.funding}",
                    f"Data access: {stated.data_access}",
                    f"Contact: {stated.contact}",
                )
            ),
        ),
    )


def provenance_section(content: ReportContent) -> Section:
    """Data, code, machine, time spent, readings of the test patients."""
    protocol, provenance = content.protocol, content.provenance
    return Section(
        "provenance",
        "Provenance",
        (
            Rows(data_table(content.data)),
            Rows(code_table(provenance, protocol_hash=protocol.hash(), seed=protocol.study.seed)),
            Rows(readings_table(content.readings)),
            Rows(timings_table(provenance)),
            Rows(software_table(provenance)),
        ),
    )


def protocol_section(content: ReportContent) -> Section:
    """The protocol's file as it stands."""
    blocks: list[Block] = [
        Prose(f"Hash {content.protocol.hash()}. Each run and model carries it."),
        Folded("The protocol's file", (Code(content.protocol_text),)),
    ]
    if content.mapping_text is not None:
        blocks.append(Folded("The column mapping", (Code(content.mapping_text),)))
    return Section("protocol", "Protocol", tuple(blocks))


def tripod_section() -> Section:
    """TRIPOD+AI, item by item."""
    return Section("tripod", "TRIPOD+AI", (Rows(tripod_table()),))
