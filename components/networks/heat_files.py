"""Heat on disk: a table of all patients, and the pictures of a few, without torch."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from components.study.files import written_whole
from components.study.results import ArtifactRef

FloatArray = NDArray[np.float64]

_PARTS = ("hu", "roi", "heat")


@dataclass(frozen=True, eq=False)
class HeatTable:
    """A row a patient (n,): pseudonym, arm, split, and the numbers of `HeatShares`.

    `shuffled_correlation` is the patient's part in the randomisation check. A number is NaN where
    there is none (a map without heat, a patient outside the check): missing in the file.
    """

    patient_ids: tuple[str, ...]
    arms: tuple[str, ...]
    splits: tuple[str, ...]
    roi_share: FloatArray
    heat_in_roi: FloatArray
    ratio: FloatArray
    lowest: FloatArray
    highest: FloatArray
    shuffled_correlation: FloatArray


@dataclass(frozen=True, eq=False)
class HeatPicture:
    """A CT slice (n, n) in HU, the ROI's share of each pixel, and the heat, largest 1."""

    hu: NDArray[np.float32]
    roi: NDArray[np.float32]
    heat: NDArray[np.float32]


_NUMBERS = ("roi_share", "heat_in_roi", "ratio", "lowest", "highest", "shuffled_correlation")


def write_heat(path: Path, table: HeatTable, *, network_id: str) -> ArtifactRef:
    """Write the table as Parquet; the file's metadata name the network."""
    columns = {
        "patient_id": pa.array(table.patient_ids),
        "arm": pa.array(table.arms),
        "split": pa.array(table.splits),
    }
    columns |= {name: pa.array(getattr(table, name), from_pandas=True) for name in _NUMBERS}
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns).replace_schema_metadata({"network_id": network_id}), path)
    return ArtifactRef.of(path)


def read_heat(reference: ArtifactRef) -> HeatTable:
    """The table that `write_heat` wrote.

    Raises:
        IntegrityError: The file is missing or has other bytes.
    """
    table = pq.read_table(reference.verified())
    numbers = {
        name: np.array([np.nan if value is None else value for value in table[name].to_pylist()])
        for name in _NUMBERS
    }
    return HeatTable(
        patient_ids=tuple(table["patient_id"].to_pylist()),
        arms=tuple(table["arm"].to_pylist()),
        splits=tuple(table["split"].to_pylist()),
        **numbers,
    )


def write_array(path: Path, values: NDArray[np.float32]) -> ArtifactRef:
    """Write an array so that the file is there as a whole or not at all."""
    buffer = io.BytesIO()
    # Into memory first: written straight to a file, NumPy hides why a write failed.
    np.save(buffer, values, allow_pickle=False)
    with written_whole(path) as partial:
        partial.write_bytes(buffer.getbuffer())
    return ArtifactRef.of(path)


def write_pictures(path: Path, pictures: Sequence[HeatPicture]) -> ArtifactRef:
    """Write the pictures as one array (n_pictures, 3, n, n): HU, ROI, heat; all of one size."""
    return write_array(
        path, np.array([[getattr(one, part) for part in _PARTS] for one in pictures], np.float32)
    )


def read_pictures(reference: ArtifactRef) -> tuple[HeatPicture, ...]:
    """The pictures that `write_pictures` wrote.

    Raises:
        IntegrityError: The file is missing or has other bytes.
    """
    stacked = np.load(reference.verified(), allow_pickle=False)
    return tuple(HeatPicture(*one) for one in stacked)
