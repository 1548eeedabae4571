"""`armwise doctor` on a real study: each fault is found, said, and decides the exit code."""

import os
import shutil
import socket
import sqlite3
import time

import pandas as pd
import pytest

from components.platform.journal import Intention, intending
from components.platform.withdrawal_ledger import journal_path
from flows.doctor.examination import examine
from flows.settings import Settings
from tests.flows.conftest import armwise

# The configuration library below DVC asks its own parser in a way that it will give up.
pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value will soon:DeprecationWarning")


@pytest.fixture
def study(made_study, tmp_path):
    """A study with data as `armwise demo` leaves it, with an empty remote."""
    folder = tmp_path / "study"
    folder.mkdir()
    shutil.copy(made_study / "data.dvc", folder)
    shutil.copytree(made_study / ".dvc", folder / ".dvc")
    shutil.copytree(made_study / "data", folder / "data", copy_function=os.link)
    (folder / ".armwise" / "dvc-remote").mkdir(parents=True)
    return folder


def findings(study, **given):
    given = {"protocol": "smoke", "port": 0, "serving_port": 0, **given}
    return {found.name: found for found in examine(Settings(study_dir=study, **given))}


def test_a_study_that_is_ready_is_told_so_in_seconds(study):
    start = time.monotonic()
    done = armwise("doctor", "--protocol", "smoke", study=study)
    seconds = time.monotonic() - start
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 missing" in done.stdout
    assert "110 patients" in done.stdout
    assert seconds < 30  # 4 s of one core; the machine of the tests is busy


def test_what_a_run_needs_and_lacks_is_exit_code_4(tmp_path):
    done = armwise("doctor", study=tmp_path)
    assert done.returncode == 4
    assert "armwise init DIR" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert not list(tmp_path.iterdir()), "an examination leaves nothing behind"


def test_a_protocol_that_is_wrong_is_one_line(study):
    (study / "own.yaml").write_text("profile: sound\n")
    found = findings(study, protocol="own.yaml")
    assert found["protocol"].status == "missing"
    assert "study: expected a value" in found["protocol"].found
    assert "cores" not in found


def test_a_trial_that_asks_for_more_cores_than_there_are_could_never_begin(study):
    found = findings(study, protocol="sound", cpus=2)["cores"]
    assert (found.status, found.found) == ("missing", "2")
    assert "at least 4" in found.expected


def test_weights_are_looked_for_and_their_digest_is_compared(study, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    cache = tmp_path / "hub/checkpoints"
    cache.mkdir(parents=True)
    (cache / "resnet18-f37072fd.pth").write_text("not what its name says")
    found = findings(study, protocol="sound")["weights"]
    assert found.status == "missing"
    assert "begins with f37072fd" in found.found
    assert "densenet121-a639ec97.pth, found none" in found.found


def test_a_port_that_is_taken_is_a_warning_with_its_holder(study):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        found = findings(study, port=port)["port, MLflow UI"]
    assert found.status == "warning"
    assert f"process {os.getpid()}" in found.found


def test_remotes_that_are_gone_read_only_or_unverified(study):
    elsewhere = study.parent / "elsewhere"
    (study / ".armwise" / "dvc-remote").rmdir()
    assert findings(study, home=elsewhere)["DVC remote"].status == "missing"
    assert not (study / ".armwise" / "dvc-remote").exists()
    (study / ".armwise" / "dvc-remote").mkdir()
    config = study / ".dvc" / "config"
    config.write_text(config.read_text().replace("verify = True", "verify = False"))
    found = findings(study)["DVC remote"]
    assert found.status == "warning"
    assert "dvc remote modify local verify true" in found.advice
    assert not list((study / ".armwise" / "dvc-remote").iterdir()), "nothing is left there"


def test_databases_that_are_locked_of_another_schema_or_none(study):
    path = study / ".armwise" / "mlflow.db"
    assert findings(study)["MLflow store"].status == "ok"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
    connection.execute("INSERT INTO alembic_version VALUES ('0584bdc529eb')")
    older = findings(study)["MLflow store"]
    assert older.found.startswith("older: schema 0584bdc529eb, MLflow's is ")
    assert "db upgrade" in older.advice
    connection.execute("UPDATE alembic_version SET version_num = 'f00'")
    assert findings(study)["MLflow store"].found.startswith("newer")
    connection.execute("BEGIN EXCLUSIVE")
    locked = findings(study)["MLflow store"]
    connection.close()
    assert locked.status == "missing"
    assert f"process {os.getpid()}" in locked.found
    path.write_text("no database at all, but long enough to be read as one" * 20)
    assert findings(study)["MLflow store"].status == "missing"


def test_a_registration_under_way_and_newcomers_without_a_key(study, monkeypatch):
    with intending(study / ".armwise", Intention(kind="registration", identity="a")):
        assert findings(study)["journal"].status == "warning"
    split = study / "data" / "split.parquet"
    table = pd.read_parquet(split)
    split.unlink()
    table.iloc[1:].to_parquet(split)
    found = findings(study)["study key"]
    assert found.status == "missing"
    assert table["patient_id"].iloc[0] in found.found
    monkeypatch.setenv("ARMWISE_STUDY_KEY", "hush")
    found = findings(study)["study key"]
    assert found.status == "ok"
    assert "hush" not in repr(found)


def test_a_withdrawal_cut_short_is_missing_with_what_finishes_it(study):
    assert findings(study)["withdrawal"].status == "ok"
    journal_path(study / ".armwise").write_text("{}")
    found = findings(study)["withdrawal"]
    assert (found.status, "armwise withdraw --resume" in found.found) == ("missing", True)


def test_an_embedded_remote_that_the_first_push_will_make_is_no_fault(study):
    (study / ".armwise" / "dvc-remote").rmdir()
    assert findings(study)["DVC remote"].status == "ok"
