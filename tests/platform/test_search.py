"""Searches on a real Ray: undisturbed, with a trial killed, with the driver killed."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import psutil
import pytest
import ray

from components.errors import DataError, PatientRejected, PlatformError, UsageError
from components.networks.selection import choose
from components.networks.trial import read_state
from components.platform.compute import ray_map, ray_session
from components.platform.search import _fingerprint, run_search
from components.study.protocol import (
    BackboneSection,
    EvaluationSection,
    LabelSection,
    SearchSection,
    SearchSpace,
)
from tests.networks.conftest import draw_cohort

pytestmark = [
    pytest.mark.slow,
    # Ray opens sockets and log files that it leaves to the interpreter to close.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SEED = 5
ROOT = Path(__file__).parents[2]


def cohort_and_sections():
    """48 patients, two backbones of two configurations, rungs at epochs 1 and 2."""
    search = SearchSection(
        folds=2,
        configurations=2,
        rungs=(1, 2),
        reduction=2,
        space=SearchSpace(
            learning_rate=(1e-3, 3e-3),
            weight_decay=(1e-4, 1e-2),
            dropout=(0.0, 0.4),
            label_smoothing=(0.0, 0.1),
        ),
        cpus_per_trial=1,
        gpus_per_trial=0,
        threads_per_trial=1,
        max_failures=2,
    )
    backbone = BackboneSection(
        names=("resnet18", "densenet121"),
        weights="random",
        batch_size=8,
        warmup_epochs=1,
        mixed_precision=True,
        augment=True,
        selection="best",
    )
    return draw_cohort(n_folds=2), {
        "search": search,
        "backbone": backbone,
        "label": LabelSection(horizon_days=1095, unknown="ipcw", weight_cap=20),
        "evaluation": EvaluationSection(
            confidence_level=0.95,
            minimum_events_before=3,
            minimum_at_risk_after=3,
            cutoff="training_median",
            truncated_c_days=None,
        ),
    }


def trial_processes(driver):
    """The processes in which a driver's trials are trained."""
    family = driver.children(recursive=True)
    return [process for process in family if process.name().startswith("ray::Impl")]


class Heard:
    """Writes down what a listener is told."""

    def __init__(self):
        self.epochs = []
        self.ends = []

    def on_epoch(self, configuration, metrics):
        self.epochs.append((configuration.key, metrics.epoch))

    def on_end(self, result):
        self.ends.append((result.configuration.key, result.status))


class Killer(Heard):
    """Kills the first worker that has finished an epoch, the hard way."""

    killed = None

    def on_epoch(self, configuration, metrics):
        super().on_epoch(configuration, metrics)
        if self.killed is None:
            workers = trial_processes(psutil.Process())
            self.killed = max(workers, key=lambda process: sum(process.cpu_times()[:2])).pid
            os.kill(self.killed, signal.SIGKILL)


class KillerAtTheRung(Heard):
    """Kills all workers when the last trial reports the first rung: those that wait there too."""

    killed = 0

    def on_epoch(self, configuration, metrics):
        super().on_epoch(configuration, metrics)
        if sum(epoch == 1 for _, epoch in self.epochs) == 4 and not self.killed:
            workers = trial_processes(psutil.Process())
            self.killed = len(workers)
            for worker in workers:
                worker.kill()
            psutil.wait_procs(workers, timeout=10)


@pytest.fixture(scope="module")
def temp_dir():
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def session(temp_dir):
    with ray_session(temp_dir=temp_dir, num_cpus=2):
        yield


def search_with(listener, storage, *, shared=None, backbones=None, **changes):
    patients, sections = cohort_and_sections()
    if backbones is not None:
        sections["backbone"] = sections["backbone"].model_copy(update={"names": backbones})
    sections["search"] = sections["search"].model_copy(update=changes)
    return run_search(
        patients, **sections, seed=SEED, storage=storage, listener=listener, shared=shared
    )


def numbers(result):
    """All that must not hang on what happened on the way."""
    return [
        (
            trial.configuration.key,
            trial.status,
            [(m.epoch, m.train_loss, m.tuning_target) for m in trial.history],
            trial.oof_scores,
            [reference.sha256 for reference in trial.fold_networks],
        )
        for trial in result.trials
    ]


