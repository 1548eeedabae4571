from dataclasses import replace

import numpy as np
import pytest
import torch

from components.errors import FitFailed
from components.networks.backbones import build_network
from components.networks.bundle import load_network
from components.networks.configurations import draw_configurations
from components.networks.crossvalidation import start_crossvalidation
from components.networks.features import predict
from components.networks.labels import FollowUp, fold_lessons, lesson
from components.networks.losses import (
    batch_loss,
    cox_loss,
    hazard_loss,
    interval_targets,
    log_baseline_hazard,
    loss_adaptations,
)
from components.networks.network import Network, Outputs
from components.networks.refit import refit
from components.networks.training import plan_training
from components.networks.trunk_features import network_inputs
from components.survival.partial_likelihood import log_likelihood
from components.survival.target import SurvivalTarget
from tests.networks.conftest import draw_cohort

FOLLOW_UPS = ("discrete_hazard", "cox")


def draw_follow_up(n=40, *, seed=0):
    """With ties: times are whole months."""
    rng = np.random.default_rng(seed)
    return FollowUp(
        time_days=rng.integers(1, 30, n) * 60.0,
        event=rng.random(n) < 0.6,
        arm=np.array(["hepatectomy", "tace"])[rng.integers(0, 2, n)],
        horizon_days=1095.0,
    )


def test_the_cox_loss_of_the_whole_cohort_is_the_stratified_partial_likelihood():
    follow_up = draw_follow_up()
    lp = np.random.default_rng(1).normal(size=40)
    target = SurvivalTarget.of(follow_up.time_days, follow_up.event)
    strata = (follow_up.arm == "tace").astype(np.int64)
    (expected,) = log_likelihood(lp, target, strata=strata, ties="efron")

    found = cox_loss(torch.from_numpy(lp), follow_up)

    assert float(found) * follow_up.event.sum() == pytest.approx(-expected, rel=1e-12)


def test_a_batch_compares_nobody_with_another_arm():
    """Moving one arm's predictors as a whole changes nothing."""
    follow_up = draw_follow_up()
    lp = torch.from_numpy(np.random.default_rng(1).normal(size=40))
    moved = lp + 5.0 * torch.from_numpy(follow_up.arm == "tace")

    assert float(cox_loss(moved, follow_up)) == pytest.approx(float(cox_loss(lp, follow_up)))


def test_the_hazard_loss_is_the_likelihood_patient_by_patient():
    follow_up = draw_follow_up()
    logits = np.random.default_rng(2).normal(size=(40, 5))
    hazards = 1 / (1 + np.exp(-logits))
    total = 0.0
    for time, event, hazard in zip(follow_up.time_days, follow_up.event, hazards, strict=True):
        for k in range(5):
            start, end = 219.0 * k, 219.0 * (k + 1)
            if event and start < time <= end:
                total -= np.log(hazard[k])
            elif (event and time > end) or (not event and time >= (start + end) / 2):
                total -= np.log(1 - hazard[k])

    found = hazard_loss(torch.from_numpy(logits), follow_up)

    assert float(found) == pytest.approx(total / 40, rel=1e-12)


@pytest.mark.parametrize(
    ("time", "event", "died", "survived"),
    [
        (365.0, True, [1, 0, 0], [0, 0, 0]),
        (366.0, True, [0, 1, 0], [1, 0, 0]),
        (1095.0, True, [0, 0, 1], [1, 1, 0]),
        (1096.0, True, [0, 0, 0], [1, 1, 1]),
        (500.0, False, [0, 0, 0], [1, 0, 0]),
        (548.0, False, [0, 0, 0], [1, 1, 0]),
        (100.0, False, [0, 0, 0], [0, 0, 0]),
        (3000.0, False, [0, 0, 0], [1, 1, 1]),
    ],
)
def test_intervals_at_their_ends(time, event, died, survived):
    one = FollowUp(np.array([time]), np.array([event]), np.array(["tace"]), 1095.0)

    found = interval_targets(one, 3)

    assert [part[0].tolist() for part in found] == [died, survived]


