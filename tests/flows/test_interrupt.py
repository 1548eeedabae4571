"""Ctrl+C in the middle of a search stops it, closes its runs, and publishes nothing."""

import os
import shutil
import signal
import sqlite3
import subprocess
import time

import pytest

from tests.flows.conftest import ARMWISE

pytestmark = pytest.mark.slow
_LONGEST_S = 120


def test_a_stopped_search_is_no_finished_study(made_study, tmp_path):
    study = tmp_path / "study"
    shutil.copytree(made_study, study)
    process = subprocess.Popen(
        [ARMWISE, "retrain", "--protocol", "smoke"],
        cwd=study,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    said = ""
    for line in process.stdout:
        said += line
        # Once a trial has its run, the search is under way.
        if "Backbone search" in line:
            break
    database = study / ".armwise" / "mlflow.db"
    with sqlite3.connect(database) as store:
        while store.execute("SELECT count(*) FROM runs").fetchone()[0] < 3:
            assert process.poll() is None, said
            time.sleep(0.2)
    os.killpg(process.pid, signal.SIGINT)
    rest, _ = process.communicate(timeout=_LONGEST_S)
    assert process.returncode == 130, said + rest
    assert "goes on where it stopped" in rest
    with sqlite3.connect(database) as store:
        assert store.execute("SELECT count(*) FROM model_versions").fetchone() == (0,)
        statuses = {status for (status,) in store.execute("SELECT status FROM runs")}
    assert "RUNNING" not in statuses
    assert "KILLED" in statuses
