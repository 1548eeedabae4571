"""A retraining killed with -9 ends, started again, as if nothing had happened."""

import contextlib
import random
import shutil
import sqlite3
import time

import psutil
import pytest

from flows.leftovers import take_over
from flows.plan import RETRAIN_STEPS
from flows.step_journal import done_steps
from tests.faults.conftest import Attempt, computed, computed_again, end_of, has_done, new_study

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def servers_of(study):
    """Prefect's servers that run with the study's home; Ray's dying workers have it, too."""
    home = str(study / ".armwise" / "prefect")
    found = []
    for process in psutil.process_iter():
        try:
            is_server = any("prefect.server" in part for part in process.cmdline())
            if is_server and process.environ().get("PREFECT_HOME") == home:
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def a_moment(undisturbed, seed):
    """A step, as likely as it is long, and a moment in it, in seconds from its beginning."""
    entries = done_steps(undisturbed / ".armwise")
    seconds = [entry.seconds for entry in entries]
    moment = random.Random(seed).uniform(0, sum(seconds))
    for entry in entries:
        if moment < entry.seconds:
            return entry.step, moment
        moment -= entry.seconds
    raise AssertionError


def in_step(study, step, seconds):
    """Whether that long has passed since the step before was done."""
    names = [one.name for one in RETRAIN_STEPS]
    before = names[names.index(step) - 1] if names.index(step) else None
    begun = []

    def is_due():
        if not begun and (before is None or has_done(study, before)):
            begun.append(time.monotonic())
        return bool(begun) and time.monotonic() - begun[0] >= seconds

    return is_due


def champion_stands(study):
    """Whether the pointer stands on a version."""
    path = study / ".armwise" / "mlflow.db"
    if not path.is_file():
        return False
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        try:
            query = "SELECT count(*) FROM registered_model_aliases WHERE name = ?"
            return database.execute(query, ("armwise-recommender",)).fetchone() != (0,)
        except sqlite3.OperationalError:  # not made yet, or written at this moment
            return False


def assert_goes_on(study, undisturbed):
    """Starts the killed retraining again and holds it against the undisturbed one."""
    killed = done_steps(study / ".armwise")
    said = Attempt.start(study).finish()
    known = {
        entry.step
        for entry in done_steps(study / ".armwise")[len(killed) :]
        if entry.outcome == "known"
    }
    assert known == {entry.step for entry in killed}
    assert said.count("known, not repeated") == len(known)
    assert computed_again(study) == set()
    assert {step for step, _ in computed(study)} == {step.name for step in RETRAIN_STEPS}
    assert end_of(study) == end_of(undisturbed)
    assert servers_of(study) == []


@pytest.fixture(scope="module")
def killed(made_study, tmp_path_factory):
    """A study killed after the search, and a copy of it, for two ways to go on."""
    folder = tmp_path_factory.mktemp("killed")
    study = new_study(made_study, folder / "study")
    Attempt.start(study).kill_when(lambda: has_done(study, "search"))
    assert len(servers_of(study)) == 1, "expected Prefect's server to outlive its flow"
    # Sockets, which a killed Ray leaves, cannot be copied.
    shutil.copytree(study, folder / "copy", ignore=shutil.ignore_patterns("ray"))
    yield study, folder / "copy"
    for one in (study, folder / "copy"):
        take_over(one / ".armwise")


def test_killed_after_the_search_it_goes_on_and_computes_nothing_again(killed, undisturbed):
    assert_goes_on(killed[0], undisturbed)


def test_without_resuming_finished_steps_are_computed_again_and_seen(killed):
    copy = killed[1]
    assert computed_again(copy) == set()
    Attempt.start(copy, "--fresh").kill_when(lambda: "cohort" in computed_again(copy))
    assert computed_again(copy) == {"validation", "crops", "cohort"}


@pytest.mark.campaign
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("step", ["cohort", "arms", "publish"])
def test_killed_at_the_end_of_a_step(made_study, undisturbed, tmp_path, step):
    study = new_study(made_study, tmp_path / "study")
    Attempt.start(study).kill_when(lambda: has_done(study, step))
    assert_goes_on(study, undisturbed)


@pytest.mark.campaign
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_killed_at_a_random_moment(made_study, undisturbed, tmp_path, seed):
    study = new_study(made_study, tmp_path / "study")
    step, seconds = a_moment(undisturbed, seed)
    print(f"kill {seconds:.2f} s into {step}")  # noqa: T201  for the campaign's record
    attempt = Attempt.start(study)
    attempt.kill_when(in_step(study, step, seconds))
    assert_goes_on(study, undisturbed)


@pytest.mark.campaign
@pytest.mark.timeout(3600)
def test_killed_between_the_pointers_move_and_the_record_of_it(made_study, undisturbed, tmp_path):
    study = new_study(made_study, tmp_path / "study")
    Attempt.start(study).kill_when(lambda: champion_stands(study))
    assert not has_done(study, "publish"), "expected the kill before the step's end"
    assert_goes_on(study, undisturbed)