@pytest.mark.parametrize("shape", [(40,), (40, 6)])
def test_gradients_are_finite_with_ties_and_far_predictors(shape):
    follow_up = draw_follow_up()
    logits = (torch.randn(shape, generator=torch.manual_seed(0)) * 60).requires_grad_()
    loss = (cox_loss if len(shape) == 1 else hazard_loss)(logits, follow_up)

    loss.backward()

    assert torch.isfinite(loss)
    assert torch.all(torch.isfinite(logits.grad))
    assert torch.any(logits.grad != 0)


def test_a_batch_without_a_death_is_worth_nothing_to_cox():
    alive = replace(draw_follow_up(), event=np.zeros(40, dtype=bool))
    logits = torch.randn(40, requires_grad=True)

    loss = cox_loss(logits, alive)
    loss.backward()

    assert loss.item() == 0
    assert not torch.any(logits.grad)


def test_a_batch_takes_its_own_patients(cohort, label):
    seen = np.ones(cohort.target.n, dtype=bool)
    everyone = lesson(cohort.target, cohort.arms, seen=seen, section=label, loss="cox")
    batch = np.array([7, 3, 20, 31, 40, 11, 2])
    lp = torch.from_numpy(np.random.default_rng(3).normal(size=7))
    part = cohort.target.subset(batch)
    strata = (cohort.arms[batch] == "tace").astype(np.int64)
    (expected,) = log_likelihood(lp.numpy(), part, strata=strata)

    found = batch_loss(lp, everyone, batch, smoothing=0.1)

    assert float(found) == pytest.approx(-expected / part.n_events)


def test_the_baseline_is_the_one_of_the_cox_model():
    rng = np.random.default_rng(5)
    target = SurvivalTarget.of(rng.permutation(60) * 30.0 + 1, rng.random(60) < 0.6)
    lp = rng.normal(size=60) * 3
    hazard = sum(
        1 / np.exp(lp[target.time_days >= time]).sum()
        for time in target.time_days[target.event & (target.time_days <= 1095)]
    )

    follow_up = FollowUp(target.time_days, target.event, np.full(60, "tace"), 1095.0)
    found = log_baseline_hazard(lp, follow_up)
    far = log_baseline_hazard(lp + 2000, follow_up)

    assert np.exp(found) == pytest.approx(hazard, rel=1e-12)
    assert far == pytest.approx(found - 2000)


def test_the_probability_is_that_of_death_by_the_horizon():
    hazard = Network(torch.nn.Identity(), width=4, dropout=0, outputs=Outputs(n=3))
    cox = Network(torch.nn.Identity(), width=4, dropout=0, outputs=Outputs(has_baseline=True))
    binary = Network(torch.nn.Identity(), width=4, dropout=0)
    cox.log_baseline_hazard.fill_(np.log(0.3))
    logits = torch.tensor([[-2.0, 0.5, 1.0], [0.0, 0.0, 0.0]])
    h = 1 / (1 + np.exp(-logits.numpy().astype(float)))

    assert hazard.probability(logits).numpy() == pytest.approx(1 - np.prod(1 - h, axis=1))
    assert cox.probability(logits[0]).numpy() == pytest.approx(
        1 - np.exp(-0.3) ** np.exp(logits[0].numpy().astype(float))
    )
    assert binary.probability(logits[0]).numpy() == pytest.approx(h[0])


@pytest.mark.parametrize("outputs", [Outputs(n=3), Outputs(has_baseline=True)])
def test_far_predictors_keep_their_order(outputs):
    network = Network(torch.nn.Identity(), width=4, dropout=0, outputs=outputs)
    predictors = torch.linspace(-30, 60, 91)
    logits = predictors if outputs.has_baseline else predictors[:, None].expand(91, 3)

    said = network.probability(logits).numpy()

    assert np.all(np.diff(said) > 0)
    assert 0 < said[0] < 1e-10
    assert 1 - 1e-9 < said[-1] < 1


