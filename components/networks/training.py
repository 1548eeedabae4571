"""Training one network, an epoch at a time.

Every epoch of every network seeds torch anew, so that a training that is taken up again at an
epoch's end continues exactly as if it had never stopped.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from components.networks.augmentation import augment
from components.networks.backbones import Network, build_network
from components.networks.crops import Crops
from components.networks.device import bfloat16_pays, pick_device, seed_of
from components.networks.features import predict_rows
from components.networks.frozen_trunk import head_network, is_frozen
from components.networks.labels import Lesson
from components.networks.losses import batch_loss, log_baseline_hazard
from components.networks.records import Configuration
from components.study.protocol.backbone import BackboneSection
from components.study.protocol.search import SearchSection
from components.study.results import Adaptation


@dataclass(frozen=True)
class TrainingPlan:
    """What all networks of a search share.

    `mixed_precision` is what is really done on `device`, which the section only asks for.
    """

    section: BackboneSection
    total_epochs: int
    seed: int
    n_threads: int
    device: str
    mixed_precision: bool


def plan_training(search: SearchSection, backbone: BackboneSection, *, seed: int) -> TrainingPlan:
    """The plan of a protocol on this machine.

    bfloat16 is used where it is asked for and the device computes with it.
    """
    device = pick_device() if search.gpus_per_trial > 0 else torch.device("cpu")
    return TrainingPlan(
        section=backbone,
        total_epochs=search.rungs[-1],
        seed=seed,
        n_threads=search.threads_per_trial,
        device=device.type,
        mixed_precision=backbone.mixed_precision and bfloat16_pays(device),
    )


def precision_adaptations(plan: TrainingPlan) -> tuple[Adaptation, ...]:
    """What is to be said where mixed precision was asked for and is not used."""
    if plan.mixed_precision or not plan.section.mixed_precision:
        return ()
    return (
        Adaptation(
            step="search",
            asked="training in mixed precision",
            done="float32",
            why=f"this {plan.device} has no bfloat16 arithmetic; emulated it is slower",
        ),
    )


@dataclass(eq=False)
class Learner:
    """A network in training. `name` seeds its epochs; `epochs_done` counts them."""

    name: str
    network: Network
    optimizer: torch.optim.AdamW
    lesson: Lesson
    initialization: str
    epochs_done: int = 0


def start_learner(
    name: str, configuration: Configuration, lesson: Lesson, *, plan: TrainingPlan
) -> Learner:
    """A network before its first epoch.

    Raises:
        UsageError: The ImageNet file is missing.
        IntegrityError: The ImageNet file is not what it should be.
    """
    seed = seed_of(plan.seed, f"weights of {name}")
    start = head_network if is_frozen(plan.section) else build_network
    network, origin = start(
        configuration.backbone, dropout=configuration.dropout, section=plan.section, seed=seed
    )
    network.to(plan.device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack this pair
    # Shrinking biases and normalization regularizes nothing (10.48550/arXiv.1812.01187).
    parameters = list(network.parameters())
    groups: list[dict[str, Any]] = [
        {"params": [p for p in parameters if p.ndim > 1]},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(
        groups, lr=configuration.learning_rate, weight_decay=configuration.weight_decay, fused=True
    )
    return Learner(name, network, optimizer, lesson, origin)


def train_epoch(
    learner: Learner, configuration: Configuration, crops: Crops, *, plan: TrainingPlan
) -> float:
    """One pass over the learner's lesson; the mean weighted loss, NaN where it diverged.

    Of a patient with several slices an epoch sees one, drawn anew.
    """
    torch.manual_seed(seed_of(plan.seed, f"epoch {learner.epochs_done} of {learner.name}"))
    learner.network.train()
    _forget_batch_statistics(learner.network)
    lesson = learner.lesson
    batches = list(_batches(len(lesson.rows), plan.section.batch_size))
    losses = []
    for step, batch in enumerate(batches):
        progress = learner.epochs_done + step / len(batches)
        rate = learning_rate_at(
            progress,
            peak=configuration.learning_rate,
            warmup_epochs=plan.section.warmup_epochs,
            total_epochs=plan.total_epochs,
        )
        loss = _step(learner, batch, crops, rate=rate, configuration=configuration, plan=plan)
        losses.append(loss * len(batch))
    learner.epochs_done += 1
    learner.optimizer.zero_grad(set_to_none=True)  # the other folds' networks need the memory
    _settle_baseline(learner, crops, plan=plan)
    return float(torch.stack(losses).sum()) / len(lesson.rows)


def _settle_baseline(learner: Learner, crops: Crops, *, plan: TrainingPlan) -> None:
    """Let a network of Cox' likelihood keep the baseline hazard of the patients it learns from."""
    lesson, network = learner.lesson, learner.network
    if network.log_baseline_hazard is None or lesson.follow_up is None:
        return
    said = predict_rows(network, crops, lesson.rows, mixed_precision=plan.mixed_precision)
    with torch.inference_mode():
        features = torch.from_numpy(said.features).to(plan.device)
        predictors = network.head(features).squeeze(1).double().cpu().numpy()
    network.log_baseline_hazard.fill_(log_baseline_hazard(predictors, lesson.follow_up))


def _forget_batch_statistics(network: nn.Module) -> None:
    """Let the means and variances kept by batch norm be those of the coming epoch alone.

    The usual running mean still holds a third of its starting values after ten batches, and an
    epoch of a small cohort has no more: at the early rungs every figure suffers from it.
    """
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = None  # torch then keeps the plain mean over batches since the reset
            layer.reset_running_stats()


def learning_rate_at(
    epochs: float, *, peak: float, warmup_epochs: float, total_epochs: int
) -> float:
    """The learning rate after a (fractional) number of epochs.

    It rises in a line over the warm-up, starting above zero, and falls to zero along half a cosine
    (10.48550/arXiv.1608.03983, without restarts).
    """
    if epochs < warmup_epochs:
        return peak * (0.1 + 0.9 * epochs / warmup_epochs)
    share = (epochs - warmup_epochs) / max(total_epochs - warmup_epochs, 1e-9)
    return peak * 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))


def _batches(n: int, batch_size: int) -> Iterator[NDArray[np.int64]]:
    """Random batches of nearly equal size; none of one patient, whom batch norm cannot take."""
    n_batches = max(1, min(math.ceil(n / batch_size), n // 2))
    yield from np.array_split(torch.randperm(n).numpy(), n_batches)


def _step(
    learner: Learner,
    batch: NDArray[np.int64],
    crops: Crops,
    *,
    rate: float,
    configuration: Configuration,
    plan: TrainingPlan,
) -> Tensor:
    """One optimizer step; the loss, left on the device so that a GPU need not wait for it."""
    for group in learner.optimizer.param_groups:
        group["lr"] = rate
    images = crops.draw(learner.lesson.rows[batch])
    if plan.section.augment is not None and not is_frozen(plan.section):
        images = augment(images, plan.section.augment).contiguous(memory_format=torch.channels_last)
    with torch.autocast(plan.device, dtype=torch.bfloat16, enabled=plan.mixed_precision):
        logits, _ = learner.network(images)
    loss = batch_loss(logits, learner.lesson, batch, smoothing=configuration.label_smoothing)
    learner.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    learner.optimizer.step()
    return loss.detach()
