"""The ledger of the test patients: every reading of them, in the ARMWISE home, for good."""

import json
from datetime import UTC, datetime
from pathlib import Path

from components.reporting.records import TestReading

_FILE = "test_readings.jsonl"


def note_reading(
    home: Path, *, run_id: str, data_md5: str, protocol_hash: str, purpose: str
) -> None:
    """Writes down that the test patients are being read now."""
    reading = TestReading(
        when=datetime.now(UTC).isoformat(timespec="seconds"),
        run_id=run_id,
        data_md5=data_md5,
        protocol_hash=protocol_hash,
        purpose=purpose,
    )
    with (home / _FILE).open("a", encoding="utf-8") as ledger:
        ledger.write(reading.to_json() + "\n")


def readings_of(home: Path, data_md5: str) -> tuple[TestReading, ...]:
    """All readings of the test patients of a data version, in order."""
    path = home / _FILE
    if not path.is_file():
        return ()
    lines = path.read_text(encoding="utf-8").splitlines()
    readings = [TestReading.model_validate(json.loads(line)) for line in lines]
    return tuple(reading for reading in readings if reading.data_md5 == data_md5)
