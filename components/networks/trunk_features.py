"""Features of a frozen trunk, computed once for a backbone and kept by content."""

import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from components.errors import IntegrityError
from components.networks.backbones import feature_layer
from components.networks.crops import Crops
from components.networks.device import training_thread
from components.networks.features import predict
from components.networks.frozen_trunk import is_frozen, trunk_network
from components.networks.training import TrainingPlan
from components.networks.weights import read_tensors, save_tensors

_LOGGER = logging.getLogger(__name__)

_VERSION = 1
"""Of how features are computed; kept ones of another version are not used."""


def trunk_features(
    backbone: str, crops: NDArray[np.float32], *, plan: TrainingPlan, cache: Path | None = None
) -> NDArray[np.float32]:
    """The features (n, F) that a backbone's frozen trunk makes of crops, in float32.

    Of crops with S slices each they are (n, S, F).

    Args:
        backbone: Its name.
        crops: Of n patients (n, 3, h, w), or (n, S, 3, h, w).
        plan: Of the training; its section says what the trunk's weights are.
        cache: Folder where features are kept, named by backbone, weights, layer, crops and the kind
            of device: whoever asks for the same again reads them. Without one they are computed.

    Raises:
        UsageError: A weights file is missing.
        IntegrityError: A weights file is not what it should be.
    """
    network, origin = trunk_network(backbone, section=plan.section, seed=plan.seed)
    path = None
    if cache is not None:
        path = cache / f"{backbone}-{_key(backbone, origin, crops, plan)}.safetensors"
        kept = _read(path, shape=(*crops.shape[:-3], feature_layer(plan.section, backbone).width))
        if kept is not None:
            return kept
    device = torch.device(plan.device)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack this pair
    with training_thread(plan.n_threads):
        if crops.ndim == 5:
            # Slice by slice: equal slices of a patient, which count once, keep equal features.
            parts = [predict(network, crops[:, i]).features for i in range(crops.shape[1])]
            features = np.stack(parts, axis=1)
        else:
            features = predict(network, crops).features
    if path is not None:
        save_tensors({"features": torch.from_numpy(features)}, path)
    return features


def all_trunk_features(
    crops: NDArray[np.float32], *, plan: TrainingPlan, cache: Path | None = None
) -> dict[str, NDArray[np.float32]]:
    """`trunk_features` of every backbone of the plan; none where whole networks are trained."""
    if not is_frozen(plan.section):
        return {}
    return {
        name: trunk_features(name, crops, plan=plan, cache=cache) for name in plan.section.names
    }


def network_inputs(
    backbone: str,
    crops: NDArray[np.float32],
    *,
    plan: TrainingPlan,
    trunks: Mapping[str, NDArray[np.float32]] | None = None,
) -> Crops:
    """What the networks in training take in: the crops, or the features of their frozen trunk.

    Args:
        backbone: Of the networks.
        crops: Of n patients.
        plan: Of their training.
        trunks: As `all_trunk_features` gives them; what is not there is computed.
    """
    device = torch.device(plan.device)
    if not is_frozen(plan.section):
        return Crops(crops, device)
    features = (trunks or {}).get(backbone)
    if features is None:
        features = trunk_features(backbone, crops, plan=plan)
    return Crops(features[..., None, None], device)


def _key(backbone: str, origin: str, crops: NDArray[np.float32], plan: TrainingPlan) -> str:
    # A random trunk has no digest to go by: it is its seed.
    weights = f"{origin} {plan.seed}" if plan.section.weights == "random" else origin
    parts = (_VERSION, torch.__version__, backbone, feature_layer(plan.section, backbone), weights)
    text = " ".join(map(str, (*parts, plan.device, crops.dtype, crops.shape)))
    digest = hashlib.sha256(text.encode())
    digest.update(np.ascontiguousarray(crops).data)
    return digest.hexdigest()[:16]


def _read(path: Path, *, shape: tuple[int, ...]) -> NDArray[np.float32] | None:
    if not path.exists():
        return None
    try:
        found = read_tensors(path).get("features")
    except IntegrityError:
        found = None
    if found is None or tuple(found.shape) != shape:
        _LOGGER.warning("%s is damaged; the features are computed again", path)
        return None
    features: NDArray[np.float32] = found.numpy()
    return features
