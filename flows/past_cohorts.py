"""The cohort of an earlier run, where its table still lies in this home."""

from pathlib import Path

import pandas as pd

from components.errors import IntegrityError
from flows.record import record_of_run


def patients_of(home: Path, run_id: str) -> dict[str, str] | None:
    """Arm and split of a run's patients by pseudonym; None where the table is not here any more."""
    record = record_of_run(home, run_id)
    tables = [file for file in record.files if Path(file.path).stem == "cohort"] if record else []
    if not tables:
        return None
    try:
        table = pd.read_parquet(tables[0].verified(), columns=["arm", "split"])
    except IntegrityError:
        return None
    return {str(name): f"{arm}/{split}" for name, arm, split in table.itertuples(name=None)}
