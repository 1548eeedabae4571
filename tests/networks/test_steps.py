import copy
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from components.errors import PlatformError
from components.networks import steps
from components.networks.backbones import build_network
from components.networks.crops import Crops
from components.networks.crossvalidation import start_crossvalidation
from components.networks.labels import fold_lessons, lesson
from components.networks.losses import weighted_loss
from components.networks.network import Network
from components.networks.records import Configuration
from components.networks.steps import Stepper, make_optimizer, train_steps
from components.networks.training import plan_training, start_learner, train_epoch
from tests.networks.conftest import draw_cohort

CPU = torch.device("cpu")
CONFIGURATION = Configuration(
    backbone="resnet18",
    number=0,
    learning_rate=2e-3,
    weight_decay=1e-3,
    dropout=0.0,
    label_smoothing=0.0,
)


class Thin(nn.Module):
    """A trunk without batch norm, whose gradients of parts add up exactly."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, images):
        return torch.relu(self.conv(images))


def thin_stepper(seed=0, n=12):
    torch.manual_seed(seed)
    network = Network(Thin(), width=4, dropout=0.0, stages=(("conv",),))
    images, labels = torch.randn(n, 3, 8, 8), torch.arange(n) % 2 * 1.0
    weights = torch.rand(n) + 0.5

    def loss(logits, rows):
        return weighted_loss(logits, labels[rows], weights[rows], smoothing=0.1)

    return Stepper(
        network=network,
        optimizer=make_optimizer(network, learning_rate=1e-2, weight_decay=1e-2),
        draw=lambda rows: images[rows],
        loss=loss,
        changes=None,
        device="cpu",
        mixed_precision=False,
    )


def raise_once(stepper, times=1):
    """Let the device run out of memory in the first steps, once a batch is on its way."""
    draw, left = stepper.draw, [times]

    def short_of_memory(rows):
        images = draw(rows)
        if left[0]:
            left[0] -= 1
            raise torch.OutOfMemoryError("injected")
        return images

    stepper.draw = short_of_memory
    return stepper


def test_out_of_memory_halves_the_batch_and_the_step_stays_the_same(caplog):
    batches = [np.arange(6), np.arange(6, 12)]
    whole, halved = thin_stepper(), raise_once(thin_stepper())

    expected = train_steps(whole, batches, [1e-2, 1e-2])
    found = train_steps(halved, batches, [1e-2, 1e-2])

    assert halved.part_size == 3
    assert float(found) == pytest.approx(float(expected), rel=1e-5)
    for one, other in zip(whole.network.parameters(), halved.network.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-5)
    assert "6 images at once: from here on 3 at a time" in caplog.text


def test_parts_are_weighed_by_their_size():
    stepper, batch = thin_stepper(), np.arange(9)
    stepper.part_size = 4
    whole = copy.deepcopy(stepper)
    whole.part_size = None

    losses = [float(steps._attempt(one, batch)) for one in (stepper, whole)]

    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_what_fits_in_no_part_is_an_error_that_says_what_to_do():
    stepper = raise_once(thin_stepper(), times=5)

    with pytest.raises(PlatformError, match=r"memory to train on 3 images; .*gpus_per_trial"):
        train_steps(stepper, [np.arange(12)], [1e-2])


def test_batch_statistics_are_those_since_memory_ran_out():
    torch.manual_seed(1)
    trunk = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    network = Network(trunk, width=4, dropout=0.0, stages=(("0", "1"),))
    seen = []
    trunk[1].register_forward_pre_hook(lambda layer, given: seen.append(given[0].mean((0, 2, 3))))
    stepper = thin_stepper()
    stepper.network, stepper.norms = network, steps.epoch_norms(network)
    stepper.optimizer = make_optimizer(network, learning_rate=1e-3, weight_decay=0.0)
    loss, left = stepper.loss, [1]

    def short_of_memory(logits, rows):
        if left[0]:
            left[0] -= 1
            seen.clear()
            raise torch.OutOfMemoryError("injected")
        return loss(logits, rows)

    stepper.loss = short_of_memory

    train_steps(stepper, [np.arange(8), np.arange(8, 12)], [1e-3, 1e-3])

    assert len(seen) == 3
    assert torch.allclose(trunk[1].running_mean, torch.stack(seen).mean(0), atol=1e-5)


def test_steps_need_torch_torchvision_and_numpy_alone():
    """They are measured on machines that have nothing else, with any Python from 3.11 to 3.13."""
    code = (
        "import sys, benchmarks.gpu.concurrency, benchmarks.gpu.watch;"
        "print(sorted({'pydantic', 'safetensors', 'ray', 'mlflow', 'yaml', 'sklearn', 'rich'}"
        " & set(sys.modules)))"
    )

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "[]"


@pytest.fixture(scope="module")
def plan(search, backbone):
    return plan_training(search, backbone, seed=11)


def test_too_little_memory_stands_in_the_adaptations_of_the_trial(cohort, plan, label, monkeypatch):
    lessons = fold_lessons(cohort.target, cohort.arms, fold_of=cohort.fold_of, section=label)
    crops, left = Crops(cohort.crops, CPU), [1]
    draw = crops.draw

    def short_of_memory(rows):
        if left[0]:
            left[0] -= 1
            raise torch.OutOfMemoryError("injected")
        return draw(rows)

    monkeypatch.setattr(crops, "draw", short_of_memory)
    run = start_crossvalidation(
        CONFIGURATION, crops=crops, fold_of=cohort.fold_of, lessons=lessons, plan=plan
    )

    loss = run.train_epoch()

    assert np.isfinite(loss)
    (said,) = run.adaptations()
    assert said.asked == "batches of 8 for resnet18"
    assert said.done.startswith("gradients accumulated over 4 images at a time; batch norm")


def section_with(plan, **values):
    given = type(plan.section).model_validate(plan.section.model_dump() | values)
    return replace(plan, section=given)


def test_frozen_stages_keep_weights_and_statistics_and_the_rest_learns(plan, label):
    few = draw_cohort(24)
    everyone = lesson(few.target, few.arms, seen=np.ones(24, dtype=bool), section=label)
    frozen = section_with(plan, frozen_stages=3)
    learner = start_learner("frozen", CONFIGURATION, everyone, plan=frozen)
    before = {key: value.clone() for key, value in learner.network.state_dict().items()}

    train_epoch(learner, CONFIGURATION, Crops(few.crops, CPU), plan=frozen)

    moved = {
        key.split(".")[1]
        for key, value in learner.network.state_dict().items()
        if key.startswith("trunk.") and not torch.equal(value, before[key])
    }
    assert moved == {"layer3", "layer4"}
    assert not learner.network.trunk.layer2[0].bn1.training
    assert learner.network.trunk.layer3[0].bn1.training


def test_a_stage_learns_more_slowly_than_the_one_after_it(backbone):
    network, _ = build_network("resnet18", dropout=0, section=backbone, seed=1)

    optimizer = make_optimizer(network, learning_rate=1.0, weight_decay=0.1, stage_rate_decay=0.5)

    share_of = {
        id(parameter): (group["rate_share"], group["weight_decay"])
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    trunk = network.trunk
    assert share_of[id(network.head.weight)] == (1.0, 0.1)
    assert share_of[id(trunk.layer4[0].conv1.weight)] == (0.5, 0.1)
    assert share_of[id(trunk.layer1[0].bn1.weight)] == (0.5**4, 0.0)
    assert share_of[id(trunk.conv1.weight)] == (0.5**5, 0.1)
    assert len(share_of) == len(list(network.parameters()))


def test_one_rate_for_all_needs_two_groups_alone(backbone):
    network, _ = build_network("resnet18", dropout=0, section=backbone, seed=1)

    groups = make_optimizer(network, learning_rate=1.0, weight_decay=0.1).param_groups

    assert [(group["rate_share"], group["weight_decay"]) for group in groups] == [
        (1.0, 0.1),
        (1.0, 0.0),
    ]


def test_a_step_moves_each_group_by_its_own_rate():
    stepper = thin_stepper()
    stepper.optimizer = make_optimizer(
        stepper.network, learning_rate=1.0, weight_decay=0.0, stage_rate_decay=0.1
    )
    before = [p.detach().clone() for p in stepper.network.parameters()]

    train_steps(stepper, [np.arange(12)], [1e-3])

    # Adam's first step is its learning rate, whatever the gradient.
    moved = [
        float((new.detach() - old).abs().max())
        for new, old in zip(stepper.network.parameters(), before, strict=True)
    ]
    assert moved == pytest.approx([1e-4, 1e-4, 1e-3, 1e-3], rel=1e-2)
