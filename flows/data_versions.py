"""What every use of the data sees to: the version is remembered, nobody who left is in it."""

from pathlib import Path

import pandas as pd

from components.cohort.dataset import Dataset, read_table
from components.errors import CohortRejected, DataError
from components.platform.data_history import FOUND, note_version
from components.platform.data_version import DataVersion, recorded_md5
from components.platform.withdrawal_ledger import require_finished, withdrawals, withdrawn
from flows.settings import Settings

_SHOWN = 5


def remember(settings: Settings, version: DataVersion, *, message: str = FOUND) -> None:
    """Write the version in the data folder into the history, unless it stands there."""
    note_version(
        settings.home_path,
        version.md5,
        message=message,
        n_files=version.n_files,
        n_bytes=version.n_bytes,
        clinical=_clinical(settings.data_path),
    )


def remember_recorded(settings: Settings) -> None:
    """Write the version in `data.dvc` into the history, before another one takes its place."""
    recorded = recorded_md5(settings.study_path)
    if recorded is not None:
        note_version(settings.home_path, recorded)


def refuse_withdrawn(settings: Settings, *, clinical: pd.DataFrame | None = None) -> None:
    """Nothing, once no withdrawal is half done and no patient of the data has withdrawn.

    Args:
        settings: The place.
        clinical: The clinical table; default: that of the data folder.

    Raises:
        DataError: A withdrawal was cut short, or the data hold a patient who has withdrawn.
        UsageError: Patients have withdrawn and there is no study key to know them by.
        IntegrityError: The study key is not the one under which they withdrew.
    """
    require_finished(settings.home_path)
    if not withdrawals(settings.home_path):
        return
    key = settings.study_key
    is_withdrawn = withdrawn(settings.home_path, study_key=key.get_secret_value() if key else None)
    table = clinical if clinical is not None else _clinical(settings.data_path)
    if table is None or "patient_id" not in table:
        return
    back = [
        patient for patient in table["patient_id"].astype(str).unique() if is_withdrawn(patient)
    ]
    if back:
        more = f" and {len(back) - _SHOWN} more" if len(back) > _SHOWN else ""
        msg = (
            f"patient {', '.join(back[:_SHOWN])}{more} withdrew from this study and must not be in "
            "its data; go to a version without (`armwise data history`), or "
            f"`armwise withdraw {back[0]}`"
        )
        raise DataError(msg)


def _clinical(data: Path) -> pd.DataFrame | None:
    try:
        return read_table(Dataset(data).clinical_path)
    except CohortRejected:  # the gate says what is wrong with it
        return None
