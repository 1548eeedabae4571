"""Deep features on disk: one table a network, never two networks in one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from components.errors import IntegrityError
from components.study.results import ArtifactRef

Role = Literal["fit", "held_out", "test"]


def write_features(
    path: Path,
    features: NDArray[np.float32],
    *,
    patient_ids: Sequence[str],
    roles: Sequence[Role],
    network_id: str,
    weights_sha256: str,
    layer: str,
) -> ArtifactRef:
    """Write the features (n, width) of one network.

    Columns `patient_id`, `role` (fit: the network has learned from the patient; held_out: of its
    fold; test), `network_id`, then `f0000` on; the file's metadata hold the weights' SHA-256, the
    layer and the width. One row a patient: of several slices the features are their mean.
    """
    width = features.shape[1]
    columns = {
        "patient_id": pa.array(list(patient_ids)),
        "role": pa.array(list(roles)),
        "network_id": pa.array([network_id] * len(patient_ids)),
    }
    columns |= {f"f{i:04d}": pa.array(features[:, i]) for i in range(width)}
    metadata = {
        "network_id": network_id,
        "weights_sha256": weights_sha256,
        "layer": layer,
        "width": str(width),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns).replace_schema_metadata(metadata), path)
    return ArtifactRef.of(path)


def read_features(reference: ArtifactRef) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """Patient ids (n,) and features (n, width) of a table that `write_features` wrote.

    Raises:
        IntegrityError: The file is missing, has other bytes, or another width than it says.
    """
    path = reference.verified()
    table = pq.read_table(path)
    columns = [name for name in table.column_names if name.startswith("f") and name[1:].isdigit()]
    stated = (table.schema.metadata or {}).get(b"width", b"").decode()
    if stated != str(len(columns)):
        msg = f"{path}: expected {stated or 'a stated number of'} features, came {len(columns)}"
        raise IntegrityError(msg)
    features = np.column_stack([table[name].to_numpy() for name in columns])
    return tuple(table["patient_id"].to_pylist()), features.astype(np.float32, copy=False)
