"""The backbones, one row each, and the network built from a row.

Shapes: B patients, C channels, H and W pixels, F features.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional
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


@dataclass(frozen=True)
class Outputs:
    """How many logits a network has, and whether a baseline hazard belongs to them."""

    n: int = 1
    has_baseline: bool = False

    @classmethod
    def of(cls, section: BackboneSection) -> Self:
        """Those of a protocol's loss."""
        n = section.hazard_intervals if section.loss == "discrete_hazard" else 1
        return cls(n=n, has_baseline=section.loss == "cox")

    @classmethod
    def stored(cls, state: Mapping[str, Tensor]) -> Self:
        """Those of a network whose weights are known."""
        n = len(state["head.bias"]) if "head.bias" in state else 1
        return cls(n=n, has_baseline="log_baseline_hazard" in state)


class Network(nn.Module):
    """A trunk, the global mean of its last map, dropout and one logit, or one an interval.

    Maps (B, C, H, W) to logits (B,), or (B, K) of K intervals, and features (B, F), all float32: a
    logit rounded to bfloat16 would tie patients whose order is the result.

    A network that is trained on Cox' likelihood keeps the baseline hazard at the label's horizon
    beside its weights. So what is stored says by itself what its logits mean.
    """

    def __init__(
        self, trunk: nn.Module, *, width: int, dropout: float, outputs: "Outputs | None" = None
    ) -> None:
        super().__init__()
        outputs = outputs or Outputs()
        self.trunk = trunk
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, outputs.n)
        self.log_baseline_hazard: Tensor | None
        zero = torch.zeros((), dtype=torch.float64) if outputs.has_baseline else None
        self.register_buffer("log_baseline_hazard", zero)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B,) or (B, K) and features (B, F) of images (B, C, H, W)."""
        features = self.trunk(images).float().mean(dim=(2, 3))
        with torch.autocast(images.device.type, enabled=False):
            logits = self.head(self.dropout(features))
        return logits.squeeze(1) if logits.shape[1] == 1 else logits, features

    def probability(self, logits: Tensor) -> Tensor:
        """Of death by the label's horizon (B,), float64, as this network's logits say it.

        One logit is the probability's own, or with a baseline hazard H a linear predictor:
        1 - exp(-H exp(lp)). Several are of dying in each interval once it is reached, and
        1 - S is one minus the product of surviving them.
        """
        logits = logits.double()
        if self.log_baseline_hazard is not None:
            return -torch.expm1(-torch.exp(self.log_baseline_hazard + logits))
        if logits.ndim == 2:
            return -torch.expm1(functional.logsigmoid(-logits).sum(dim=1))
        return torch.sigmoid(logits)


def backbone_of(name: str) -> Backbone:
    """The row of a backbone.

    Raises:
        UsageError: There is none of this name.
    """
    if name not in BACKBONES:
        msg = f"expected a backbone among {', '.join(BACKBONES)}, came '{name}'"
        raise UsageError(msg)
    return BACKBONES[name]


def empty_network(name: str, *, dropout: float, outputs: Outputs | None = None) -> Network:
    """A network of the right shape without memory for its weights.

    They come with `load_state_dict(..., assign=True)`.
    """
    row = backbone_of(name)
    with torch.device("meta"):
        return _network(row, row.build(weights=None), dropout=dropout, outputs=outputs)


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
        return _network(row, whole, dropout=dropout, outputs=Outputs.of(section)), origin


def _network(
    row: Backbone, whole: Any, *, dropout: float, outputs: Outputs | None = None
) -> Network:
    head = whole.fc if hasattr(whole, "fc") else whole.classifier
    if head.in_features != row.width:
        msg = (
            f"{row.name}: expected {row.width} features at {row.feature_layer}, came "
            f"{head.in_features}; the installed torchvision builds another network"
        )
        raise IntegrityError(msg)
    return Network(row.trunk(whole), width=row.width, dropout=dropout, outputs=outputs)
