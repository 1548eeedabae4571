"""Early stopping on patients held back from a fold's own training part.

The patients whom a network will score never say when it has learnt enough: that would be a choice
by the very figure that is reported. Training goes on to the end of the schedule, rung by rung with
the other folds, and the weights that count are those after the epoch that suited the held back best
(Prechelt 1998, 10.1007/3-540-49430-8_3).
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
from torch import Tensor

from components.errors import FitFailed
from components.networks.crops import Crops
from components.networks.labels import Lesson
from components.networks.losses import batch_loss, lesson_logits
from components.networks.network import Network
from components.survival.target import IntArray


@dataclass(eq=False)
class Stopping:
    """The patients held back, and the best epoch so far: its loss, number (from 1) and weights."""

    held_back: Lesson
    loss: float = math.inf
    epoch: int = 0
    weights: dict[str, Tensor] = field(default_factory=dict)


def split_lesson(whole: Lesson, *, share: float, seed: int) -> tuple[Lesson, Lesson]:
    """A lesson without the patients held back from it, and these.

    The share is held back of each arm and label, as far as whole patients allow.

    Args:
        whole: Of one fold's network.
        share: To hold back.
        seed: Of the draw; the same for all configurations, so that they are held against the same.

    Raises:
        FitFailed: One of the two would have patients of one label only.
    """
    rng = np.random.default_rng(seed)
    order = np.lexsort((rng.random(len(whole.rows)), whole.labels, whole.arms))
    steps = np.floor(rng.random() + share * np.arange(len(order) + 1))
    is_held = np.zeros(len(order), dtype=np.bool_)
    is_held[order] = np.diff(steps) > 0
    taught, held_back = (_part(whole, np.flatnonzero(mask)) for mask in (~is_held, is_held))
    for part, name in ((taught, "learnt from"), (held_back, "held back")):
        high, low = (int(np.sum(part.labels == label)) for label in (1, 0))
        if not high or not low:
            msg = (
                f"backbone.inner_share {share:g}: expected patients of high and of low risk among "
                f"the {len(part.rows)} {name}, came {high} and {low}; choose another share, fewer "
                "folds, or backbone.stopping: fixed_epochs"
            )
            raise FitFailed(msg)
    return taught, held_back


def _part(whole: Lesson, places: IntArray) -> Lesson:
    weights = whole.weights[places]
    return replace(
        whole,
        rows=whole.rows[places],
        labels=whole.labels[places],
        weights=weights / weights.mean(),
        arms=whole.arms[places],
        follow_up=None if whole.follow_up is None else whole.follow_up.of(places),
    )


def look(
    stopping: Stopping, network: Network, crops: Crops, *, epoch: int, mixed_precision: bool
) -> None:
    """Keep the network's weights if no earlier epoch's suited the held back patients better.

    Their loss is that of training, without label smoothing and without dropout. A loss that is not
    a number is never the best.
    """
    held_back = stopping.held_back
    logits = lesson_logits(network, held_back, crops, mixed_precision=mixed_precision)
    everyone = np.arange(len(held_back.rows))
    loss = float(batch_loss(logits, held_back, everyone, smoothing=0.0))
    if loss < stopping.loss:
        stopping.loss, stopping.epoch = loss, epoch
        stopping.weights = {key: value.clone() for key, value in network.state_dict().items()}


@contextmanager
def best_weights(network: Network, stopping: Stopping | None) -> Iterator[Network]:
    """The network with the weights that count, within the block; those in training come back."""
    if stopping is None or not stopping.weights:
        yield network
        return
    training = {key: value.clone() for key, value in network.state_dict().items()}
    network.load_state_dict(stopping.weights)
    try:
        yield network
    finally:
        network.load_state_dict(training)


def each_at_its_best(
    networks: Iterable[tuple[Network, Stopping | None]],
) -> Iterator[Network]:
    """One network after the other with the weights that count, until the next is asked for."""
    for network, stopping in networks:
        with best_weights(network, stopping) as found:
            yield found


def refit_epochs(stopped: Sequence[int], *, total: int) -> int:
    """How long the refit is trained: the median of the epochs at which the folds' networks count.

    It has nobody to hold back, and runs along the schedule of the whole training up to there. An
    even number of folds takes the later one's. Without early stopping: the whole training.
    """
    return sorted(stopped)[len(stopped) // 2] if stopped else total