@pytest.mark.parametrize("loss", FOLLOW_UPS)
def test_everyone_is_learnt_from(cohort, label, loss):
    lessons = fold_lessons(
        cohort.target, cohort.arms, fold_of=cohort.fold_of, section=label, loss=loss
    )

    for fold, part in enumerate(lessons):
        assert part.rows.tolist() == np.flatnonzero(cohort.fold_of != fold).tolist()
        assert np.array_equal(part.follow_up.time_days, cohort.target.time_days[part.rows])
        assert np.array_equal(part.follow_up.arm, cohort.arms[part.rows])


@pytest.mark.parametrize("loss", FOLLOW_UPS)
def test_a_network_of_every_loss_goes_on_after_a_pause(search, backbone, label, tmp_path, loss):
    cohort = draw_cohort(24, n_folds=2)
    section = backbone.model_copy(update={"loss": loss, "training": "frozen_trunk"})
    plan = plan_training(search, section, seed=3)
    configuration = draw_configurations(search, section, 3)[0]

    def start():
        return start_crossvalidation(
            configuration,
            crops=network_inputs("resnet18", cohort.crops, plan=plan),
            fold_of=cohort.fold_of,
            lessons=fold_lessons(
                cohort.target, cohort.arms, fold_of=cohort.fold_of, section=label, loss=loss
            ),
            plan=plan,
        )

    whole, resumed = start(), start()
    whole.train_epoch()
    whole.save(tmp_path / "half", to_continue=True)
    resumed.load(tmp_path / "half", epochs_done=1)
    paused = whole.scores()
    assert np.array_equal(resumed.scores(), paused)
    assert whole.train_epoch() == resumed.train_epoch()
    assert np.array_equal(whole.scores(), resumed.scores())


@pytest.mark.parametrize("loss", FOLLOW_UPS)
@pytest.mark.parametrize("training", ["frozen_trunk", "fine_tune"])
def test_a_refit_is_served_with_its_loss(search, backbone, label, tmp_path, loss, training):
    cohort = draw_cohort(24, n_folds=2)
    section = backbone.model_copy(update={"loss": loss, "training": training})
    plan = plan_training(search.model_copy(update={"rungs": (1,)}), section, seed=3)

    card = refit(
        cohort,
        draw_configurations(search, section, 3)[0],
        label=label,
        plan=plan,
        imaging_hash="",
        channels=(),
        folder=tmp_path,
    )
    loaded = load_network(tmp_path, device=torch.device("cpu"))
    said = predict(loaded.network, cohort.crops).probability

    assert card.loss == loaded.card.loss == loss
    assert np.all((said > 0) & (said < 1))
    assert len(set(said)) == 24
    if loss == "cox":
        assert loaded.network.log_baseline_hazard != 0


def test_a_binary_network_holds_what_it_always_held(backbone):
    network, _ = build_network("resnet18", dropout=0, section=backbone, seed=1)

    assert network.head.weight.shape == (1, 512)
    assert "log_baseline_hazard" not in network.state_dict()


@pytest.mark.parametrize("loss", FOLLOW_UPS)
def test_what_a_loss_has_no_use_for_is_said(backbone, search, label, loss):
    section = backbone.model_copy(update={"loss": loss})

    assert loss_adaptations(backbone, search, label) == ()
    assert [found.asked for found in loss_adaptations(section, search, label)] == [
        "patients of unknown label: ipcw",
        "label smoothing",
    ]


@pytest.mark.parametrize("loss", ["binary", *FOLLOW_UPS])
def test_one_label_only_names_fold_and_arms(label, loss):
    target = SurvivalTarget.of([100.0, 200.0, 2000.0, 300.0, 400.0, 500.0], [1, 1, 0, 1, 0, 0])
    arms = np.array(["tace", "tace", "tace", "tace", "hepatectomy", "hepatectomy"])
    fold_of = np.array([0, 0, 1, 0, 0, 1])

    with pytest.raises(FitFailed) as found:
        fold_lessons(target, arms, fold_of=fold_of, section=label, loss=loss)

    text = str(found.value)
    assert "the network of fold 1 of 2 learns from, 1 are labelled" in text
    assert "hepatectomy: 0 of high risk, 0 of low, 1 of unknown; tace: 0 of high risk, 1" in text
