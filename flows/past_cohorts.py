"""The cohort of an earlier run, where its table still lies in this home."""

from pathlib import Path

import pandas as pd
from pydantic import ValidationError

from components.errors import IntegrityError
from flows.record import RunRecord


def patients_of(home: Path, run_id: str) -> dict[str, str] | None:
    """Arm and split of a run's patients by pseudonym; None where the table is not here any more."""
    for path in (home / "retrainings").glob("*.json"):
        try:
            record = RunRecord.from_json(path.read_bytes())
        except ValidationError:
            continue
        tables = [file for file in record.files if Path(file.path).name == "cohort.parquet"]
        if record.run_id != run_id or not tables:
            continue
        try:
            table = pd.read_parquet(tables[0].verified(), columns=["arm", "split"])
        except (IntegrityError, OSError):
            return None
        return {str(name): f"{arm}/{split}" for name, arm, split in table.itertuples(name=None)}
    return None
