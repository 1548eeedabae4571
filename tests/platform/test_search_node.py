"""A search on three real nodes of one machine, one of which is lost in the middle of it."""

import tempfile
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import ray

from components.networks.labels import fold_lessons
from components.networks.training import plan_training
from components.networks.trial import SearchTask, run_trial, settle_trial
from components.platform.compute import ray_session
from components.platform.tracking import Tracking
from flows.tasks.search_runs import SearchRuns
from tests.platform.ray_nodes import ray_cluster, wait_for
from tests.platform.test_search import SEED, cohort_and_sections, numbers, search_with

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def alive():
    return sum(node["Alive"] for node in ray.nodes())


@pytest.fixture
def cluster(monkeypatch):
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    with (
        tempfile.TemporaryDirectory(prefix="rn-", ignore_cleanup_errors=True) as folder,
        ray_cluster(Path(folder), 3) as nodes,
        ray_session(nodes.address, temp_dir=Path(folder) / "driver"),
    ):
        wait_for(lambda: alive() == 3)
        yield nodes


class Lost(SearchRuns):
    """Writes runs to MLflow, and kills the raylet of a node that is training, once."""

    lost = None

    def on_epoch(self, configuration, metrics):
        super().on_epoch(configuration, metrics)
        if self.lost is None:
            own = ray.get_runtime_context().get_node_id()
            for node in self.cluster.nodes:
                raylet = self.cluster.raylet(node)
                trains = any(c.name().startswith("ray::Impl") for c in raylet.children())
                if trains and own not in " ".join(raylet.cmdline()):
                    self.lost = raylet.pid
                    raylet.kill()  # the node's processes end with it
                    break


def trained_alone(found, folder):
    """The same trials one after the other in this process, each as far as the search took it."""
    patients, sections = cohort_and_sections()
    task = SearchTask(
        patients=patients,
        lessons=fold_lessons(
            patients.target, patients.arms, fold_of=patients.fold_of, section=sections["label"]
        ),
        tuning=found.tuning,
        plan=plan_training(sections["search"], sections["backbone"], seed=SEED),
        rungs=sections["search"].rungs,
        folder=folder,
    )
    trials = []
    for trial in found.trials:

        def pause(history, due=trial.epochs_done):
            if len(history) == due:
                raise Paused

        with suppress(Paused):
            run_trial(trial.configuration, task, report=pause)
        trials.append(settle_trial(folder, trial.configuration, last_rung=2))
    return tuple(trials)


def decided(found):
    """Who goes to the last rung by what was reported at the first."""
    first = {}
    for trial in found.trials:
        first.setdefault(trial.configuration.backbone, []).append(trial)
    return {
        max(trials, key=lambda trial: trial.history[0].tuning_target).configuration.key
        for trials in first.values()
    }


class Paused(Exception):
    """As Ray pauses a trial: out of `report`."""


def test_the_trials_of_a_lost_node_move_to_the_others(cluster, tmp_path):
    tracking = Tracking(f"sqlite:///{tmp_path / 'mlflow.db'}", "lost")
    study = tracking.study_run("study", name="study", tags={})
    runs = Lost(tracking, study_run=study, study_key="search", progress=None)
    runs.cluster = cluster

    found = search_with(runs, tmp_path / "disturbed")

    assert runs.lost is not None
    assert not psutil.pid_exists(runs.lost) or psutil.Process(runs.lost).status() == "zombie"
    wait_for(lambda: alive() == 2)
    written = tracking.client.search_runs([tracking.experiment_id])
    trials = [run for run in written if run.data.tags.get("armwise.level") == "trial"]
    assert sorted(run.info.run_name for run in trials) == sorted(
        trial.configuration.key for trial in found.trials
    )
    assert {run.info.status for run in trials} == {"FINISHED"}

    alone = found.model_copy(update={"trials": trained_alone(found, tmp_path / "alone")})
    assert numbers(found) == numbers(alone)
    assert decided(found) == {t.configuration.key for t in found.trials if t.status == "finished"}
