"""A tiny synthetic study with some bad patients in it, retrained once for all tests."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import SimpleITK as sitk  # noqa: N813  as its documentation does

ARMWISE = Path(sys.executable).with_name("armwise")


def armwise(*arguments, study):
    """What a user gets who types this in the study's folder."""
    environment = {name: value for name, value in os.environ.items() if name[:7] != "PREFECT"}
    return subprocess.run(
        [ARMWISE, *arguments],
        cwd=study,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


@dataclass(frozen=True)
class Study:
    """A study's folder, what its retraining printed, and who is to be quarantined there."""

    folder: Path
    output: str
    bad: dict[str, str]


def spoil(data: Path) -> dict[str, str]:
    """Makes six patients bad, each in another way; the word that each reason must hold."""
    table = pd.read_parquet(data / "clinical.parquet")
    by_arm = table[table["arm"] == "hepatectomy"]["patient_id"].tolist()
    twice, negative, foreign, imageless, empty, grade = by_arm[:6]
    table.loc[table["patient_id"] == negative, "os_days"] = -3.0
    table.loc[table["patient_id"] == foreign, "arm"] = "ablation"
    table.loc[table["patient_id"] == grade, "albi_grade"] = "7"
    table = pd.concat([table, table[table["patient_id"] == twice]], ignore_index=True)
    table.to_parquet(data / "clinical.parquet")
    (data / "images" / imageless / "portal_venous.nii.gz").unlink()
    path = str(data / "images" / empty / "roi.seg.nrrd")
    roi = sitk.ReadImage(path)
    nothing = roi * 0
    for key in roi.GetMetaDataKeys():
        nothing.SetMetaData(key, roi.GetMetaData(key))
    sitk.WriteImage(nothing, path, useCompression=True)
    return {
        twice: "more than once",
        negative: "os_days",
        foreign: "arm",
        imageless: "portal",
        empty: "empty",
        grade: "albi_grade",
    }


@pytest.fixture(scope="session")
def smoke_study(made_study, tmp_path_factory):
    """The study after `armwise retrain --protocol smoke`, with bad patients in it."""
    folder = tmp_path_factory.mktemp("smoke") / "study"
    shutil.copytree(made_study, folder)
    bad = spoil(folder / "data")
    done = armwise("retrain", "--protocol", "smoke", study=folder)
    logs = "".join(path.read_text()[-3000:] for path in (folder / ".armwise/logs").glob("*.log"))
    assert done.returncode == 0, done.stdout + done.stderr + logs
    return Study(folder, done.stdout, bad)
