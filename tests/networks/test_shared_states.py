"""States of trials that come and go between a node's own folder and a shared place."""

from dataclasses import replace

import fsspec
import pytest

from components.networks.configurations import draw_configurations
from components.networks.labels import fold_lessons
from components.networks.shared_states import SharedStates
from components.networks.training import plan_training
from components.networks.trial import SearchTask, run_trial, settle_trial, trial_folder
from components.networks.tuning import plan_tuning


class Pause(Exception):
    """As Ray pauses a trial: out of `report`."""


def pause_at(epochs):
    def report(history):
        if len(history) >= epochs:
            raise Pause

    return report


@pytest.fixture
def place():
    files = fsspec.filesystem("memory")
    yield "memory://searches"
    if files.exists("/searches"):
        files.rm("/searches", recursive=True)


@pytest.fixture
def task(cohort, search, backbone, label, evaluation, tmp_path, place):
    return SearchTask(
        patients=cohort,
        lessons=fold_lessons(cohort.target, cohort.arms, fold_of=cohort.fold_of, section=label),
        tuning=plan_tuning(
            cohort.target, cohort.arms, horizon_days=label.horizon_days, evaluation=evaluation
        ),
        plan=plan_training(search, backbone, seed=1),
        rungs=search.rungs,
        folder=tmp_path / "driver",
        shared=SharedStates(f"{place}/one"),
    )


def test_a_trial_goes_on_on_another_node_and_its_networks_come_to_the_driver(
    task, search, backbone, tmp_path
):
    configuration = draw_configurations(search, backbone, seed=1)[0]
    alone = replace(task, folder=tmp_path / "alone", shared=None)
    run_trial(configuration, alone, report=lambda _: None)
    expected = settle_trial(alone.folder, configuration, last_rung=2)

    with pytest.raises(Pause):
        run_trial(configuration, task, report=pause_at(1))
    files = fsspec.filesystem("memory")
    first = {path.rpartition("/")[2] for path in files.ls("/searches/one/trials/resnet18-0", False)}
    run_trial(configuration, task, report=lambda _: None)
    found = settle_trial(task.folder, configuration, last_rung=2, shared=task.shared)

    assert first == {"state.json", "epoch-0001"}
    assert found.oof_scores == expected.oof_scores
    assert [n.sha256 for n in found.fold_networks] == [n.sha256 for n in expected.fold_networks]
    assert all(network.exists() for network in found.fold_networks)
    names = {path.rpartition("/")[2] for path in files.ls("/searches/one/trials/resnet18-0", False)}
    assert names == {"state.json", "epoch-0002"}

    task.shared.clear()
    assert not files.exists("/searches/one")


def test_a_loser_leaves_no_networks_and_stays_out(task, search, backbone):
    configuration = draw_configurations(search, backbone, seed=1)[0]
    with pytest.raises(Pause):
        run_trial(configuration, task, report=pause_at(1))

    settle_trial(task.folder, configuration, last_rung=2, shared=task.shared)

    files = fsspec.filesystem("memory")
    assert [path.rpartition("/")[2] for path in files.find("/searches/one")] == ["state.json"]
    assert b'"stopped":true' in files.cat_file("/searches/one/trials/resnet18-0/state.json")


def test_a_state_that_was_cut_off_while_it_was_written_is_not_taken(task, search, backbone):
    """Weights without the JSON that names them are of no trial."""
    configuration = draw_configurations(search, backbone, seed=1)[0]
    with pytest.raises(Pause):
        run_trial(configuration, task, report=pause_at(1))
    fsspec.filesystem("memory").rm("/searches/one/trials/resnet18-0/state.json")
    heard = []

    run_trial(configuration, task, report=lambda history: heard.append(len(history)))

    assert heard == [1, 2]
    assert not (trial_folder(task.folder, configuration)).exists()


def test_notes_are_read_as_they_were_put_on_record(place):
    shared = SharedStates(f"{place}/one")
    assert shared.notes("drawn") == []
    shared.note("drawn/resnet18-0.json", "{}")

    assert shared.notes("drawn") == [b"{}"]
