"""A trained network as a folder: `weights.safetensors` beside `network.json`."""

from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import ValidationError

from components.errors import IntegrityError
from components.networks.device import pick_device
from components.networks.network import Network
from components.networks.records import NetworkCard
from components.networks.weights import load_network_weights
from components.study.results import ArtifactRef

CARD_FILE = "network.json"
WEIGHTS_FILE = "weights.safetensors"


@dataclass(frozen=True, eq=False)
class LoadedNetwork:
    """A network ready to be asked, and its card."""

    network: Network
    card: NetworkCard


def load_network(folder: Path, *, device: torch.device | None = None) -> LoadedNetwork:
    """The network of a bundle, once its weights are known to be the recorded ones.

    Raises:
        IntegrityError: A file is missing, of an unknown schema, or not as recorded.
    """
    card = _read_card(folder / CARD_FILE)
    path = folder / WEIGHTS_FILE
    size = path.stat().st_size if path.is_file() else 0
    ArtifactRef(path=str(path), sha256=card.weights_sha256, n_bytes=size).verified()
    network = load_network_weights(
        path,
        backbone=card.configuration.backbone,
        dropout=card.configuration.dropout,
        device=device or pick_device(),
    )
    width = network.head.in_features
    if width != card.width:
        msg = (
            f"{path}: expected {card.width} features at {card.feature_layer}, as {CARD_FILE} says, "
            f"the weights have {width}; delete {folder} and retrain"
        )
        raise IntegrityError(msg)
    return LoadedNetwork(network, card)


def _read_card(path: Path) -> NetworkCard:
    try:
        return NetworkCard.from_json(path.read_bytes())
    except FileNotFoundError:
        msg = f"expected {path}, found none; is {path.parent} a network of armwise?"
        raise IntegrityError(msg) from None
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, fault["loc"])) for fault in error.errors())
        msg = f"{path}: expected a card of schema armwise.network/1; missing or wrong: {fields}"
        raise IntegrityError(msg) from None
