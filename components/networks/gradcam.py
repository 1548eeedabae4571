"""Heat maps: where in a crop a network finds what speaks for high risk (Grad-CAM).

Shapes: n patients, C channels, H and W pixels of a crop, h and w cells of the last map.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from components.networks.crops import Crops
from components.networks.device import seed_of
from components.networks.network import Network

_BATCH = 64


def heat_maps(network: Network, crops: NDArray[np.float32]) -> NDArray[np.float32]:
    """Heat (n, h, w) of crops (n, C, H, W), at least 0, for a network's logit of high risk.

    Of crops (n, S, C, H, W) with several slices it is that of the first, the ROI's largest.

    Grad-CAM on the trunk's last map, whose global mean is the deep features: the map's channels
    weighted by the logit's mean gradient, summed, and what speaks for low risk set to 0. Nothing
    but this map has a gradient, so the cost is that of asking the network. Float32, as `predict`;
    the network is left in evaluation mode.

    Source: Selvaraju 2017, 10.1109/ICCV.2017.74, equations 1 and 2; computed by captum.
    """
    # Captum takes seconds to import, which only who draws maps shall wait for.
    from captum.attr import LayerGradCam

    network.eval()
    explain = LayerGradCam(lambda images: _risk_logit(network, images), network.trunk)
    images = Crops(crops, next(network.parameters()).device)
    maps = []
    with _weights_held(network):
        for rows in _batches(len(crops)):
            heat = explain.attribute(images.take(rows), relu_attributions=True)
            maps.append(heat.squeeze(1).detach().cpu().numpy())
    return np.concatenate(maps)


def enlarged(heat: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Heat (n, h, w) as (n, H, W), by bilinear interpolation between the cells' centers."""
    maps = torch.from_numpy(heat[:, None])
    grown = functional.interpolate(maps, size=size, mode="bilinear", align_corners=False)
    return grown[:, 0].numpy()


def shuffle_weights(network: Network, *, seed: int, draw: int) -> None:
    """Puts the numbers of each of a network's tensors, its batch statistics too, in random order.

    Size and spread of the weights stay, what was learned does not.
    """
    state = network.state_dict()
    generator = torch.Generator().manual_seed(seed_of(seed, f"shuffled weights {draw}"))
    for name, tensor in state.items():
        if tensor.is_floating_point():
            order = torch.randperm(tensor.numel(), generator=generator).to(tensor.device)
            state[name] = _in_order(tensor, order)
    network.load_state_dict(state)


def _risk_logit(network: Network, images: Tensor) -> Tensor:
    """The logit (B,) of death by the label's horizon, or what rises and falls with it."""
    logits: Tensor = network(images)[0]
    if logits.ndim == 1:
        return logits
    log_survival = functional.logsigmoid(-logits).sum(dim=1)
    return torch.log(-torch.expm1(log_survival)) - log_survival


def _in_order(tensor: Tensor, order: Tensor) -> Tensor:
    return tensor.detach().flatten()[order].view(tensor.shape)


def _batches(n: int) -> Iterator[NDArray[np.int64]]:
    for start in range(0, n, _BATCH):
        yield np.arange(start, min(start + _BATCH, n))


@contextmanager
def _weights_held(network: Network) -> Iterator[None]:
    """No weight asks for a gradient meanwhile: the trunk keeps no activations for one."""
    before = {name: weight.requires_grad for name, weight in network.named_parameters()}
    network.requires_grad_(requires_grad=False)
    try:
        yield
    finally:
        for name, weight in network.named_parameters():
            weight.requires_grad_(before[name])
