"""One retraining at a time in a home; a process that dies lets the next one in."""

import os
import signal
import subprocess
import sys
import time

import pytest

from flows.alone import alone

HOLDER = """
import os, sys, time
from pathlib import Path
from flows.alone import alone
with alone(Path(sys.argv[1]), say=print):
    if os.fork() == 0:
        time.sleep(60)  # a child process that outlives the holder, as a pool's workers do
        os._exit(0)
    print("working", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout.readline() == "working\n"
    yield process
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()


def second(home):
    code = (
        "import sys; from pathlib import Path; from flows.alone import alone\n"
        "with alone(Path(sys.argv[1]), say=lambda text: print(text, flush=True)): print('in')"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, str(home)], stdout=subprocess.PIPE, text=True
    )


def test_the_second_waits_and_says_for_whom_until_the_first_is_killed(holder, tmp_path):
    with second(tmp_path) as waiting:
        said = waiting.stdout.readline()
        assert f"process {holder.pid}" in said
        time.sleep(0.5)
        assert waiting.poll() is None
        os.kill(holder.pid, signal.SIGKILL)
        assert waiting.stdout.readline() == "in\n"


def test_nobody_waits_for_one_that_has_ended(tmp_path):
    said = []
    for _ in range(2):
        with alone(tmp_path, say=said.append):
            pass
    assert said == []
