"""A study of eight patients in DVC with a local remote: real tables, volumes of a few bytes."""

import gzip
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from components.platform.data_version import init_study, recorded_md5

PATIENTS = tuple(f"PSEUDO{number}AB" for number in range(8))
HIM = PATIENTS[3]


def write_cohort(folder: Path) -> None:
    """Eight patients, four in each arm; every second one has died."""
    n = len(PATIENTS)
    clinical = pd.DataFrame(
        {
            "patient_id": PATIENTS,
            "arm": np.where(np.arange(n) < 4, "hepatectomy", "tace"),
            "os_days": np.arange(n) * 100.0 + 50,
            "death": np.arange(n) % 2,
            "age_years": np.arange(n) + 50.0,
            "bclc_stage": np.where(np.arange(n) % 3 == 0, "A", "B"),
        }
    )
    manifest = pd.DataFrame({"patient_id": PATIENTS, "scanner": "a"})
    split = pd.DataFrame({"patient_id": PATIENTS, "split": ["train", "test"] * (n // 2)})
    folder.mkdir(parents=True)
    for name, table in (("clinical", clinical), ("manifest", manifest), ("split", split)):
        table.to_parquet(folder / f"{name}.parquet", index=False)
    for number, patient in enumerate(PATIENTS):
        images = folder / "images" / patient
        images.mkdir(parents=True)
        for name in ("arterial.nii.gz", "portal_venous.nii.gz"):
            content = f"{name} {number}".encode()
            (images / name).write_bytes(gzip.compress(content, mtime=0))
        (images / "roi.seg.nrrd").write_bytes(f"roi {number}".encode())
    (folder / "dataset.json").write_text('{"name": "small"}')
    changes = [{"import": 1, "patient_id": one, "what": "joined"} for one in PATIENTS]
    lines = "".join(json.dumps(change) + "\n" for change in changes)
    (folder / "changes.jsonl").write_text(lines)


def make_study(folder: Path) -> Path:
    """The study's folder, its first version added and pushed."""
    write_cohort(folder / "data")
    init_study(folder, remote=folder / ".armwise" / "dvc-remote")
    return folder


def change_cell(study: Path, patient: str, **cells: object) -> None:
    """Other values in a patient's row of the clinical table."""
    path = study / "data" / "clinical.parquet"
    table = pd.read_parquet(path)
    for column, value in cells.items():
        table.loc[table["patient_id"] == patient, column] = value
    table.to_parquet(path, index=False)


def forget(study: Path) -> None:
    """As on a fresh machine: only `data.dvc` and the remote are there."""
    shutil.rmtree(study / "data")
    shutil.rmtree(study / ".dvc" / "cache")


def remote_object(study: Path, name: str) -> Path:
    """Where the remote keeps a file of the recorded version."""
    remote = study / ".armwise/dvc-remote/files/md5"
    md5 = recorded_md5(study)
    assert md5 is not None
    entries = json.loads((remote / md5[:2] / md5[2:]).read_text())
    digest = next(one["md5"] for one in entries if one["relpath"] == name)
    return remote / digest[:2] / digest[2:]


def damage(path: Path) -> None:
    """Other bytes under the same name and of the same length."""
    content = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(bytes(byte ^ 1 for byte in content))
