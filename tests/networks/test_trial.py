import numpy as np
import pytest

from components.errors import IntegrityError
from components.networks.configurations import draw_configurations
from components.networks.labels import fold_lessons
from components.networks.training import plan_training
from components.networks.trial import (
    SearchTask,
    read_state,
    run_trial,
    settle_trial,
    trial_folder,
)
from components.networks.tuning import plan_tuning


class PausedError(Exception):
    """Stands for what ends a trial from outside."""


@pytest.fixture
def make_task(cohort, search, backbone, label, evaluation, tmp_path):
    def make(name):
        return SearchTask(
            patients=cohort,
            lessons=fold_lessons(cohort.target, cohort.arms, fold_of=cohort.fold_of, section=label),
            tuning=plan_tuning(
                cohort.target, cohort.arms, horizon_days=1095, evaluation=evaluation
            ),
            plan=plan_training(search, backbone, seed=3),
            rungs=(1, 2),
            folder=tmp_path / name,
        )

    return make


@pytest.fixture
def configuration(search, backbone):
    return draw_configurations(search, backbone, 3)[0]


def pause_at(epoch, heard):
    def report(history):
        heard.append(len(history))
        if len(history) >= epoch:
            raise PausedError

    return report


def numbers(result):
    return (
        result.oof_scores,
        [(m.epoch, m.train_loss, m.tuning_target, m.arms) for m in result.history],
        [reference.sha256 for reference in result.fold_networks],
    )


def test_a_paused_trial_goes_on_and_ends_as_an_undisturbed_one(make_task, configuration):
    whole, parts = make_task("whole"), make_task("parts")
    run_trial(configuration, whole, report=lambda history: None)
    expected = settle_trial(whole.folder, configuration, last_rung=2)

    first, second, third = [], [], []
    with pytest.raises(PausedError):
        run_trial(configuration, parts, report=pause_at(1, first))
    run_trial(configuration, parts, report=pause_at(9, second))
    run_trial(configuration, parts, report=pause_at(9, third))
    found = settle_trial(parts.folder, configuration, last_rung=2)

    # What was there is reported first, so that whoever decides needs no memory of their own.
    assert (first, second, third) == ([1], [1, 2], [2])
    assert numbers(found) == numbers(expected)
    assert found.status == "finished"
    assert (found.initialization, found.has_diverged) == ("random", False)
    assert len(found.fold_networks) == 3
    assert all(reference.verified() for reference in found.fold_networks)


def test_only_the_last_state_is_kept_and_no_optimizer_of_a_finished_trial(make_task, configuration):
    task = make_task("kept")
    run_trial(configuration, task, report=lambda history: None)

    folder = trial_folder(task.folder, configuration)
    assert sorted(path.name for path in folder.rglob("*")) == [
        "epoch-0002",
        "fold-0.safetensors",
        "fold-1.safetensors",
        "fold-2.safetensors",
        "state.json",
    ]


def test_a_stopped_trial_keeps_its_scores_and_loses_its_weights(make_task, configuration, cohort):
    task = make_task("stopped")
    with pytest.raises(PausedError):
        run_trial(configuration, task, report=pause_at(1, []))

    result = settle_trial(task.folder, configuration, last_rung=2)

    assert (result.status, result.epochs_done, result.fold_networks) == ("stopped", 1, ())
    assert len(result.oof_scores) == cohort.target.n
    assert result.tuning_target == result.history[0].tuning_target is not None
    assert [p.name for p in trial_folder(task.folder, configuration).iterdir()] == ["state.json"]


@pytest.mark.parametrize("damage", ["state", "weights"])
def test_a_damaged_state_makes_the_trial_start_again(make_task, configuration, damage, caplog):
    whole, task = make_task("whole"), make_task("damaged")
    run_trial(configuration, whole, report=lambda history: None)
    with pytest.raises(PausedError):
        run_trial(configuration, task, report=pause_at(1, []))
    folder = trial_folder(task.folder, configuration)
    name = "state.json" if damage == "state" else "epoch-0001/optimizer-1.safetensors"
    (folder / name).write_bytes((folder / name).read_bytes()[:100])

    run_trial(configuration, task, report=lambda history: None)

    assert "start" in caplog.text
    assert numbers(settle_trial(task.folder, configuration, last_rung=2)) == numbers(
        settle_trial(whole.folder, configuration, last_rung=2)
    )


def test_a_diverged_trial_has_no_tuning_target_and_says_so_once(make_task, configuration, caplog):
    task = make_task("diverged")
    wild = configuration.model_copy(update={"learning_rate": 1e30})

    run_trial(wild, task, report=lambda history: None)

    state = read_state(trial_folder(task.folder, wild))
    assert [metrics.tuning_target for metrics in state.history] == [None, None]
    assert np.any([score is None for score in state.oof_scores])
    assert caplog.text.count("resnet18-0 diverged in epoch ") == 1
    assert settle_trial(task.folder, wild, last_rung=2).has_diverged


def test_a_trial_that_was_never_begun_has_no_result(make_task, configuration):
    with pytest.raises(IntegrityError, match="expected the state of resnet18-0"):
        settle_trial(make_task("none").folder, configuration, last_rung=2)
