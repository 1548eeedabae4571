"""Weights on disk: safetensors, float32, nothing that runs code when read."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from components.errors import IntegrityError, UsageError
from components.networks.backbones import empty_network, stored_layer
from components.networks.network import Network, Outputs
from components.study.files import written_whole


def save_tensors(tensors: dict[str, Tensor], path: Path) -> None:
    """Write tensors so that the file is there as a whole or not at all."""
    plain = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    with written_whole(path) as partial:
        save_file(plain, partial)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a file.

    Raises:
        IntegrityError: The file is missing or damaged.
    """
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except (FileNotFoundError, SafetensorError) as error:
        msg = f"{path} cannot be read as weights ({type(error).__name__}); delete it and retrain"
        raise IntegrityError(msg) from None
    return tensors


def save_network(network: Network, path: Path) -> None:
    """Write a network's weights and batch statistics."""
    save_tensors(network.state_dict(), path)


def load_network_weights(
    path: Path, *, backbone: str, dropout: float, device: torch.device
) -> Network:
    """The network whose weights a file holds, ready to be asked.

    Raises:
        IntegrityError: The file is missing, damaged, or of another network.
    """
    state = read_tensors(path)
    try:
        network = empty_network(
            backbone,
            dropout=dropout,
            outputs=Outputs.stored(state),
            ends_at=stored_layer(backbone, state),
        )
        network.load_state_dict(state, assign=True)
    except (RuntimeError, UsageError):
        msg = f"{path}: expected the weights of a {backbone}, it holds another network's"
        raise IntegrityError(msg) from None
    return network.to(device, memory_format=torch.channels_last).eval()  # type: ignore[no-any-return, call-overload]  # torch's stubs lack this pair
