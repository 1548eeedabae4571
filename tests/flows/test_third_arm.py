"""A third arm costs one member of a vocabulary, and data: the whole flow carries it."""

import json
import shutil
from pathlib import Path

import pytest

from tests.flows.third_arm import ARM, add_arm, copy_packages, run_python, write_protocol

pytestmark = pytest.mark.slow

ASK = """
import json, sys
import mlflow, pandas as pd
mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_registry_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/armwise-recommender/1")
row = {"bclc_stage": "B", "cirrhosis": "present", "albi_grade": "2", "tumor_location": "right",
       "tumor_diameter_cm": 6.0, "dl_signature": 0.3}
print(json.dumps(model.predict(pd.DataFrame([row]))))
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    return copy_packages(tmp_path_factory.mktemp("house"))


@pytest.fixture(scope="module")
def study(made_study, house, tmp_path_factory):
    """The study of three arms after its retraining, and what that printed."""
    folder = tmp_path_factory.mktemp("three") / "study"
    shutil.copytree(made_study, folder)
    add_arm(folder / "data")
    write_protocol(folder / "three.yaml")
    done = run_python(
        "-m", "flows.cli", "retrain", "--protocol", "three.yaml", house=house, study=folder
    )
    logs = "".join(path.read_text()[-3000:] for path in (folder / ".armwise/logs").glob("*.log"))
    assert done.returncode == 0, done.stdout + done.stderr + logs
    return folder, done.stdout


def test_summary_report_and_registry_have_the_third_arm(study):
    folder, said = study
    assert "Ablation" in said
    assert f"armwise-nomogram-{ARM}" in said
    (path,) = (folder / ".armwise" / "finished").glob("*.json")
    record = json.loads(path.read_text())
    assert record["versions"][f"armwise-nomogram-{ARM}"] == "1"
    report = Path(record["facts"]["report"]).read_text()
    assert "Nomogram of the Ablation arm" in report
    assert f'id="arm-{ARM}"' in report


def test_the_third_nomogram_is_of_its_own_patients_and_predictors(study):
    folder, _ = study
    (path,) = (folder / ".armwise" / "steps").glob(f"nomograms-*/nomogram-{ARM}.json")
    nomogram = json.loads(path.read_text())
    names = {predictor["name"] for predictor in nomogram["model"]["predictors"]}
    assert nomogram["arm"] == ARM
    assert names - {"dl_signature"} == {"cirrhosis", "tumor_diameter_cm"}
    assert nomogram["model"]["n"] == 27
    assert path.with_suffix(".svg").stat().st_size > 10_000


def test_the_recommender_answers_for_three_arms(study, house):
    folder, _ = study
    uri = f"sqlite:///{folder / '.armwise' / 'mlflow.db'}"
    done = run_python("-c", ASK, uri, house=house, study=folder)
    assert done.returncode == 0, done.stderr
    (answer,) = json.loads(done.stdout.splitlines()[-1])
    assert set(answer["arms"]) == {"hepatectomy", "tace", ARM}
    one_year = {arm: of["survival"]["365"] for arm, of in answer["arms"].items()}
    assert len(set(one_year.values())) == 3
