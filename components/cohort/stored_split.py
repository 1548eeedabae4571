"""The split as it is stored: `split.parquet`, read with the one question that everything hangs on.

Whoever stands on both sides is tested by models that have learned from them.
"""

from pathlib import Path

import pandas as pd

from components.cohort.dataset import read_table
from components.errors import CohortRejected
from components.study.vocabulary import Split

_COLUMNS = ("patient_id", "split")
_SIDES = {Split.TRAIN.value: "training", Split.TEST.value: "test"}


def read_split(path: Path) -> pd.Series:
    """Each stored patient's side ("train" or "test"), by pseudonym.

    Raises:
        CohortRejected: The file cannot be read or lacks a column, a side is neither train nor test,
            or a patient stands there more than once.
    """
    table = read_table(path)
    missing = [name for name in _COLUMNS if name not in table]
    if missing:
        msg = f"{path.name}: expected the columns patient_id and split, {missing[0]} is missing"
        raise CohortRejected(msg)
    split = table.set_index("patient_id")["split"]
    _refuse_other_sides(split, path)
    _refuse_repeated(split, path)
    return split


def _refuse_other_sides(split: pd.Series, path: Path) -> None:
    wrong = split[~split.isin(list(_SIDES))]
    if len(wrong):
        msg = (
            f"{path.name}: expected train or test for every patient, came '{wrong.iloc[0]}' for "
            f"patient {wrong.index[0]} ({len(wrong)} of {len(split)} rows); correct the file"
        )
        raise CohortRejected(msg)


def _refuse_repeated(split: pd.Series, path: Path) -> None:
    repeated = split[split.index.duplicated(keep=False)].sort_index(kind="stable")
    if repeated.empty:
        return
    sides = repeated.groupby(level=0).nunique()
    both = sides.index[sides > 1]
    patient = both[0] if len(both) else repeated.index[0]
    if len(both):
        came = f"patient {patient} as a training and as a test patient"
        why = "a model would be tested on whom it has learned from"
    else:
        side = _SIDES[repeated.loc[patient].iloc[0]]
        came = f"{side} patient {patient} {len(repeated.loc[patient])} times"
        why = "a patient counts once"
    n = repeated.index.nunique()
    others = f", and {n - 1} more are repeated" if n > 1 else ""
    msg = (
        f"{path.name}: expected one row a patient, came {came}{others}; {why}. `armwise data "
        "diff` says what has changed; bring the file back, or leave one row a patient"
    )
    raise CohortRejected(msg)
