from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from components.errors import IntegrityError
from components.networks.backbones import build_network
from components.networks.bundle import load_network
from components.networks.configurations import draw_configurations
from components.networks.crossvalidation import start_crossvalidation
from components.networks.features import predict
from components.networks.frozen_trunk import frozen_adaptations, trunk_network
from components.networks.labels import fold_lessons
from components.networks.refit import fold_predictions, refit
from components.networks.training import plan_training
from components.networks.trial import SearchTask, run_trial, settle_trial
from components.networks.trunk_features import all_trunk_features, network_inputs, trunk_features
from components.networks.tuning import plan_tuning
from components.networks.weights import read_tensors

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def frozen(backbone):
    return backbone.model_copy(update={"training": "frozen_trunk"})


@pytest.fixture(scope="module")
def plan(search, frozen):
    return plan_training(search, frozen, seed=3)


@pytest.fixture(scope="module")
def configuration(search, frozen):
    return draw_configurations(search, frozen, 3)[0]


@pytest.fixture(scope="module")
def task(cohort, label, evaluation, plan, tmp_path_factory):
    folder = tmp_path_factory.mktemp("frozen")
    return SearchTask(
        patients=cohort,
        lessons=fold_lessons(cohort.target, cohort.arms, fold_of=cohort.fold_of, section=label),
        tuning=plan_tuning(cohort.target, cohort.arms, horizon_days=1095, evaluation=evaluation),
        plan=plan,
        rungs=(1, 2),
        folder=folder,
        trunks=all_trunk_features(cohort.crops, plan=plan, cache=folder / "trunks"),
    )


@pytest.fixture(scope="module")
def trial(task, configuration):
    run_trial(configuration, task, report=lambda history: None)
    return settle_trial(task.folder, configuration, last_rung=2)


def test_features_are_those_of_the_trunk_and_are_computed_once(cohort, plan, tmp_path):
    network, _ = trunk_network("resnet18", section=plan.section, seed=plan.seed)
    first = trunk_features("resnet18", cohort.crops, plan=plan, cache=tmp_path)
    (path,) = tmp_path.iterdir()
    written = path.stat().st_mtime_ns

    again = trunk_features("resnet18", cohort.crops, plan=plan, cache=tmp_path)

    assert first == pytest.approx(predict(network, cohort.crops).features, rel=1e-4, abs=1e-5)
    assert np.array_equal(first, again)
    assert (list(tmp_path.iterdir()), path.stat().st_mtime_ns) == ([path], written)


def test_other_crops_another_seed_and_a_damaged_file_are_not_what_was_kept(cohort, plan, tmp_path):
    first = trunk_features("resnet18", cohort.crops, plan=plan, cache=tmp_path)
    (path,) = tmp_path.iterdir()

    shifted = trunk_features("resnet18", cohort.crops + 1, plan=plan, cache=tmp_path)
    reseeded = trunk_features("resnet18", cohort.crops, plan=replace(plan, seed=4), cache=tmp_path)
    path.write_bytes(path.read_bytes()[:50])
    mended = trunk_features("resnet18", cohort.crops, plan=plan, cache=tmp_path)

    assert len(list(tmp_path.iterdir())) == 3
    assert not np.array_equal(first, shifted)
    assert not np.array_equal(first, reseeded)
    assert np.array_equal(first, mended)


def test_training_moves_the_head_and_nothing_else(task, trial, configuration):
    trunk, _ = trunk_network("resnet18", section=task.plan.section, seed=task.plan.seed)
    before = trunk.state_dict()

    for reference in trial.fold_networks:
        after = read_tensors(reference.verified())
        moved = {key for key, value in after.items() if not torch.equal(value, before[key])}
        assert after.keys() == before.keys()
        assert moved == {"head.weight", "head.bias"}


