"""What a network starts from: weights of a file, checked before anything of them is used."""

import logging
import pickle
import re
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from components.errors import IntegrityError, UsageError
from components.networks.weight_files import StartingWeights, checked_digest, starting_weights

if TYPE_CHECKING:
    from components.study.protocol.backbone import BackboneSection

_LOGGER = logging.getLogger(__name__)

RANDOM = "random"

_OLD_DENSENET_KEY = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)")
"""torchvision's DenseNet file writes `norm.1.weight` where its network says `norm1.weight`."""

_CLASSIFIER_KEY = re.compile(r"(fc|classifier)\.")

_SOURCE = "https://download.pytorch.org/models/"
_PATIENCE_S = 20.0


def load_weights(network: nn.Module, weights: StartingWeights) -> str:
    """Load a file into a torchvision network.

    A file that already lies in torch's cache is never checked by torchvision. Here its SHA-256
    must begin with the expected digits, it is read without running pickled code, and its keys and
    shapes must be the network's. A study's own file may lack the classifier, or hold one of other
    classes: armwise puts its own in the place.

    Returns:
        The file's name and SHA-256, for the record.

    Raises:
        UsageError: The file is missing.
        IntegrityError: It has other bytes than expected, holds code, or is of another network.
    """
    fetch_missing(weights)
    digest = checked_digest(weights)
    state = {_OLD_DENSENET_KEY.sub(r"\1\2", k): value for k, value in _read_state(weights).items()}
    expected = network.state_dict()
    if not weights.is_imagenet:
        state, expected = _without_classifier(state), _without_classifier(expected)
    # Files older than PyTorch 0.4.1 hold no batch counters, and nothing is computed from them.
    missing = {key for key in expected.keys() - state.keys() if "num_batches" not in key}
    unfit = missing | {
        key
        for key, value in state.items()
        if key not in expected or value.shape != expected[key].shape
    }
    if unfit:
        msg = (
            f"{weights.path}: expected the weights of {type(network).__name__}, {len(unfit)} "
            f"entries are missing or of another shape, for example {min(unfit)}; {weights.remedy}"
        )
        raise IntegrityError(msg)
    network.load_state_dict(state, strict=False)
    return f"{weights.path.name} (sha256 {digest})"


def prepare_weights(section: "BackboneSection", backbones: Iterable[str]) -> None:
    """Make sure, before anything is trained, that every backbone's file is there and the right one.

    Raises:
        UsageError: A file is missing.
        IntegrityError: A file has other bytes than expected.
    """
    for backbone in backbones:
        weights = starting_weights(section, backbone)
        if weights is not None:
            fetch_missing(weights)
            checked_digest(weights)


def fetch_missing(weights: StartingWeights) -> None:
    """Let torchvision's own loading fetch an ImageNet file that its cache lacks.

    Only into torch's cache, from torchvision's own address; a folder that the protocol names is
    the user's. What comes must have the digits of its name.

    Raises:
        UsageError: The file is missing, and its source cannot be reached.
        IntegrityError: What came is another file.
    """
    if not weights.is_cached or weights.path.exists():
        return
    url = _SOURCE + weights.path.name
    _LOGGER.warning("%s is missing; fetching it from %s", weights.path, url)
    weights.path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with _socket_timeout(_PATIENCE_S):
            torch.hub.download_url_to_file(
                url, str(weights.path), hash_prefix=weights.digits, progress=False
            )
    except OSError as error:
        msg = (
            f"expected ImageNet weights at {weights.path}, found none, and {url} cannot be "
            f"reached ({type(error).__name__}); {weights.remedy}"
        )
        raise UsageError(msg) from None
    except RuntimeError:
        msg = f"{url}: expected a SHA-256 that begins with {weights.digits}, another file came"
        raise IntegrityError(msg) from None


@contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    """A firewall that drops packets must not hold a run for minutes."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _without_classifier(state: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in state.items() if not _CLASSIFIER_KEY.match(key)}


def _read_state(weights: StartingWeights) -> dict[str, Any]:
    try:
        state = torch.load(weights.path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        msg = (
            f"{weights.path}: expected a file of weights and nothing else, it cannot be read as "
            f"one ({type(error).__name__}); {weights.remedy}"
        )
        raise IntegrityError(msg) from None
    if not isinstance(state, dict) or not all(torch.is_tensor(v) for v in state.values()):
        msg = (
            f"{weights.path}: expected a table of tensors by name, came {type(state).__name__} of "
            f"other things; {weights.remedy}"
        )
        raise IntegrityError(msg)
    return state
