"""The steps of training a network: all that costs time, with torch and numpy alone.

Shapes: B patients of a batch, C channels, H and W pixels.
"""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from components.errors import PlatformError
from components.networks.augmentation import Changes, augment
from components.networks.network import Network

_LOGGER = logging.getLogger(__name__)

_SMALLEST_PART = 2
"""Batch norm refuses a single image of one pixel."""

Rows = NDArray[np.int64]


@dataclass(eq=False)
class Stepper:
    """What a step of training needs.

    `draw` gives the images (B, C, H, W) of some numbers of the lesson's patients, `loss` their mean
    loss from logits. `part_size` is the number of images that the device's memory was found to hold
    at once; None where whole batches fit. `norms` keep the plain mean of the statistics of the
    `n_forwards` passes since they were last reset.
    """

    network: Network
    optimizer: torch.optim.AdamW
    draw: Callable[[Rows], Tensor]
    loss: Callable[[Tensor, Rows], Tensor]
    changes: Changes | None
    device: str
    mixed_precision: bool
    part_size: int | None = None
    norms: tuple[nn.BatchNorm2d, ...] = ()
    n_forwards: int = 0


def make_optimizer(
    network: Network, *, learning_rate: float, weight_decay: float, stage_rate_decay: float = 1.0
) -> torch.optim.AdamW:
    """AdamW (10.48550/arXiv.1711.05101) over what of a network is trained.

    A stage's rate is `stage_rate_decay` times that of the stage after it; the head has the whole
    (10.48550/arXiv.1801.06146). Biases and normalization do not shrink, for it regularizes nothing
    (10.48550/arXiv.1812.01187).
    """
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for depth, parameter in network.parameters_by_depth():
        share = stage_rate_decay**depth
        groups.setdefault((share, parameter.ndim > 1), []).append(parameter)
    ordered = sorted(groups.items(), key=lambda group: group[0], reverse=True)
    described: list[dict[str, Any]] = [
        {"params": found, "rate_share": share, "weight_decay": weight_decay if shrinks else 0.0}
        for (share, shrinks), found in ordered
    ]
    return torch.optim.AdamW(described, lr=learning_rate, fused=True)


def train_steps(stepper: Stepper, batches: Sequence[Rows], rates: Sequence[float]) -> Tensor:
    """A step for each batch with its learning rate; the mean loss of a patient, on the device.

    Nothing in between waits for the device.
    """
    total = torch.zeros((), device=stepper.device, dtype=torch.float64)
    for batch, rate in zip(batches, rates, strict=True):
        for group in stepper.optimizer.param_groups:
            group["lr"] = rate * group["rate_share"]
        total += _step(stepper, batch) * len(batch)
    return total / sum(map(len, batches))


def _step(stepper: Stepper, batch: Rows) -> Tensor:
    """One step of the optimizer, in as many parts as memory needs; the batch's mean loss."""
    while True:
        try:
            return _attempt(stepper, batch)
        except torch.OutOfMemoryError:
            # Once this block is left the exception is gone, and with it what its frames hold.
            size = min(stepper.part_size or len(batch), len(batch))
        _use_smaller_parts(stepper, size)


def _use_smaller_parts(stepper: Stepper, size: int) -> None:
    """Halve the parts of a batch.

    Raises:
        PlatformError: They cannot be smaller.
    """
    stepper.optimizer.zero_grad(set_to_none=True)
    if stepper.device == "cuda":
        torch.cuda.empty_cache()
    if size < 2 * _SMALLEST_PART:
        msg = (
            f"the {stepper.device} has too little free memory to train on {size} images; let fewer "
            "trials share it (search.gpus_per_trial), or make imaging.crop_px smaller"
        )
        raise PlatformError(msg)
    stepper.part_size = math.ceil(size / 2)
    forget_batch_statistics(stepper)  # some layers have seen the batch that did not fit
    _LOGGER.warning(
        "out of memory with %d images at once: from here on %d at a time, gradients accumulated; "
        "batch norm sees as many",
        size,
        stepper.part_size,
    )


def _attempt(stepper: Stepper, batch: Rows) -> Tensor:
    """One step; gradients of parts add up to that of the batch's mean loss."""
    losses: list[Tensor] = []
    for part in _parts(batch, stepper.part_size):
        loss = _loss(stepper, part)
        if len(part) < len(batch):
            loss = loss * (len(part) / len(batch))
        if not losses:
            # No earlier: what the old gradients leave is at once taken by the new ones.
            stepper.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        losses.append(loss.detach())
    stepper.optimizer.step()
    return losses[0] if len(losses) == 1 else torch.stack(losses).sum()


def _loss(stepper: Stepper, part: Rows) -> Tensor:
    images = stepper.draw(part)
    if stepper.changes is not None:
        images = augment(images, stepper.changes).contiguous(memory_format=torch.channels_last)
    _count_pass(stepper)
    with torch.autocast(stepper.device, torch.bfloat16, enabled=stepper.mixed_precision):
        logits, _ = stepper.network(images)
    return stepper.loss(logits, part)


def _parts(batch: Rows, size: int | None) -> list[Rows]:
    """The batch in parts of nearly equal size, none of one patient."""
    if size is None or size >= len(batch):
        return [batch]
    n_parts = max(1, min(math.ceil(len(batch) / size), len(batch) // _SMALLEST_PART))
    return np.array_split(batch, n_parts)


def split_at_random(n: int, batch_size: int) -> list[Rows]:
    """Random batches of nearly equal size; none of one patient, whom batch norm cannot take."""
    n_batches = max(1, min(math.ceil(n / batch_size), n // _SMALLEST_PART))
    return np.array_split(torch.randperm(n).numpy(), n_batches)


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


def epoch_norms(network: nn.Module) -> tuple[nn.BatchNorm2d, ...]:
    """The batch norm of a network in training; that of frozen stages keeps what it has."""
    layers = (layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d))
    return tuple(layer for layer in layers if layer.training)


def forget_batch_statistics(stepper: Stepper) -> None:
    """Let the means and variances kept by batch norm be those of the coming passes alone.

    The usual running mean still holds a third of its starting values after ten batches, and an
    epoch of a small cohort has no more: at the early rungs every figure suffers from it.
    """
    stepper.n_forwards = 0
    for layer in stepper.norms:
        layer.reset_running_stats()


def _count_pass(stepper: Stepper) -> None:
    """Give the coming pass its share in the kept statistics.

    torch's own `momentum=None` does the same and waits for the GPU at every layer to count.
    """
    stepper.n_forwards += 1
    for layer in stepper.norms:
        layer.momentum = 1 / stepper.n_forwards
