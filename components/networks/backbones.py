"""The backbones, one row each, and the network built from a row.

Shapes: B patients, C channels, H and W pixels, F features.
"""

import functools
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from components.errors import UsageError
from components.networks.initialization import RANDOM, load_weights
from components.networks.network import Network, Outputs
from components.networks.weight_files import starting_weights

if TYPE_CHECKING:
    from components.study.protocol.backbone import BackboneSection


_RESNET_STAGES = (
    ("conv1", "bn1", "relu", "maxpool"),
    ("layer1",),
    ("layer2",),
    ("layer3",),
    ("layer4",),
)
_DENSENET_STAGES = (
    ("conv0", "norm0", "relu0", "pool0"),
    ("denseblock1", "transition1"),
    ("denseblock2", "transition2"),
    ("denseblock3", "transition3"),
    ("denseblock4", "norm5", "relu"),
)


def _resnet_trunk(network: Any) -> nn.Module:
    names = [name for stage in _RESNET_STAGES for name in stage]
    return nn.Sequential(OrderedDict((name, getattr(network, name)) for name in names))


def _densenet_trunk(network: Any) -> nn.Module:
    layers = OrderedDict(network.features.named_children())
    # Not in place: the tensor that comes out of norm5 stays as it is for whoever looks at it.
    return nn.Sequential(OrderedDict(**layers, relu=nn.ReLU()))


@dataclass(frozen=True)
class Backbone:
    """A network of torchvision without its classifier; `name` is torchvision's.

    `stages` are the trunk's children from the images on; what is frozen or trained more slowly is
    told by their number. `feature_layer` is the last convolutional map, whose global mean gives
    `width` deep features.
    `multiply_adds` are of one forward pass at 224 x 224 pixels, the usual measure of its size.
    """

    name: str
    trunk: Callable[[Any], nn.Module]
    stages: tuple[tuple[str, ...], ...]
    feature_layer: str
    width: int
    multiply_adds: int

    def build(self) -> nn.Module:
        """The whole network, as torchvision draws it."""
        # Torchvision takes seconds to import, which who asks for a row only need not wait for.
        from torchvision import models

        return cast("nn.Module", models.get_model(self.name, weights=None))


BACKBONES: dict[str, Backbone] = {
    row.name: row
    for row in (
        Backbone(
            name="resnet18",
            trunk=_resnet_trunk,
            stages=_RESNET_STAGES,
            feature_layer="layer4",
            width=512,
            multiply_adds=1_814_073_344,
        ),
        Backbone(
            name="resnet50",
            trunk=_resnet_trunk,
            stages=_RESNET_STAGES,
            feature_layer="layer4",
            width=2048,
            multiply_adds=4_089_184_256,
        ),
        Backbone(
            name="densenet121",
            trunk=_densenet_trunk,
            stages=_DENSENET_STAGES,
            feature_layer="norm5",
            width=1024,
            multiply_adds=2_834_161_664,
        ),
    )
}
"""A further backbone is one more row."""


def backbone_of(name: str) -> Backbone:
    """The row of a backbone.

    Raises:
        UsageError: There is none of this name.
    """
    if name not in BACKBONES:
        msg = f"expected a backbone among {', '.join(BACKBONES)}, came '{name}'"
        raise UsageError(msg)
    return BACKBONES[name]


@dataclass(frozen=True)
class FeatureLayer:
    """The layer where a trunk ends; its map's global mean is the deep features, `width` of them."""

    layer: str
    width: int


def feature_layer(section: "BackboneSection", name: str) -> FeatureLayer:
    """The layer of a backbone that a protocol names, else its last map."""
    named = section.feature_layers.get(name)  # type: ignore[call-overload]  # any name is looked for
    row = backbone_of(name)
    if named is None:
        return FeatureLayer(row.feature_layer, row.width)
    return FeatureLayer(named.layer, named.width)


