"""The record of a finished run: what it was made from and what it left behind."""

from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from components.study.files import written_whole
from components.study.results import ArtifactRef, Record


class RunRecord(Record):
    """Kept as `<home>/finished/<key>.json`; written last, when all of it is there.

    `files` are the artifacts on this machine, `versions` the registered models by name, `facts`
    what the closing summary shows, `steps` the key of each step by its name.
    """

    key: str
    data_md5: str
    protocol_hash: str
    run_id: str
    files: tuple[ArtifactRef, ...]
    versions: dict[str, str]
    facts: dict[str, Any]
    steps: dict[str, str] = Field(default_factory=dict)

    @property
    def unchanged(self) -> str:
        """What is said where this would be done again."""
        return (
            f"Nothing has changed: data {self.data_md5[:12]}, protocol {self.protocol_hash}, "
            "code and versions are those of this run. Nothing was repeated."
        )

    def missing_files(self) -> list[str]:
        """The files that are no longer what they were."""
        return [file.path for file in self.files if not file.exists()]


def record_path(home: Path, key: str) -> Path:
    """Where the record of a key is kept."""
    return home / "finished" / f"{key}.json"


def read_record(home: Path, key: str) -> RunRecord | None:
    """The record of a key; None where that run has not finished, or not here."""
    try:
        return RunRecord.from_json(record_path(home, key).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def record_of_run(home: Path, run_id: str) -> RunRecord | None:
    """The record of an MLflow run; None where that run has not finished, or not here."""
    keys = [path.stem for path in record_path(home, "").parent.glob("*.json")]
    records = (read_record(home, key) for key in keys)
    return next((record for record in records if record and record.run_id == run_id), None)


def write_record(home: Path, record: RunRecord) -> None:
    """Writes the record, all or nothing."""
    with written_whole(record_path(home, record.key)) as partial:
        partial.write_text(record.to_json(), encoding="utf-8")
