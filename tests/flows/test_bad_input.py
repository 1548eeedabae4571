"""Bad input stops the flow with one clear message, or quarantines one patient."""

import shutil
import sqlite3

import pandas as pd
import pytest

from tests.flows.conftest import armwise, spoil

pytestmark = pytest.mark.slow


@pytest.fixture
def study(made_study, tmp_path):
    shutil.copytree(made_study, tmp_path / "study")
    return tmp_path / "study"


def rewrite(study, change):
    path = study / "data" / "clinical.parquet"
    change(pd.read_parquet(path)).to_parquet(path)


def assert_stopped(done, study, *words):
    assert done.returncode == 3, done.stdout + done.stderr
    for word in words:
        assert word in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    with sqlite3.connect(study / ".armwise" / "mlflow.db") as database:
        assert database.execute("SELECT count(*) FROM model_versions").fetchone() == (0,)
        statuses = database.execute("SELECT status FROM runs").fetchall()
    assert statuses == [("FAILED",)]


def test_a_missing_column_stops_the_flow(study):
    rewrite(study, lambda table: table.drop(columns="bclc_stage"))
    done = armwise("retrain", "--protocol", "smoke", study=study)
    assert_stopped(done, study, "bclc_stage", "clinical.parquet")


def test_an_unreadable_table_stops_the_flow(study):
    (study / "data" / "clinical.parquet").write_bytes(b"PAR1 no more")
    done = armwise("retrain", "--protocol", "smoke", study=study)
    assert_stopped(done, study, "clinical.parquet")


def test_a_patient_who_trains_and_tests_stops_the_flow(study):
    path = study / "data" / "split.parquet"
    split = pd.read_parquet(path)
    patient = split.loc[split["split"] == "test", "patient_id"].iloc[0]
    again = pd.DataFrame({"patient_id": [patient], "split": ["train"]})
    pd.concat([split, again]).to_parquet(path)
    done = armwise("retrain", "--protocol", "smoke", study=study)
    assert_stopped(done, study, "split.parquet", f"{patient} as a training and as a test patient")


def test_too_many_quarantined_patients_stop_the_flow(study):
    rewrite(study, lambda table: table.assign(os_days=table["os_days"].where(table.index > 30, -1)))
    done = armwise("retrain", "--protocol", "smoke", study=study)
    assert_stopped(done, study, "os_days", "max_quarantined")


def test_a_protocol_with_an_unknown_key_is_refused(study):
    (study / "mine.yaml").write_text("profile: sound\nstudie: {}\n")
    done = armwise("retrain", "--protocol", "mine.yaml", study=study)
    assert done.returncode == 2
    assert "studie" in done.stderr
    assert "Traceback" not in done.stderr


def test_validate_says_who_would_be_quarantined_and_why(study):
    bad = spoil(study / "data")
    done = armwise("validate", "--protocol", "smoke", study=study)
    assert done.returncode == 0, done.stderr
    for patient, word in bad.items():
        (line,) = [line for line in done.stdout.splitlines() if f"quarantined  {patient}" in line]
        assert word in line
    assert "Data Docs" in done.stdout
