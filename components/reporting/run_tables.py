"""The tables of provenance: software, timings, readings of the test patients, TRIPOD+AI."""

from collections.abc import Iterable, Sequence

from components.reporting.html_table import Table, table
from components.reporting.records import DataSummary, Provenance, TestReading
from components.reporting.tripod import TRIPOD_ITEMS, Answer, TripodItem
from components.reporting.wording import ABSENT, bytes_text, seconds_text

_ANSWERS = {Answer.YES: "answered", Answer.PARTLY: "in part", Answer.NO: "not answered"}


def data_table(data: DataSummary) -> Table:
    """Which data the run read."""
    rows = [
        ("Data set", data.name),
        ("Origin", data.origin.value),
        ("Version", data.md5),
        ("Files", f"{data.n_files} ({bytes_text(data.n_bytes)})"),
        ("Came from", data.source),
        ("Split (hash)", data.split_hash),
    ]
    return table("Data", ("", ""), rows, text_columns=(1,))


def code_table(provenance: Provenance, *, protocol_hash: str, seed: int) -> Table:
    """Which code, configuration and machine made the numbers."""
    commit = provenance.git_commit or "not in a git clone"
    if provenance.git_commit and not provenance.git_is_clean:
        commit += ", with uncommitted changes"
    rows = [
        ("armwise", provenance.package_version),
        ("Git commit", commit),
        ("Protocol (sha256, first 16 digits)", protocol_hash),
        ("Seed", str(seed)),
        ("MLflow run", provenance.mlflow_run_id),
        ("Started", provenance.started),
        ("Machine", provenance.machine),
        *([("Networks trained on", provenance.device)] if provenance.device else []),
        *provenance.places.items(),
    ]
    return table("Code, configuration, machine", ("", ""), rows, text_columns=(1,))


def software_table(provenance: Provenance) -> Table:
    """Versions of the software, beside those that the study names."""
    rows = [(one.name, one.version, one.study_version or ABSENT) for one in provenance.software]
    return table("Software", ("Package", "This run", "The study"), rows, text_columns=(1, 2))


def timings_table(provenance: Provenance) -> Table:
    """Seconds of each step and of the platforms."""
    rows: list[Sequence[str]] = [
        (one.step, "from an earlier run" if one.from_cache else seconds_text(one.seconds))
        for one in provenance.timings
    ]
    rows.append(("All steps", seconds_text(sum(one.seconds for one in provenance.timings))))
    rows.append(("Of these, the platforms",))
    rows += [(name, seconds_text(spent)) for name, spent in provenance.platform_seconds.items()]
    return table("Time spent", ("Step", "Time"), rows)


def readings_table(readings: Iterable[TestReading]) -> Table:
    """Every occasion on which the test patients' outcomes were looked at."""
    rows = [
        (str(index), one.when, one.purpose, one.data_md5[:12], one.protocol_hash, one.run_id)
        for index, one in enumerate(readings, start=1)
    ]
    return table(
        "Readings of the test patients",
        ("No.", "When", "For", "Data", "Protocol", "Run"),
        rows,
        text_columns=(1, 2, 3, 4, 5),
    )


def tripod_table(items: Sequence[TripodItem] = TRIPOD_ITEMS) -> Table:
    """The items of TRIPOD+AI and how far this report answers each."""
    counts = {answer: sum(item.answer is answer for item in items) for answer in Answer}
    rows = [
        (item.number, item.asks, _ANSWERS[item.answer], item.section or ABSENT, item.remark)
        for item in items
    ]
    caption = ", ".join(f"{counts[answer]} {_ANSWERS[answer]}" for answer in Answer)
    return table(
        f"TRIPOD+AI: of {len(items)} items {caption}",
        ("Item", "Asks for", "Here", "Section", "Remark"),
        rows,
        notes=["Collins et al. 2024, BMJ 385:e078378, doi 10.1136/bmj-2023-078378; our wording."],
        text_columns=(1, 2, 3, 4),
    )
