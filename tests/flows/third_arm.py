"""A copy of the packages whose vocabulary has one more treatment arm, and a study of three arms."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import yaml

from flows.settings import PROTOCOLS

ARM = "ablation"
REPOSITORY = PROTOCOLS.parent.parent


def copy_packages(house: Path) -> Path:
    """The packages with a member more in `TreatmentArm`, and nothing else changed."""
    for package in ("components", "flows"):
        source, leave = REPOSITORY / package, shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, house / package, ignore=leave)
    vocabulary = house / "components" / "study" / "vocabulary.py"
    member = '    TACE = "tace"\n'
    text = vocabulary.read_text()
    assert text.count(member) == 1
    vocabulary.write_text(text.replace(member, f'{member}    {ARM.upper()} = "{ARM}"\n'))
    return house


def add_arm(data: Path) -> None:
    """Gives every third patient the third arm, and draws the test patients of all arms anew."""
    table = pd.read_parquet(data / "clinical.parquet").sort_values(["arm", "patient_id"])
    table.iloc[::3, table.columns.get_loc("arm")] = ARM
    table.to_parquet(data / "clinical.parquet")
    place = table.sort_values(["arm", "death"]).groupby("arm").cumcount()
    split = pd.Series("train", index=table.index).mask(place % 4 == 0, "test")
    split = pd.DataFrame({"patient_id": table["patient_id"], "split": split})
    split.to_parquet(data / "split.parquet")
    card = json.loads((data / "dataset.json").read_text())
    card["arms"].append(ARM)
    (data / "dataset.json").write_text(json.dumps(card))


def write_protocol(path: Path) -> None:
    """The smoke protocol with three arms and one small network."""
    protocol = yaml.safe_load((PROTOCOLS / "smoke.yaml").read_text())
    protocol["study"]["study_id"] = "hcc-three-arms"
    protocol["study"]["arms"].append(ARM)
    protocol["clinical"]["predictors"][ARM] = ["cirrhosis", "tumor_diameter_cm"]
    protocol["backbone"] |= {"names": ["resnet18"], "warmup_epochs": 0}
    protocol["search"] |= {"configurations": 1, "rungs": [1]}
    path.write_text(yaml.safe_dump(protocol))


def run_python(*arguments, house: Path, study: Path):
    """Python with the copied packages before the installed ones, in the study's folder."""
    # MLflow writes the registry that a test in this process has used into its environment.
    own = ("PREFECT", "MLFLOW", "_MLFLOW")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=study,
        env={**environment, "PYTHONPATH": str(house)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
