"""Drawing the configurations that a search tries."""

import math

import numpy as np

from components.networks.records import Configuration
from components.study.protocol.backbone import BackboneSection
from components.study.protocol.search import SearchSection
from components.study.randomness import step_seed


def draw_configurations(
    search: SearchSection, backbone: BackboneSection, seed: int
) -> tuple[Configuration, ...]:
    """`search.configurations` draws for each backbone, all of them before anything is trained.

    Each backbone has its own stream, so that leaving one out changes no other's. Learning rate and
    weight decay are uniform on the log scale, dropout and label smoothing on their own.
    """
    return tuple(
        _draw(name, number, search, rng)
        for name in backbone.names
        for rng in [np.random.default_rng(step_seed(seed, f"configurations of {name}"))]
        for number in range(search.configurations)
    )


def _draw(name: str, number: int, search: SearchSection, rng: np.random.Generator) -> Configuration:
    space = search.space
    return Configuration(
        backbone=name,
        number=number,
        learning_rate=_log_uniform(space.learning_rate, rng),
        weight_decay=_log_uniform(space.weight_decay, rng),
        dropout=float(rng.uniform(*space.dropout)),
        label_smoothing=float(rng.uniform(*space.label_smoothing)),
    )


def _log_uniform(limits: tuple[float, float], rng: np.random.Generator) -> float:
    low, high = (math.log(limit) for limit in limits)
    return math.exp(rng.uniform(low, high))
