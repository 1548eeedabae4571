"""MLflow's database locked by another process: a bounded wait, one message, exit code 4."""

import shutil
import sqlite3
import subprocess
import sys
import time

import pytest

from components.errors import PlatformError
from components.platform import tracking as tracking_module
from components.platform.faults import explained
from components.platform.store_state import wait_for_database
from components.platform.tracking import Tracking
from tests.flows.conftest import armwise

HOLD = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
time.sleep(float(sys.argv[2]))
"""


@pytest.fixture
def home(tmp_path, empty_database):
    folder = tmp_path / ".armwise"
    folder.mkdir()
    shutil.copy(empty_database, folder / "mlflow.db")
    return folder


@pytest.fixture
def hold():
    """Starts processes that hold a database."""
    started = []

    def begin(path, seconds):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, path, str(seconds)], stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_lock_that_is_let_go_in_time_is_waited_for(home, hold):
    hold(home / "mlflow.db", 1)
    wait_for_database(home / "mlflow.db", seconds=20)


def test_a_lock_that_stays_names_file_and_holder_and_what_to_do(home, hold, monkeypatch):
    monkeypatch.setattr(tracking_module, "DATABASE_WAIT_S", 0.5)
    process = hold(home / "mlflow.db", 60)
    start = time.monotonic()
    with pytest.raises(PlatformError, match="run the same command again") as refusal:
        Tracking(f"sqlite:///{home / 'mlflow.db'}", "study")
    assert time.monotonic() - start < 10
    assert refusal.value.exit_code == 4
    assert str(home / "mlflow.db") in str(refusal.value)
    assert f"process {process.pid}" in str(refusal.value)


@pytest.mark.campaign
def test_a_lock_that_comes_in_the_middle_of_a_run_is_understood(home, tmp_path):
    tracking = Tracking(f"sqlite:///{home / 'mlflow.db'}", "study")
    run_id = tracking.study_run("key", name="run", tags={})
    other = sqlite3.connect(home / "mlflow.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(Exception, match="database is locked") as raised:
            tracking.log_metrics(run_id, {"c": 0.5})
    finally:
        other.close()
    said = explained(raised.value, home=home, study=tmp_path)
    assert isinstance(said, PlatformError)
    assert "goes on where it stopped" in str(said)
    tracking.log_metrics(run_id, {"c": 0.5})


def test_the_command_waits_and_then_stops_with_exit_code_4(tmp_path, home, hold):
    process = hold(home / "mlflow.db", 120)
    done = armwise("history", study=tmp_path)
    assert done.returncode == 4, done.stdout + done.stderr
    assert done.stderr.count("\n") == 1
    assert f"process {process.pid}" in done.stderr


def test_a_file_that_is_no_database_is_named(tmp_path):
    path = tmp_path / "mlflow.db"
    path.write_text("no database, but long enough to be looked at as one" * 20)
    with pytest.raises(PlatformError, match="not a database"):
        Tracking(f"sqlite:///{path}", "study")
