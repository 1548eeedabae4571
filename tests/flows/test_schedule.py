"""A schedule fires: server and worker, a run by the clock, and what it leaves behind."""

import base64
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest

from flows.alone import alone
from tests.flows.conftest import ARMWISE, armwise

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def eventually(look, *, seconds=600, what="it"):
    """What `look` finds, once it finds something: rows are written late."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(1)
    return found


@dataclass(frozen=True)
class Scheduled:
    """A study whose server and worker run, and the log of what they say."""

    folder: Path
    port: int
    log: Path
    process: subprocess.Popen

    def armwise(self, *arguments):
        return armwise(*arguments, "--port", str(self.port), study=self.folder)

    def runs(self, **where):
        """The server's flow runs of our deployments that are as `where` says."""
        secret = (self.folder / ".armwise/prefect/auth").read_bytes()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/flow_runs/filter",
            data=json.dumps({"sort": "EXPECTED_START_TIME_ASC"}).encode(),
            headers={
                "Content-Type": "application/json",
                "Authorization": f"Basic {base64.b64encode(secret).decode()}",
            },
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            found = json.load(answer)
        return [run for run in found if all(run[key] == value for key, value in where.items())]

    def rows(self, query):
        with sqlite3.connect(self.folder / ".armwise" / "mlflow.db") as store:
            return store.execute(query).fetchall()

    def processes(self, variable=None):
        """Processes that know this study's server: it, its worker, its runs and theirs."""
        mark = variable or f"PREFECT_API_URL=http://127.0.0.1:{self.port}/api"
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            try:
                if mark.encode() in path.read_bytes().split(b"\0"):
                    found.append(path.parent.name)
            except OSError:  # it ended meanwhile, or is someone else's
                continue
        return found


@pytest.fixture(scope="module")
def scheduled(made_study, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scheduled") / "study"
    shutil.copytree(made_study, folder)
    port, log = free_port(), folder.parent / "start.log"
    environment = {name: value for name, value in os.environ.items() if name[:7] != "PREFECT"}
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [ARMWISE, "schedule", "start", "--port", str(port)],
            cwd=folder,
            env=environment,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
        )
    made = Scheduled(folder, port, log, process)
    try:
        eventually(lambda: "A worker waits" in log.read_text(), what="server and worker")
        yield made
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=120)


def test_a_run_by_the_clock_leaves_a_finished_study(scheduled):
    done = scheduled.armwise("deploy", "--cron", "* * * * *", "--protocol", "smoke")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "time zone UTC; next at" in done.stdout

    (run, *_) = eventually(
        lambda: (
            scheduled.runs(auto_scheduled=True, state_type="COMPLETED")
            or scheduled.runs(state_type="FAILED")
            or scheduled.runs(state_type="CRASHED")
        ),
        seconds=1200,
        what=f"a finished run; see {scheduled.log}",
    )
    assert (run["state_type"], run["state_name"]) == ("COMPLETED", "Completed"), run["state"]
    (study,) = scheduled.rows(
        "SELECT status FROM runs JOIN tags USING (run_uuid) "
        "WHERE tags.key = 'armwise.level' AND tags.value = 'study'"
    )
    assert study == ("FINISHED",)
    assert not scheduled.rows("SELECT 1 FROM runs WHERE status = 'RUNNING'")
    assert {name for (name,) in scheduled.rows("SELECT name FROM model_versions")} == {
        "armwise-backbone",
        "armwise-nomogram-hepatectomy",
        "armwise-nomogram-tace",
        "armwise-recommender",
    }


def test_the_next_run_finds_nothing_to_do(scheduled):
    before = scheduled.rows("SELECT run_uuid FROM runs")
    run = eventually(lambda: scheduled.runs(state_name="Unchanged"), what="the next run")[0]
    assert run["state"]["message"].startswith("Nothing has changed")
    assert scheduled.rows("SELECT run_uuid FROM runs") == before
    assert scheduled.rows("SELECT max(version) FROM model_versions") == [(1,)]


def test_a_person_sees_and_steers_it(scheduled):
    said = scheduled.armwise("schedule").stdout
    assert re.search(r"\* \* \* \* \*\s+UTC", said)
    assert scheduled.armwise("schedule", "pause", "retrain").returncode == 0
    assert not scheduled.runs(state_name="Scheduled")
    assert "paused" in scheduled.armwise("schedule").stdout
    assert scheduled.armwise("schedule", "resume", "retrain/hcc-smoke").returncode == 0
    eventually(lambda: scheduled.runs(state_name="Scheduled"), what="a run that is due")

    unknown = scheduled.armwise("schedule", "run", "monitor")
    assert unknown.returncode == 2
    assert "retrain/hcc-smoke, validate/hcc-smoke" in unknown.stderr
    assert scheduled.armwise("schedule", "run", "validate").returncode == 0
    assert scheduled.runs(auto_scheduled=False)


def test_a_stranger_is_not_let_in(scheduled, made_study):
    done = armwise("schedule", "--port", str(scheduled.port), study=made_study)
    assert done.returncode == 4
    assert "another study or user" in done.stderr


@pytest.mark.campaign
def test_a_run_waits_its_turn_and_a_killed_one_does_not_block_the_next(scheduled):
    with alone(scheduled.folder / ".armwise", say=print):
        scheduled.armwise("schedule", "run", "retrain")
        (run, *_) = eventually(lambda: scheduled.runs(state_type="RUNNING"), what="a run")
        waits = f"Another retraining is at work in this study (process {os.getpid()}"
        eventually(lambda: waits in scheduled.log.read_text(), what="a run that waits")
        mark = f"PREFECT__FLOW_RUN_ID={run['id']}"
        for pid in scheduled.processes(mark):
            os.kill(int(pid), signal.SIGKILL)
        eventually(lambda: scheduled.runs(id=run["id"], state_type="CRASHED"), what="the crash")
    known = {one["id"] for one in scheduled.runs(state_type="COMPLETED")}
    eventually(
        lambda: {one["id"] for one in scheduled.runs(state_type="COMPLETED")} - known,
        what="the run after the killed one",
    )


def test_everything_ends_with_the_command(scheduled):
    assert len(scheduled.processes()) >= 2
    scheduled.process.send_signal(signal.SIGTERM)
    assert scheduled.process.wait(timeout=120) == 0, scheduled.log.read_text()[-3000:]
    assert scheduled.processes() == []


def test_without_a_server_it_says_what_to_start(made_study):
    port = str(free_port())
    for command in (["deploy", "--cron", "0 3 * * *"], ["schedule"], ["schedule", "worker"]):
        done = armwise(*command, "--port", port, study=made_study)
        assert done.returncode == 4
        assert "armwise schedule start" in done.stderr
    done = armwise("deploy", "--cron", "0 3 * *", "--port", port, study=made_study)
    assert done.returncode == 2
