"""Asking a network: probability of high risk and deep features."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from components.networks.backbones import Network
from components.networks.crops import Crops

_BATCH = 128


@dataclass(frozen=True, eq=False)
class Predictions:
    """`probability` (n,) of high risk, and deep `features` (n, width)."""

    probability: NDArray[np.float64]
    features: NDArray[np.float32]


def predict(
    network: Network, crops: NDArray[np.float32], *, mixed_precision: bool = False
) -> Predictions:
    """What a network says of crops (n, 3, h, w).

    Float32 unless asked otherwise: what is stored or served must not hang on the machine's
    bfloat16 units.
    """
    device = next(network.parameters()).device
    return predict_rows(
        network, Crops(crops, device), np.arange(len(crops)), mixed_precision=mixed_precision
    )


def predict_rows(
    network: Network, crops: Crops, rows: NDArray[np.int64], *, mixed_precision: bool
) -> Predictions:
    """`predict` for some rows of crops that are already where the network is."""
    network.eval()
    device = next(network.parameters()).device.type
    probabilities, features = [], []
    with (
        torch.inference_mode(),
        torch.autocast(device, dtype=torch.bfloat16, enabled=mixed_precision),
    ):
        for start in range(0, len(rows), _BATCH):
            logits, maps = network(crops.take(rows[start : start + _BATCH]))
            probabilities.append(torch.sigmoid(logits.double()).cpu().numpy())
            features.append(maps.cpu().numpy())
    return Predictions(np.concatenate(probabilities), np.concatenate(features))
