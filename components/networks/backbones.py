"""The backbones, one row each, and the network built from a row.

Shapes: B patients, C channels, H and W pixels, F features.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torchvision import models

from components.errors import IntegrityError, UsageError
from components.networks.initialization import RANDOM, load_weights
from components.networks.weight_files import starting_weights
from components.study.protocol.backbone import BackboneSection


def _resnet_trunk(network: Any) -> nn.Module:
    names = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")
    return nn.Sequential(OrderedDict((name, getattr(network, name)) for name in names))


def _densenet_trunk(network: Any) -> nn.Module:
    layers = OrderedDict(network.features.named_children())
    # Not in place: the tensor that comes out of norm5 stays as it is for whoever looks at it.
    return nn.Sequential(OrderedDict(**layers, relu=nn.ReLU()))


@dataclass(frozen=True)
class Backbone:
    """A network of torchvision without its classifier.

    `feature_layer` is the last convolutional map, whose global mean gives `width` deep features.
    `multiply_adds` are of one forward pass at 224 x 224 pixels, the usual measure of its size.
    """

    name: str
    build: Callable[..., nn.Module]
    trunk: Callable[[Any], nn.Module]
    feature_layer: str
    width: int
    multiply_adds: int
    imagenet: Any

    @property
    def imagenet_file(self) -> str:
        """The name of torchvision's weights file."""
        return str(self.imagenet.url).rpartition("/")[2]


BACKBONES: dict[str, Backbone] = {
    row.name: row
    for row in (
        Backbone(
            name="resnet18",
            build=models.resnet18,
            trunk=_resnet_trunk,
            feature_layer="layer4",
            width=512,
            multiply_adds=1_814_073_344,
            imagenet=models.ResNet18_Weights.IMAGENET1K_V1,
        ),
        Backbone(
            name="resnet50",
            build=models.resnet50,
            trunk=_resnet_trunk,
            feature_layer="layer4",
            width=2048,
            multiply_adds=4_089_184_256,
            imagenet=models.ResNet50_Weights.IMAGENET1K_V1,
        ),
        Backbone(
            name="densenet121",
            build=models.densenet121,
            trunk=_densenet_trunk,
            feature_layer="norm5",
            width=1024,
            multiply_adds=2_834_161_664,
            imagenet=models.DenseNet121_Weights.IMAGENET1K_V1,
        ),
    )
}
"""A further backbone is one more row."""


class Network(nn.Module):
    """A trunk, the global mean of its last map, dropout and one logit.

    Maps (B, C, H, W) to logits (B,) and features (B, F), both float32: a logit rounded to
    bfloat16 would tie patients whose order is the result.
    """

    def __init__(self, trunk: nn.Module, *, width: int, dropout: float) -> None:
        super().__init__()
        self.trunk = trunk
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, 1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B,) and features (B, F) of images (B, C, H, W)."""
        features = self.trunk(images).float().mean(dim=(2, 3))
        with torch.autocast(images.device.type, enabled=False):
            logits = self.head(self.dropout(features)).squeeze(1)
        return logits, features


def backbone_of(name: str) -> Backbone:
    """The row of a backbone.

    Raises:
        UsageError: There is none of this name.
    """
    if name not in BACKBONES:
        msg = f"expected a backbone among {', '.join(BACKBONES)}, came '{name}'"
        raise UsageError(msg)
    return BACKBONES[name]


def empty_network(name: str, *, dropout: float) -> Network:
    """A network of the right shape without memory for its weights.

    They come with `load_state_dict(..., assign=True)`.
    """
    row = backbone_of(name)
    with torch.device("meta"):
        return _network(row, row.build(weights=None), dropout=dropout)


def build_network(
    name: str, *, dropout: float, section: BackboneSection, seed: int
) -> tuple[Network, str]:
    """A network at the start of training, and what its weights are.

    All that is random is drawn from `seed`: the whole network, or with weights of a file its head.

    Raises:
        UsageError: There is no such backbone, or its weights file is missing.
        IntegrityError: The weights file is not what it should be.
    """
    row = backbone_of(name)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        whole = row.build(weights=None)
        weights = starting_weights(section, name)
        origin = load_weights(whole, weights) if weights is not None else RANDOM
        return _network(row, whole, dropout=dropout), origin


def _network(row: Backbone, whole: Any, *, dropout: float) -> Network:
    head = whole.fc if hasattr(whole, "fc") else whole.classifier
    if head.in_features != row.width:
        msg = (
            f"{row.name}: expected {row.width} features at {row.feature_layer}, came "
            f"{head.in_features}; the installed torchvision builds another network"
        )
        raise IntegrityError(msg)
    return Network(row.trunk(whole), width=row.width, dropout=dropout)