@pytest.fixture(scope="module")
def undisturbed(session, tmp_path_factory):
    heard = Heard()
    return search_with(heard, tmp_path_factory.mktemp("undisturbed")), heard


def test_one_configuration_of_each_backbone_is_trained_to_the_end(undisturbed):
    result, heard = undisturbed

    assert len(result.trials) == 4
    finished = [t for t in result.trials if t.status == "finished"]
    assert {t.configuration.backbone for t in finished} == {"resnet18", "densenet121"}
    for trial in finished:
        rival = next(
            t
            for t in result.trials
            if t.configuration.backbone == trial.configuration.backbone and t is not trial
        )
        assert trial.history[0].tuning_target >= rival.history[0].tuning_target
        assert (trial.epochs_done, rival.epochs_done) == (2, 1)
        assert len(trial.fold_networks) == 2
    assert sorted(heard.ends) == sorted((t.configuration.key, t.status) for t in result.trials)
    assert sorted(heard.epochs) == sorted(
        (t.configuration.key, m.epoch) for t in result.trials for m in t.history
    )


def test_a_killed_trial_comes_back_and_nothing_changes(undisturbed, tmp_path):
    """With states at a shared place, which is cleared at the end."""
    expected, _ = undisturbed
    killer = Killer()

    result = search_with(killer, tmp_path / "own", shared=f"file://{tmp_path}/shared")

    assert killer.killed is not None
    assert numbers(result) == numbers(expected)
    assert len(killer.epochs) == len(set(killer.epochs))
    assert len(killer.ends) == 4
    assert all(n.exists() for trial in result.trials for n in trial.fold_networks)
    assert [path for path in (tmp_path / "shared").rglob("*") if path.is_file()] == []
    patients, sections = cohort_and_sections()
    choices = [
        choose(
            found,
            patients.target,
            patients.arms,
            label=sections["label"],
            evaluation=sections["evaluation"],
            backbone=sections["backbone"],
        )
        for found in (expected, result)
    ]
    assert choices[0] == choices[1]


def test_a_worker_that_is_gone_when_a_trial_is_handed_to_it_is_replaced(session, tmp_path, caplog):
    killer = KillerAtTheRung()

    result = search_with(killer, tmp_path, backbones=("resnet18",), configurations=4)

    assert killer.killed == 2
    assert "lost when the next trial was handed to it" in caplog.text
    assert sorted(t.status for t in result.trials) == ["finished"] * 2 + ["stopped"] * 2
    assert len(killer.epochs) == len(set(killer.epochs)) == 4 + 2
    assert len(killer.ends) == 4


TIMED = [pytest.param(method, marks=pytest.mark.campaign) for method in ("asha", "optuna")]


@pytest.mark.parametrize("method", ["synchronous_halving", *TIMED])
def test_a_search_whose_driver_was_killed_is_taken_up_again(
    undisturbed, tmp_path, temp_dir, method
):
    expected, _ = undisturbed
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "tests.platform.search_process"),
            *(str(tmp_path), f"{temp_dir}/k", method),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        first = process.stdout.readline().split()
        workers = trial_processes(psutil.Process(process.pid))
        process.kill()
    # A trial's process notices within seconds; Ray's own agents may stay a little longer.
    assert workers
    assert psutil.wait_procs(workers, timeout=30)[1] == []
    assert first[1] == "1"
    kept = list(tmp_path.rglob("state.json"))
    assert kept

    before = {path.parent.name: read_state(path.parent).history for path in kept}

    heard = Heard()
    result = search_with(heard, tmp_path, method=method)

    assert sorted(heard.ends) == sorted((t.configuration.key, t.status) for t in result.trials)
    assert len(heard.ends) == 4
    after = {trial.configuration.key: trial.history for trial in result.trials}
    assert all(after[key][: len(history)] == history for key, history in before.items())
    if method == "synchronous_halving":
        assert numbers(result) == numbers(expected)


def test_a_search_of_other_data_or_sections_has_a_place_of_its_own():
    """States of the one are never taken for the other's."""
    patients, _ = cohort_and_sections()
    others = [
        {"crops": patients.crops + np.float32(0.5)},
        {"fold_of": patients.fold_of[::-1].copy()},
        {"arms": np.roll(patients.arms, 1)},
        {"patient_ids": patients.patient_ids[::-1]},
    ]
    names = [
        _fingerprint(type(patients)(**{**vars(patients), **change}), ["plan"])
        for change in ({}, *others)
    ]

    assert len({*names, _fingerprint(patients, ["another plan"])}) == 6
    assert _fingerprint(patients, ["plan"]) == names[0]


