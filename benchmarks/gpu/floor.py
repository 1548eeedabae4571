"""The floor of a training step, and armwise's own: with torch, torchvision and numpy alone.

The floor is forward, backward and the same optimizer's step of the same network on one batch that
lies in memory already. armwise's step is `components.networks.steps`, as training runs it: crops
drawn by the batch, augmentation, learning rates, weighted loss, losses kept.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from components.networks.backbones import build_network
from components.networks.crops import Crops
from components.networks.network import Network
from components.networks.steps import (
    Stepper,
    epoch_norms,
    forget_batch_statistics,
    make_optimizer,
    split_at_random,
    train_steps,
)


@dataclass(frozen=True)
class Changes:
    """Augmentation as the protocols have it."""

    flip: bool = True
    rotation_degrees: float = 15
    scale: float = 0.1
    shift: float = 0.1
    gain: float = 0.1
    offset: float = 0.1
    phase_dropout: float = 0.0


@dataclass(frozen=True)
class RandomStart:
    """What `build_network` reads of a protocol's section, without the library that checks it."""

    weights: str = "random"
    loss: str = "binary"
    frozen_stages: int = 0

    @property
    def feature_layers(self) -> dict[str, object]:
        """None is named."""
        return {}


@dataclass(frozen=True)
class Task:
    """What is trained on, and how."""

    backbone: str
    px: int
    batch_size: int
    n_batches: int
    device: str
    mixed_precision: bool
    compiled: bool = False

    @property
    def n(self) -> int:
        """Patients of an epoch."""
        return self.batch_size * self.n_batches


def start(task: Task, seed: int = 0) -> tuple[Network, torch.optim.AdamW]:
    """A network before its first step, and its optimizer."""
    network, _ = build_network(task.backbone, dropout=0.2, section=RandomStart(), seed=seed)
    network.to(task.device, memory_format=torch.channels_last).train()
    return network, make_optimizer(network, learning_rate=1e-3, weight_decay=1e-3)


def floor_epoch(task: Task) -> Callable[[], None]:
    """A call that makes an epoch's number of bare steps."""
    network, optimizer = start(task)
    model = torch.compile(network) if task.compiled else network
    images = torch.randn(task.batch_size, 3, task.px, task.px, device=task.device)
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.arange(task.batch_size, device=task.device) % 2 * 1.0

    def epoch() -> None:
        for _ in range(task.n_batches):
            with torch.autocast(task.device, torch.bfloat16, enabled=task.mixed_precision):
                logits, _ = model(images)
            loss = functional.binary_cross_entropy_with_logits(logits, labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        synchronize(task.device)

    return epoch


def armwise_epoch(task: Task) -> Callable[[], None]:
    """A call that trains an epoch as armwise does."""
    network, optimizer = start(task)
    rng = np.random.default_rng(0)
    images = rng.standard_normal((task.n, 3, task.px, task.px), dtype=np.float32)
    crops, labels = Crops(images, torch.device(task.device)), rng.integers(0, 2, task.n) * 1.0
    weights = rng.uniform(0.5, 1.5, task.n)

    def loss(logits: torch.Tensor, rows: np.ndarray) -> torch.Tensor:
        both = (torch.from_numpy(values[rows]) for values in (labels, weights))
        truth, weight = (one.to(logits, non_blocking=True) for one in both)
        each = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
        return (weight * each).mean()

    # Compiled code holds momentum as a constant, and would be compiled again at every step.
    norms = () if task.compiled else epoch_norms(network)
    stepper = Stepper(
        network=torch.compile(network) if task.compiled else network,
        optimizer=optimizer,
        draw=crops.draw,
        loss=loss,
        changes=Changes(),
        device=task.device,
        mixed_precision=task.mixed_precision,
        norms=norms,
    )

    def epoch() -> None:
        batches = split_at_random(task.n, task.batch_size)
        forget_batch_statistics(stepper)
        float(train_steps(stepper, batches, [1e-3] * len(batches)))

    return epoch


def synchronize(device: str) -> None:
    """Wait until a GPU has done what it was given."""
    if device == "cuda":
        torch.cuda.synchronize()


def interleaved(
    calls: dict[str, Callable[[], object]], *, rounds: int, clock: Callable[[], float]
) -> dict[str, list[float]]:
    """Seconds of each call in each of some rounds, in turn, after one that does not count."""
    for call in calls.values():
        call()
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds):
        # Who goes first changes, so that what drifts on the machine favours nobody.
        order = list(calls.items())[:: 1 if number % 2 else -1]
        for name, call in order:
            began = clock()
            call()
            taken[name].append(clock() - began)
    return taken


def wall_clock() -> float:
    """Seconds as they pass."""
    return time.perf_counter()
