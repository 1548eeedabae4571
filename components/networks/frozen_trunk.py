"""Networks whose trunk stays as it came and whose head alone is trained.

A small cohort moves millions of weights further than it can justify; 500 to 2,000 of a head on
features of a trained trunk it can carry (10.48550/arXiv.1411.1792). The trunk is one for all
networks of a backbone, so its features are computed once (`trunk_features`), and what is trained is
a `Network` without a trunk that takes them as maps of one pixel.
"""

import functools
from collections.abc import Iterable, Iterator

import torch
from torch import nn

from components.networks.backbones import build_network, feature_layer
from components.networks.device import seed_of
from components.networks.initialization import RANDOM
from components.networks.network import Network, Outputs
from components.networks.weight_files import StartingWeights, checked_digest, starting_weights
from components.study.protocol.backbone import BackboneSection
from components.study.results import Adaptation


def is_frozen(section: BackboneSection) -> bool:
    """Whether the heads alone are trained."""
    return section.training == "frozen_trunk"


def trunk_network(backbone: str, *, section: BackboneSection, seed: int) -> tuple[Network, str]:
    """The network whose trunk all networks of a backbone share, and what its weights are.

    Where the weights are random they are drawn from the study's seed and the backbone's name.
    Batch norm uses the statistics that came with the weights: those of a batch would let patients
    who are to be scored change the features of others.

    Raises:
        UsageError: A weights file is missing.
        IntegrityError: A weights file is not what it should be.
    """
    drawn = seed_of(seed, f"frozen trunk of {backbone}")
    network, origin = build_network(backbone, dropout=0.0, section=section, seed=drawn)
    return network.eval(), origin


def head_network(
    name: str, *, dropout: float, section: BackboneSection, seed: int
) -> tuple[Network, str]:
    """As `build_network`, of dropout and head alone; its images are features (B, F, 1, 1).

    Raises:
        UsageError: A weights file is missing.
        IntegrityError: A weights file is not what it should be.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        head = Network(
            nn.Identity(),
            width=feature_layer(section, name).width,
            dropout=dropout,
            outputs=Outputs.of(section),
        )
    weights = starting_weights(section, name)
    return head, f"{RANDOM if weights is None else _described(weights)}, trunk frozen"


@functools.lru_cache
def _described(weights: StartingWeights) -> str:
    """As `load_weights` describes a file; every fold of every trial asks."""
    return f"{weights.path.name} (sha256 {checked_digest(weights)})"


def whole_networks(
    networks: Iterable[Network], backbone: str, *, section: BackboneSection, seed: int
) -> Iterator[Network]:
    """Networks in training as they are saved and served: each with the trunk that they share.

    Heads are put one after the other into one trunk: use up each before the next.

    Raises:
        UsageError: A weights file is missing.
        IntegrityError: A weights file is not what it should be.
    """
    if not is_frozen(section):
        yield from networks
        return
    trunk, _ = trunk_network(backbone, section=section, seed=seed)
    for network in networks:
        trunk.load_state_dict(network.state_dict(), strict=False)
        yield trunk


def frozen_adaptations(section: BackboneSection) -> tuple[Adaptation, ...]:
    """What is to be said of a trunk that stays as it came."""
    if not is_frozen(section):
        return ()
    found = []
    if section.weights == "random":
        found.append(
            Adaptation(
                step="search",
                asked="heads trained on a frozen trunk",
                done="the trunk's weights are random",
                why="backbone.weights is random: no image has taught this trunk anything; name "
                "ImageNet's or a file's weights",
            )
        )
    if section.augment:
        found.append(
            Adaptation(
                step="search",
                asked="augmentation of the images",
                done="none",
                why="a frozen trunk's features are computed once, from the images as they are",
            )
        )
    return tuple(found)