@pytest.mark.parametrize(
    "method", ["asha", "optuna", pytest.param("random", marks=pytest.mark.campaign)]
)
def test_another_method_gives_each_backbone_its_budget_and_says_what_it_cannot_promise(
    session, tmp_path, method
):
    heard = Heard()

    result = search_with(heard, tmp_path, method=method, configurations=3)

    assert result.method == method
    keys = [trial.configuration.key for trial in result.trials]
    assert keys == [f"{name}-{i}" for name in ("resnet18", "densenet121") for i in range(3)]
    assert sorted(heard.ends) == sorted((t.configuration.key, t.status) for t in result.trials)
    assert len(heard.epochs) == len(set(heard.epochs))
    finished = [t for t in result.trials if t.status == "finished"]
    assert {t.configuration.backbone for t in finished} == {"resnet18", "densenet121"}
    assert all(t.epochs_done == 2 and len(t.fold_networks) == 2 for t in finished)
    assert len(finished) == 6 or method == "asha"
    said = [one.done for one in result.adaptations]
    assert (f"search.method: {method}" in said) == (method != "random")

    again = search_with(Heard(), tmp_path, method=method, configurations=3)

    assert numbers(again) == numbers(result)


def test_ray_of_our_own_listens_on_loopback_alone(session):
    """Its ports take no password, so they must not be seen from elsewhere."""
    list(ray_map(lambda number: number, range(4)))  # a worker at least is up
    family = psutil.Process().children(recursive=True)

    heard = {
        connection.laddr.ip.removeprefix("::ffff:")
        for process in family
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }

    assert len(family) >= 4  # the GCS, the raylet, agents and workers
    assert heard <= {"127.0.0.1", "::1"}
    assert heard


def test_a_worker_reads_the_crops_in_place(session):
    """They lie once in the object store, not once more in every worker."""

    def is_a_copy(patients):
        return patients.crops.flags["OWNDATA"] or patients.crops.flags["WRITEABLE"]

    patients, _ = cohort_and_sections()

    assert not ray.get(ray.remote(is_a_copy).remote(ray.put(patients)))


def test_a_place_that_another_process_does_not_see_is_refused_before_anything_is_trained(
    session, tmp_path
):
    """Memory of the driver's own stands for a folder that lies on its machine alone."""
    patients, sections = cohort_and_sections()

    with pytest.raises(PlatformError, match=r"does not see.*ARMWISE_SEARCH_STORAGE"):
        run_search(
            patients,
            **sections,
            seed=SEED,
            storage=tmp_path / "s",
            listener=Heard(),
            shared="memory://search",
        )
    assert not (tmp_path / "s").exists()


def refuse(number):
    if number == 2:
        raise PatientRejected(f"p{number}", "the ROI is empty")
    return number**2


def test_ray_map_keeps_order_and_raises_what_was_raised(session):
    def power(base, exponent):
        return base**exponent

    arguments = [2, 3, 4], [3, 2, 1]
    assert list(ray_map(power, *arguments)) == list(map(power, *arguments))

    with pytest.raises(PatientRejected, match="patient p2: the ROI is empty") as caught:
        list(ray_map(refuse, range(4)))
    assert isinstance(caught.value, DataError)


def test_missing_imagenet_weights_stop_the_search_before_it_begins(session, tmp_path):
    patients, sections = cohort_and_sections()
    sections["backbone"] = sections["backbone"].model_copy(
        update={"weights": "imagenet", "weights_dir": str(tmp_path)}
    )

    with pytest.raises(UsageError, match=r"resnet18-f37072fd.pth"):
        run_search(patients, **sections, seed=SEED, storage=tmp_path / "s", listener=Heard())
    assert not (tmp_path / "s").exists()


def test_a_cluster_that_does_not_answer_is_a_platform_error(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody answers there
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with (
            pytest.raises(PlatformError, match=f"no Ray answers at {address}"),
            ray_session(address, temp_dir=tmp_path),
        ):
            pytest.fail("the session has begun")