def test_a_fold_network_on_disk_says_of_images_what_the_trial_said(task, trial, cohort):
    said = fold_predictions(trial, cohort.crops, device=CPU)

    for fold, found in enumerate(said.values()):
        mine = cohort.fold_of == fold
        scores = np.asarray(trial.oof_scores)[mine]
        assert found.probability[mine] == pytest.approx(scores, abs=1e-6)
        assert found.features == pytest.approx(task.trunks["resnet18"], rel=1e-4, abs=1e-5)
    assert trial.initialization == "random, trunk frozen"


def test_a_trial_computes_no_features_and_reads_no_crops(task, trial, configuration, tmp_path):
    blind = replace(task.patients, crops=np.zeros_like(task.patients.crops))

    elsewhere = replace(task, patients=blind, folder=tmp_path)
    run_trial(configuration, elsewhere, report=lambda history: None)

    found = settle_trial(tmp_path, configuration, last_rung=2)
    assert found.oof_scores == trial.oof_scores


def test_a_training_taken_up_equals_one_without_a_stop(task, configuration, tmp_path):
    def start():
        return start_crossvalidation(
            configuration,
            crops=network_inputs(
                "resnet18", task.patients.crops, plan=task.plan, trunks=task.trunks
            ),
            fold_of=task.patients.fold_of,
            lessons=task.lessons,
            plan=task.plan,
        )

    whole, resumed = start(), start()
    whole.train_epoch()
    whole.save(tmp_path, to_continue=True)
    resumed.load(tmp_path, epochs_done=1)

    assert resumed.train_epoch() == whole.train_epoch()
    assert np.array_equal(resumed.scores(), whole.scores())
    # Between rungs no trunk is written: only what is trained.
    assert load_file(tmp_path / "fold-0.safetensors").keys() == {"head.weight", "head.bias"}


def test_a_refit_is_a_network_like_any_other(cohort, configuration, label, plan, tmp_path):
    card = refit(
        cohort,
        configuration,
        label=label,
        plan=plan,
        imaging_hash="0123456789abcdef",
        channels=("arterial", "portal_venous", "arterial_minus_portal_hu"),
        folder=tmp_path,
    )

    network = load_network(tmp_path, device=CPU).network
    found = predict(network, cohort.crops)

    assert card.initialization == "random, trunk frozen"
    features = trunk_features("resnet18", cohort.crops, plan=plan)
    assert found.features == pytest.approx(features, rel=1e-4, abs=1e-5)
    assert found.probability.std() > 0


def test_the_head_of_a_frozen_trunk_learns(cohort, configuration, label, plan):
    longer = replace(plan, total_epochs=10)
    run = start_crossvalidation(
        configuration.model_copy(update={"learning_rate": 0.03}),
        crops=network_inputs("resnet18", cohort.crops, plan=longer),
        fold_of=cohort.fold_of,
        lessons=fold_lessons(cohort.target, cohort.arms, fold_of=cohort.fold_of, section=label),
        plan=longer,
    )

    losses = [run.train_epoch() for _ in range(10)]

    assert losses[-1] < 0.8 * losses[0]


def test_a_random_trunk_and_unused_augmentation_are_said(frozen, backbone):
    said = [found.done for found in frozen_adaptations(frozen)]
    silent = frozen.model_copy(update={"weights": "imagenet", "augment": None})

    assert said == ["the trunk's weights are random", "none"]
    assert frozen_adaptations(silent) == frozen_adaptations(backbone) == ()


def test_without_its_weights_file_no_head_is_trained(search, frozen, configuration, tmp_path):
    wished = frozen.model_copy(update={"weights": "imagenet", "weights_dir": str(tmp_path)})
    (tmp_path / "resnet18-f37072fd.pth").write_bytes(b"other bytes")

    with pytest.raises(IntegrityError, match="expected a SHA-256 that begins with f37072fd"):
        build_network("resnet18", dropout=0, section=wished, seed=1)
    with pytest.raises(IntegrityError, match="expected a SHA-256 that begins with f37072fd"):
        trunk_features(
            "resnet18",
            np.zeros((1, 3, 32, 32), np.float32),
            plan=plan_training(search, wished, seed=1),
        )
