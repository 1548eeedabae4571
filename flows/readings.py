"""The ledger of the test patients: every reading of them, in the ARMWISE home, for good."""

from datetime import UTC, datetime
from pathlib import Path

from components.reporting.records import TestReading
from components.study.lines import add_line, read_lines

_FILE = "test_readings.jsonl"


def note_reading(
    home: Path, *, run_id: str, data_md5: str, protocol_hash: str, purpose: str
) -> None:
    """Writes down that the test patients are being read now, for a run and a purpose once.

    A run that was cut off and goes on asks the same patients the same question of the same models:
    that is one reading.
    """
    reading = TestReading(
        when=datetime.now(UTC).isoformat(timespec="seconds"),
        run_id=run_id,
        data_md5=data_md5,
        protocol_hash=protocol_hash,
        purpose=purpose,
    )
    if not any(one.model_copy(update={"when": reading.when}) == reading for one in _all(home)):
        add_line(home / _FILE, reading)


def readings_of(home: Path, data_md5: str) -> tuple[TestReading, ...]:
    """All readings of the test patients of a data version, in order."""
    return tuple(reading for reading in _all(home) if reading.data_md5 == data_md5)


def _all(home: Path) -> tuple[TestReading, ...]:
    return read_lines(home / _FILE, TestReading)
