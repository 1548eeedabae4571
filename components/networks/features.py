"""Asking a network: probability of high risk and deep features."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from components.networks.crops import Crops
from components.networks.network import Network

_BATCH = 128


@dataclass(frozen=True, eq=False)
class Predictions:
    """`probability` (n,) of high risk, and deep `features` (n, width).

    Of a patient with several slices both are means over them: of the slices' probabilities, and of
    their features.
    """

    probability: NDArray[np.float64]
    features: NDArray[np.float32]


def predict(
    network: Network, crops: NDArray[np.float32], *, mixed_precision: bool = False
) -> Predictions:
    """What a network says of crops (n, 3, h, w), or (n, S, 3, h, w) of S slices each.

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
    places, slices = crops.distinct(rows)
    probabilities, features = [], []
    with (
        torch.inference_mode(),
        torch.autocast(device, dtype=torch.bfloat16, enabled=mixed_precision),
    ):
        for start in range(0, len(places), _BATCH):
            part = slice(start, start + _BATCH)
            logits, maps = network(crops.take(rows[places[part]], slices[part]))
            probabilities.append(network.probability(logits).cpu().numpy())
            features.append(maps.cpu().numpy())
    return Predictions(
        probability=_patients_means(np.concatenate(probabilities), places),
        features=_patients_means(np.concatenate(features), places),
    )


def _patients_means(values: NDArray[Any], places: NDArray[np.int64]) -> NDArray[Any]:
    """The means (n, ...) of the slices' values (m, ...), whose patients are given in order (m,)."""
    _, starts, counts = np.unique(places, return_index=True, return_counts=True)
    sums = np.add.reduceat(values.astype(np.float64), starts, axis=0)
    means: NDArray[Any] = (sums.T / counts).T.astype(values.dtype)
    return means
