"""The same calls against a real MLflow server over HTTP."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import mlflow
import pandas as pd
import pytest

from components.platform.champion import champion_facts, promote, repair
from components.platform.history import read_history
from components.platform.registry import registering
from components.platform.tracking import Tracking
from components.study.vocabulary import TreatmentArm

pytestmark = pytest.mark.slow

STARTUP_S = 120


@pytest.fixture(scope="module")
def server(tmp_path_factory, empty_database):
    folder = tmp_path_factory.mktemp("server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--port", str(port),
             "--backend-store-uri", f"sqlite:///{empty_database}",
             "--artifacts-destination", str(folder / "artifacts")],
            env={**os.environ, "PATH": path, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            stdout=log, stderr=subprocess.STDOUT, start_new_session=True, cwd=folder,
        )  # fmt: skip
        try:
            address = f"http://127.0.0.1:{port}"
            wait_until_healthy(process, address, folder / "log.txt")
            yield address
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=60)


def wait_until_healthy(process, address, log_path):
    deadline = time.monotonic() + STARTUP_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(address + "/health", timeout=2):
                return
        except OSError:
            time.sleep(0.3)
    raise AssertionError(log_path.read_text())


def test_runs_models_and_the_pointer_work_over_http(server, tmp_path, nomograms, lineage):
    tracking = Tracking(server, "hcc-remote")
    run_id = tracking.study_run("key", name="study", tags={})
    child = tracking.child_run(run_id, "key/resnet18", name="resnet18", params={"a": 1})
    tracking.log_metrics(child, {"oof/pooled/resnet18/auc_cd": 0.7}, step=1)
    tracking.log_text(run_id, "text", "summary.md")

    with registering(tracking, home=tmp_path, run_id=run_id, lineage=lineage) as registration:
        made = {arm: (registration.nomogram(n, card="#"), n) for arm, n in nomograms.items()}
        recommender = registration.recommender(made, backbone=None, card="#")
    facts = promote(tracking, recommender, home=tmp_path, reason="first")

    assert tracking.study_run("key", name="study", tags={}) == run_id
    assert facts == champion_facts(tracking)
    assert facts.nomogram_versions == dict.fromkeys(TreatmentArm, "1")
    assert repair(tracking, home=tmp_path) == ()
    (entry,) = read_history(tracking)
    assert (entry.kind, entry.from_version, entry.to_version) == ("promotion", None, "1")
    row = pd.DataFrame([{"bclc_stage": "B", "tumor_diameter_cm": 7.0, "dl_signature": 0.1}])
    (said,) = mlflow.pyfunc.load_model("models:/armwise-nomogram-tace@champion").predict(row)
    assert said["arm"] == "tace"
    assert tracking.artifacts(run_id) == ("summary.md",)
    assert tracking.run_url(run_id).startswith(server)
