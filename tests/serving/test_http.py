"""A registered nomogram served by `mlflow models serve` and asked over HTTP."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from components.prediction.row import predict_row
from components.study.vocabulary import TreatmentArm

pytestmark = pytest.mark.slow

GOOD = {"bclc_stage": "B", "tumor_diameter_cm": 7.3, "dl_signature": 0.4}
STARTUP_S = 120


def serve(uri, tracking_uri, log):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # MLflow starts uvicorn by name.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    process = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "models", "serve", "-m", uri, "--env-manager", "local",
         "--host", "127.0.0.1", "--port", str(port)],
        env={
            **os.environ, "PATH": path, "MLFLOW_TRACKING_URI": tracking_uri,
            "MLFLOW_DISABLE_TELEMETRY": "true",
        },
        stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    return process, f"http://127.0.0.1:{port}"


def wait_until_healthy(process, address, log_path):
    deadline = time.monotonic() + STARTUP_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(address + "/health", timeout=2):
                return
        except OSError:
            time.sleep(0.3)
    raise AssertionError(log_path.read_text())


@pytest.fixture(scope="module")
def address(registered, tmp_path_factory):
    tracking, versions, _ = registered
    log_path = tmp_path_factory.mktemp("serve") / "log.txt"
    with log_path.open("w") as log:
        uri = versions[TreatmentArm.HEPATECTOMY].model_uri
        process, url = serve(uri, tracking.uri, log)
        try:
            wait_until_healthy(process, url, log_path)
            yield url
        finally:
            with contextlib.suppress(ProcessLookupError):  # it did not start
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=30)


def ask(address, *rows):
    body = json.dumps({"dataframe_records": rows}).encode()
    request = urllib.request.Request(
        address + "/invocations", data=body, headers={"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_good_rows_are_answered_with_the_nomograms_numbers(address, nomograms):
    rows = [GOOD, {**GOOD, "bclc_stage": "C", "tumor_diameter_cm": 11}]

    status, text = ask(address, *rows)

    assert status == 200
    for said, row in zip(json.loads(text)["predictions"], rows, strict=True):
        expected = predict_row(nomograms[TreatmentArm.HEPATECTOMY], row)
        assert said["survival"] == {str(k): pytest.approx(v) for k, v in expected.survival.items()}
        assert said["points"] == pytest.approx(expected.points)
        assert said["data_origin"] == "synthetic"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"tumor_diameter_cm": 7.77, "dl_signature": 0.4}, "predictor 'bclc_stage' is missing"),
        ({**GOOD, "bclc_stage": None, "tumor_diameter_cm": 7.77}, "'bclc_stage' is missing"),
        ({**GOOD, "tumor_diameter_cm": None}, "predictor 'tumor_diameter_cm' is missing"),
        ({**GOOD, "bclc_stage": "Q7.77"}, "'bclc_stage': expected one of A, B, C"),
        ({**GOOD, "tumor_diameter_cm": 777.5}, "expected a value in 0.3 to 35 cm"),
    ],
)
def test_a_bad_row_is_refused_by_name_without_its_values(address, row, said):
    status, text = ask(address, row)

    assert status == 400
    assert said in json.loads(text)["message"]
    assert "7.77" not in text
    assert "777" not in text
    assert "Traceback" not in text


def test_an_answer_is_valid_json_where_the_median_is_not_reached(address):
    status, text = ask(address, {"bclc_stage": "A", "tumor_diameter_cm": 2, "dl_signature": -2.5})

    (said,) = json.loads(text, parse_constant=pytest.fail)["predictions"]
    assert status == 200
    assert (said["median_survival_days"], said["median_survival"]) == (None, "not reached")