def stored_layer(name: str, state: Mapping[str, Tensor]) -> FeatureLayer:
    """Where the trunk of stored weights ends: the last of its children that has weights."""
    row = backbone_of(name)
    found = {key.split(".")[1] for key in state if key.startswith("trunk.")}
    layers = [child for stage in row.stages for child in stage if child in found]
    if not layers or "head.weight" not in state:
        return FeatureLayer(row.feature_layer, row.width)
    return FeatureLayer(layers[-1], state["head.weight"].shape[1])


def empty_network(
    name: str,
    *,
    dropout: float,
    outputs: Outputs | None = None,
    ends_at: FeatureLayer | None = None,
) -> Network:
    """A network of the right shape without memory for its weights.

    They come with `load_state_dict(..., assign=True)`.

    Raises:
        UsageError: There is no such backbone, or it has no such layer of this width.
    """
    row = backbone_of(name)
    ends_at = ends_at or FeatureLayer(row.feature_layer, row.width)
    with torch.device("meta"):
        return _network(row, row.build(), ends_at, dropout=dropout, outputs=outputs)


def build_network(
    name: str, *, dropout: float, section: "BackboneSection", seed: int
) -> tuple[Network, str]:
    """A network at the start of training, and what its weights are.

    All that is random is drawn from `seed`: the whole network, or with weights of a file its head.

    Raises:
        UsageError: There is no such backbone, its weights file is missing, or it has no such layer
            of the width, or not as many stages, as the section says.
        IntegrityError: The weights file is not what it should be.
    """
    row = backbone_of(name)
    ends_at = feature_layer(section, name)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        whole = row.build()
        weights = starting_weights(section, name)
        origin = load_weights(whole, weights) if weights is not None else RANDOM
        network = _network(
            row,
            whole,
            ends_at,
            dropout=dropout,
            outputs=Outputs.of(section),
            n_frozen=section.frozen_stages,
        )
    return network, origin


def _network(
    row: Backbone,
    whole: Any,
    ends_at: FeatureLayer,
    *,
    dropout: float,
    outputs: Outputs | None = None,
    n_frozen: int = 0,
) -> Network:
    stages = _stages_to(row, ends_at.layer)
    width = _width_at(row.name, ends_at.layer)
    if width != ends_at.width:
        msg = (
            f"backbone.feature_layers: {row.name} has {width} features at {ends_at.layer}, "
            f"expected were {ends_at.width}"
        )
        raise UsageError(msg)
    if n_frozen > len(stages):
        msg = (
            f"backbone.frozen_stages: expected at most {len(stages)}, which {row.name} has up to "
            f"{ends_at.layer}, came {n_frozen}"
        )
        raise UsageError(msg)
    return Network(
        _trunk_to(row, whole, stages),
        width=width,
        dropout=dropout,
        outputs=outputs,
        stages=stages,
        n_frozen=n_frozen,
    )


def _stages_to(row: Backbone, layer: str) -> tuple[tuple[str, ...], ...]:
    """The stages up to a layer, and nothing after it."""
    if layer == row.feature_layer:
        return row.stages
    layers = [child for stage in row.stages for child in stage]
    if layer not in layers:
        msg = (
            f"backbone.feature_layers: expected a layer of {row.name} among {', '.join(layers)}, "
            f"came {layer}"
        )
        raise UsageError(msg)
    kept = set(layers[: layers.index(layer) + 1])
    cut = (tuple(child for child in stage if child in kept) for stage in row.stages)
    return tuple(stage for stage in cut if stage)


def _trunk_to(row: Backbone, whole: Any, stages: tuple[tuple[str, ...], ...]) -> nn.Module:
    trunk = row.trunk(whole)
    layers = [child for stage in stages for child in stage]
    return nn.Sequential(OrderedDict((name, trunk.get_submodule(name)) for name in layers))


@functools.lru_cache
def _width_at(name: str, layer: str) -> int:
    """The channels of a layer's map, of the network that the installed torchvision builds."""
    row = backbone_of(name)
    with torch.device("meta"):
        trunk = _trunk_to(row, row.build(), _stages_to(row, layer)).eval()
        return int(trunk(torch.empty(1, 3, 64, 64)).shape[1])
