from dataclasses import replace

import numpy as np
import pytest
import torch

from components.errors import FitFailed
from components.networks.configurations import draw_configurations
from components.networks.crossvalidation import start_crossvalidation
from components.networks.labels import fold_lessons
from components.networks.refit import refit
from components.networks.stopping import (
    Stopping,
    best_weights,
    look,
    refit_epochs,
    split_lesson,
)
from components.networks.training import plan_training
from components.networks.trial import SearchTask, run_trial, settle_trial
from components.networks.trunk_features import all_trunk_features, network_inputs
from components.networks.tuning import plan_tuning
from components.survival.target import SurvivalTarget

EPOCHS = 6


@pytest.fixture(scope="module")
def stopped(backbone):
    return backbone.model_copy(
        update={"training": "frozen_trunk", "stopping": "inner_split", "inner_share": 0.25}
    )


@pytest.fixture(scope="module")
def plan(search, stopped):
    return plan_training(search.model_copy(update={"rungs": (2, EPOCHS)}), stopped, seed=3)


@pytest.fixture(scope="module")
def configuration(search, stopped):
    drawn = draw_configurations(search, stopped, 3)[0]
    # So fast that it learns its own patients by heart within a few epochs.
    return drawn.model_copy(update={"learning_rate": 0.05})


@pytest.fixture(scope="module")
def trunks(cohort, plan):
    return all_trunk_features(cohort.crops, plan=plan)


@pytest.fixture(scope="module")
def lessons(cohort, label):
    return fold_lessons(cohort.target, cohort.arms, fold_of=cohort.fold_of, section=label)


@pytest.fixture
def start(cohort, configuration, plan, lessons, trunks):
    def begin(*, lessons=lessons, plan=plan):
        return start_crossvalidation(
            configuration,
            crops=network_inputs("resnet18", cohort.crops, plan=plan, trunks=trunks),
            fold_of=cohort.fold_of,
            lessons=lessons,
            plan=plan,
        )

    return begin


def weights_of(run, fold):
    learner = run.learners[fold]
    with best_weights(learner.network, learner.stopping) as network:
        return {key: value.clone() for key, value in network.state_dict().items()}


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
def test_the_split_keeps_arms_and_labels_in_their_shares(lessons, share):
    whole = lessons[0]

    taught, held_back = split_lesson(whole, share=share, seed=1)

    assert sorted([*taught.rows, *held_back.rows]) == whole.rows.tolist()
    assert abs(len(held_back.rows) - share * len(whole.rows)) <= 1
    for arm in np.unique(whole.arms):
        for label in (0, 1):
            of_all = np.sum((whole.arms == arm) & (whole.labels == label))
            held = np.sum((held_back.arms == arm) & (held_back.labels == label))
            assert abs(held - share * of_all) <= 1
    assert taught.weights.mean() == pytest.approx(1)
    assert held_back.weights.mean() == pytest.approx(1)


def test_the_split_is_the_seed_s(lessons):
    first, _ = split_lesson(lessons[0], share=0.25, seed=1)
    again, _ = split_lesson(lessons[0], share=0.25, seed=1)
    other, _ = split_lesson(lessons[0], share=0.25, seed=2)

    assert first.rows.tolist() == again.rows.tolist() != other.rows.tolist()


def test_too_few_to_hold_back_is_refused(lessons):
    few = lessons[0]
    places = [int(np.flatnonzero(few.labels == 1)[0]), *np.flatnonzero(few.labels == 0)[:9]]
    small = replace(
        few,
        rows=few.rows[places],
        labels=few.labels[places],
        weights=few.weights[places],
        arms=few.arms[places],
    )

    with pytest.raises(FitFailed, match=r"backbone.inner_share 0.2: expected patients of high"):
        split_lesson(small, share=0.2, seed=1)


def test_the_weights_that_count_are_those_of_the_best_inner_epoch(start):
    run = start()
    seen = []
    for _ in range(EPOCHS):
        run.train_epoch()
        learner = run.learners[0]
        fresh = Stopping(learner.stopping.held_back)
        look(fresh, learner.network, run.crops, epoch=1, mixed_precision=False)
        seen.append((fresh.loss, fresh.weights))

    losses = [loss for loss, _ in seen]
    best = int(np.argmin(losses))
    counted = weights_of(run, 0)

    # Otherwise this test would say nothing: here the last epoch is not the best of every fold.
    assert any(epoch < EPOCHS for epoch in run.stopped_epochs)
    assert run.stopped_epochs[0] == best + 1
    assert run.learners[0].stopping.loss == pytest.approx(losses[best], rel=1e-5)
    assert all(torch.equal(counted[key], value) for key, value in seen[best][1].items())


