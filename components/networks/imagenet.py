"""ImageNet weights from torchvision's own files, checked before anything of them is used."""

import pickle
import re
from pathlib import Path
from typing import Any

import torch
from torch import nn

from components.errors import IntegrityError
from components.networks.weight_files import checked_digest, weights_path

_OLD_DENSENET_KEY = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)")
"""torchvision's DenseNet file writes `norm.1.weight` where its network says `norm1.weight`."""


def load_imagenet(network: nn.Module, file_name: str, *, weights_dir: str | None) -> str:
    """Load a torchvision file such as `resnet18-f37072fd.pth` into a torchvision network.

    A file that already lies in torch's cache is never checked by torchvision. Here its SHA-256
    must begin with the digits of its name, it is read without running pickled code, and its keys
    and shapes must be the network's.

    Returns:
        The file's name and SHA-256, for the record.

    Raises:
        UsageError: The file is missing.
        IntegrityError: It has other bytes than its name says, holds code, or is of another network.
    """
    path = weights_path(file_name, weights_dir)
    digest = checked_digest(path)
    state = _read_state(path)
    state = {_OLD_DENSENET_KEY.sub(r"\1\2", key): value for key, value in state.items()}
    expected = network.state_dict()
    # Files older than PyTorch 0.4.1 hold no batch counters, and nothing is computed from them.
    missing = {key for key in expected.keys() - state.keys() if "num_batches" not in key}
    unfit = missing | {
        key
        for key, value in state.items()
        if key not in expected or value.shape != expected[key].shape
    }
    if unfit:
        msg = (
            f"{path}: expected the weights of {type(network).__name__}, {len(unfit)} entries are "
            f"missing or of another shape, for example {min(unfit)}; put torchvision's file there"
        )
        raise IntegrityError(msg)
    network.load_state_dict(state, strict=False)
    return f"{file_name} (sha256 {digest})"


def _read_state(path: Path) -> dict[str, Any]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        msg = (
            f"{path}: expected a file of weights and nothing else, it cannot be read as one "
            f"({type(error).__name__}); put torchvision's file there"
        )
        raise IntegrityError(msg) from None
    if not isinstance(state, dict) or not all(torch.is_tensor(v) for v in state.values()):
        msg = f"{path}: expected a table of tensors, came {type(state).__name__}"
        raise IntegrityError(msg)
    return state
