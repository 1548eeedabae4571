"""What the validation gate answered, as artifacts of the Prefect run."""

from collections.abc import Iterable, Sequence

from prefect.artifacts import create_link_artifact, create_markdown_artifact

from components.cohort.gate_records import ValidationReport

_KEY = "validation-gate"


def publish_gate(reports: Sequence[ValidationReport], *, docs: str) -> None:
    """Shows in the Prefect UI what the gate answered, and where its Data Docs are.

    Args:
        reports: What was answered on each table; pseudonyms and reasons, no values.
        docs: The address of the Data Docs.
    """
    create_markdown_artifact(
        key=_KEY, markdown=gate_markdown(reports, docs=docs), description="Validation gate"
    )
    create_link_artifact(
        key=f"{_KEY}-data-docs", link=docs, link_text="Data Docs", description="Data Docs"
    )


def gate_markdown(reports: Sequence[ValidationReport], *, docs: str) -> str:
    """The gate's answer as Markdown: stops, quarantine, warnings, what could not be judged."""
    stops = [f"{one.table}: {reason}" for one in reports for reason in one.stopped_by]
    held = [f"`{entry.patient_id}`: {entry.reason}" for one in reports for entry in one.quarantined]
    warned = [f"{one.table}: {warning.sentence}" for one in reports for warning in one.warnings]
    open_rules = [f"{entry.rule}: {entry.why}" for one in reports for entry in one.not_assessable]
    verdict = "The flow stops." if stops else "The flow goes on."
    return "\n".join(
        [
            "# Validation gate",
            "",
            verdict,
            "",
            *_listed("Stopped by", stops),
            *_listed("Quarantine", held),
            *_listed("Warnings", warned),
            *_listed("Not assessable", open_rules),
            f"Data Docs: {docs}",
        ]
    )


def _listed(title: str, lines: Iterable[str]) -> list[str]:
    entries = [f"- {line}" for line in lines]
    if not entries:
        return [f"## {title}: none", ""]
    return [f"## {title}: {len(entries)}", "", *entries, ""]
