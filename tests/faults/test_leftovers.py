"""What a killed process leaves running is ended by the next, and nothing else is."""

import signal
import subprocess
import sys

import psutil
import pytest

from flows.leftovers import is_gone, take_over, this_process

OWNER = """
import pathlib, subprocess, sys, time
from flows.leftovers import take_over
take_over(pathlib.Path(sys.argv[1]))
subprocess.Popen([sys.executable, "-c", sys.argv[2]])
time.sleep(300)
"""
CHILD = """
import os, time
print(os.getpid(), flush=True)  # by itself: a process just started has no environment yet
time.sleep(300)
"""


@pytest.fixture
def start(monkeypatch):
    """Starts a process that takes a home over and leaves a child; both are ended in the end."""
    monkeypatch.setenv("ARMWISE_CHILD_OF", this_process() + " none")
    started = []

    def start(home):
        owner = subprocess.Popen(
            [sys.executable, "-c", OWNER, str(home), CHILD], stdout=subprocess.PIPE, text=True
        )
        child = psutil.Process(int(owner.stdout.readline()))
        started.extend([owner, child])
        return owner, child

    yield start
    for process in started:
        if isinstance(process, subprocess.Popen):
            process.kill()
            process.wait()
            process.stdout.close()
        elif process.is_running():
            process.kill()


def kill(owner):
    owner.send_signal(signal.SIGKILL)
    owner.wait()


def test_the_child_of_a_killed_process_is_ended(start, tmp_path):
    owner, child = start(tmp_path)
    kill(owner)
    assert child.is_running()
    assert take_over(tmp_path) == 1
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_living_process_and_another_home_are_left_alone(start, tmp_path):
    _, living = start(tmp_path / "mine")
    owner, other = start(tmp_path / "other")
    kill(owner)
    assert take_over(tmp_path / "mine") == 0
    assert living.is_running()
    assert other.is_running()


def test_a_process_is_named_beyond_its_number():
    host, pid, started = this_process().split(" ")
    assert not is_gone(this_process())
    assert is_gone(f"{host} {pid} {float(started) - 60}")
    assert not is_gone(f"{host}x {pid} {float(started) - 60}")
