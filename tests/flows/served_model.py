"""A model served by a command, asked over HTTP."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@contextlib.contextmanager
def serving(armwise, model, *, study, environment=None):
    """`armwise serve` on a free port, which is given once it answers."""
    port = free_port()
    server = subprocess.Popen(
        [armwise, "serve", model, "--port", str(port)],
        cwd=study,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=2).close()
                break
            except OSError:
                assert server.poll() is None, "the server ended before it answered"
                time.sleep(0.5)
        yield port
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def ask(port, record):
    """Status and text of the answer about a patient."""
    body = json.dumps({"dataframe_records": [record]}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/invocations", body, {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def a_patient(nomogram):
    """A row that the nomogram accepts."""
    return {
        predictor.name: predictor.levels[-1] if predictor.levels else (predictor.upper or 1.0)
        for predictor in nomogram.model.predictors
    }