def test_scores_are_of_the_weights_that_count_and_training_is_not_disturbed(start):
    asked, silent = start(), start()
    for _ in range(EPOCHS):
        asked.train_epoch()
        asked.scores()
        silent.train_epoch()

    assert np.array_equal(asked.scores(), silent.scores())
    assert asked.stopped_epochs == silent.stopped_epochs
    for fold, learner in enumerate(asked.learners):
        with best_weights(learner.network, learner.stopping) as network:
            rows = np.flatnonzero(asked.fold_of == fold)
            logits, _ = network.eval()(asked.crops.take(rows))
            said = network.probability(logits).detach().numpy()
        assert asked.scores()[rows] == pytest.approx(said, rel=1e-5)


@pytest.mark.parametrize("loss", ["binary", "discrete_hazard", "cox"])
def test_outcomes_of_the_held_out_change_nothing_of_the_network_that_scores_them(
    cohort, label, plan, start, loss
):
    plan = replace(plan, section=plan.section.model_copy(update={"loss": loss}))
    mine = cohort.fold_of == 0
    rng = np.random.default_rng(9)
    time, event = cohort.target.time_days.copy(), cohort.target.event.copy()
    time[mine], event[mine] = rng.uniform(1, 3000, mine.sum()), rng.random(mine.sum()) < 0.5
    changed = SurvivalTarget.of(time, event)

    def trained(target):
        lessons = fold_lessons(
            target, cohort.arms, fold_of=cohort.fold_of, section=label, loss=loss
        )
        run = start(lessons=lessons, plan=plan)
        for _ in range(3):
            run.train_epoch()
        return run

    first, second = trained(cohort.target), trained(changed)

    for key, value in weights_of(first, 0).items():
        assert torch.equal(value, weights_of(second, 0)[key])
    assert np.array_equal(first.scores()[mine], second.scores()[mine])
    assert first.stopped_epochs[0] == second.stopped_epochs[0]
    # The other folds learn from them, and differ.
    assert not np.array_equal(first.scores()[~mine], second.scores()[~mine])


def test_a_training_taken_up_ends_with_the_same_numbers(start, tmp_path):
    whole, resumed = start(), start()
    for _ in range(4):
        whole.train_epoch()
    whole.save(tmp_path, to_continue=True)
    resumed.load(tmp_path, epochs_done=4)

    assert np.array_equal(resumed.scores(), whole.scores())
    assert resumed.stopped_epochs == whole.stopped_epochs
    while whole.epochs_done < EPOCHS:
        assert resumed.train_epoch() == whole.train_epoch()
    assert np.array_equal(resumed.scores(), whole.scores())
    assert resumed.stopped_epochs == whole.stopped_epochs


def test_a_trial_says_when_its_folds_were_stopped(
    cohort, lessons, configuration, plan, trunks, evaluation, tmp_path
):
    task = SearchTask(
        patients=cohort,
        lessons=lessons,
        tuning=plan_tuning(cohort.target, cohort.arms, horizon_days=1095, evaluation=evaluation),
        plan=plan,
        rungs=(2, EPOCHS),
        folder=tmp_path,
        trunks=trunks,
    )

    run_trial(configuration, task, report=lambda history: None)
    result = settle_trial(tmp_path, configuration, last_rung=EPOCHS)

    assert len(result.stopped_epochs) == 3
    assert all(1 <= epoch <= EPOCHS for epoch in result.stopped_epochs)
    assert len(result.fold_networks) == 3


def test_the_refit_is_as_long_as_the_median_of_the_folds(
    cohort, configuration, label, plan, tmp_path
):
    card = refit(
        cohort,
        configuration,
        label=label,
        plan=plan,
        imaging_hash="",
        channels=(),
        folder=tmp_path,
        stopped_epochs=(2, 6, 3),
    )

    assert card.epochs == 3
    assert card.n_patients > 0.8 * cohort.target.n


@pytest.mark.parametrize(
    ("stopped", "expected"), [((), 9), ((4,), 4), ((1, 8, 3), 3), ((2, 4, 5, 9), 5)]
)
def test_the_median_of_stopped_epochs(stopped, expected):
    assert refit_epochs(stopped, total=9) == expected
