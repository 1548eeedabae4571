"""The first split of a cohort: settled once, written beside the data, never settled again."""

from pathlib import Path

from components.cohort.dataset import Dataset, read_table
from components.cohort.splitting import first_split
from components.errors import CohortRejected, UsageError
from components.study.files import written_whole
from components.study.protocol import Protocol
from components.study.vocabulary import Split, TreatmentArm

_COLUMNS = ("patient_id", "arm", "death")


def draw_first_split(
    data: Path, protocol: Protocol
) -> tuple[Path, dict[TreatmentArm, tuple[int, int]]]:
    """Writes `split.parquet`; its path, and the training and test patients of each arm.

    Patients of no arm of the protocol get no place: validation quarantines them.

    Raises:
        UsageError: There is a split already.
        CohortRejected: The clinical table cannot be read or lacks a column, an arm is too small, or
            a split by center or quarter cannot be followed.
    """
    dataset = Dataset(data)
    if dataset.split_path.exists():
        msg = (
            f"expected no {dataset.split_path}, there is one and nobody moves; patients who came "
            "later are placed by ARMWISE_STUDY_KEY, or by the rule of a split by center or quarter"
        )
        raise UsageError(msg)
    table = read_table(dataset.clinical_path)
    missing = [name for name in _COLUMNS if name not in table]
    if missing:
        msg = f"{dataset.clinical_path.name}: expected the column {', '.join(missing)}, found none"
        raise CohortRejected(msg)
    table = table[table["arm"].isin([arm.value for arm in protocol.study.arms])]
    table = table.drop_duplicates("patient_id").set_index(table["patient_id"].astype(str))
    parts = first_split(table, section=protocol.split, seed=protocol.study.seed)
    with written_whole(dataset.split_path) as partial:
        parts.rename_axis("patient_id").reset_index().to_parquet(partial, index=False)
    counts = {}
    for arm in protocol.study.arms:
        own = parts[table["arm"] == arm.value]
        n_test = int((own == Split.TEST.value).sum())
        counts[arm] = (len(own) - n_test, n_test)
    return dataset.split_path, counts
