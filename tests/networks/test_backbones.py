import pytest
import torch
from torch import nn

from components.errors import UsageError
from components.networks.backbones import (
    BACKBONES,
    FeatureLayer,
    build_network,
    empty_network,
)
from components.networks.weights import load_network_weights, save_network


@pytest.mark.parametrize("name", BACKBONES)
def test_a_network_gives_a_logit_and_features_of_the_stated_width(name, backbone):
    network, origin = build_network(name, dropout=0.2, section=backbone, seed=1)
    network.eval()

    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        logits, features = network(torch.randn(2, 3, 64, 64))

    assert origin == "random"
    assert logits.shape == (2,)
    assert features.shape == (2, {"resnet18": 512, "resnet50": 2048, "densenet121": 1024}[name])
    assert logits.dtype == features.dtype == torch.float32
    assert hasattr(network.trunk, BACKBONES[name].feature_layer)


@pytest.mark.parametrize("name", BACKBONES)
def test_the_trunk_is_torchvisions_network(name, backbone):
    """The same weights give torchvision's own logits, so that its files mean what they meant."""
    row = BACKBONES[name]
    torch.manual_seed(3)
    whole = row.build().eval()
    expected = whole(images := torch.randn(2, 3, 64, 64)).detach()
    head = whole.fc if hasattr(whole, "fc") else whole.classifier

    features = row.trunk(whole)(images).mean(dim=(2, 3))

    assert torch.allclose(head(features), expected, atol=1e-5)


@pytest.mark.parametrize("name", BACKBONES)
def test_multiply_adds_are_those_of_a_forward_pass(name):
    counted = 0

    def count(layer, inputs, output):
        nonlocal counted
        if isinstance(layer, nn.Conv2d):
            counted += output[0].numel() * layer.weight[0].numel()
        elif isinstance(layer, nn.Linear):
            counted += layer.weight.numel()

    with torch.device("meta"):
        whole = BACKBONES[name].build()
        for layer in whole.modules():
            layer.register_forward_hook(count)
        whole(torch.empty(1, 3, 224, 224))

    assert counted == BACKBONES[name].multiply_adds


def test_the_seed_alone_decides_the_weights(backbone):
    torch.manual_seed(5)
    first, _ = build_network("resnet18", dropout=0.1, section=backbone, seed=1)
    state = torch.random.get_rng_state()
    again, _ = build_network("resnet18", dropout=0.1, section=backbone, seed=1)
    other, _ = build_network("resnet18", dropout=0.1, section=backbone, seed=2)

    assert torch.equal(first.head.weight, again.head.weight)
    assert torch.equal(first.trunk.conv1.weight, again.trunk.conv1.weight)
    assert not torch.equal(first.trunk.conv1.weight, other.trunk.conv1.weight)
    assert torch.equal(state, torch.random.get_rng_state())


def test_an_unknown_backbone_is_refused():
    with pytest.raises(UsageError, match="resnet18, resnet50, densenet121, came 'vgg'"):
        empty_network("vgg", dropout=0)


@pytest.mark.parametrize("name", BACKBONES)
def test_the_stages_are_the_trunk_in_order(name, backbone):
    network, _ = build_network(name, dropout=0, section=backbone, seed=1)

    children = [child for stage in BACKBONES[name].stages for child in stage]
    assert children == [child for child, _ in network.trunk.named_children()]
    assert len(network.stages) == 5


@pytest.mark.parametrize(
    ("name", "layer", "width"),
    [
        ("resnet18", "layer2", 128),
        ("resnet50", "layer3", 1024),
        ("densenet121", "denseblock3", 1024),
    ],
)
def test_a_named_layer_ends_the_network_and_its_file_says_so(
    name, layer, width, backbone, tmp_path
):
    named = section_with(backbone, feature_layers={name: {"layer": layer, "width": width}})
    network, _ = build_network(name, dropout=0.0, section=named, seed=1)
    images = torch.randn(2, 3, 32, 32)
    expected = network.eval()(images)

    save_network(network, tmp_path / "w.safetensors")
    stored = load_network_weights(
        tmp_path / "w.safetensors", backbone=name, dropout=0.0, device=torch.device("cpu")
    )

    assert list(dict(stored.trunk.named_children()))[-1] == layer
    assert expected[1].shape == (2, width)
    assert torch.allclose(stored(images)[1], expected[1], atol=1e-5)


def section_with(backbone, **values):
    return type(backbone).model_validate(backbone.model_dump() | values)


def test_a_layer_of_another_width_is_refused(backbone):
    named = section_with(backbone, feature_layers={"resnet18": {"layer": "layer3", "width": 512}})

    with pytest.raises(UsageError, match="resnet18 has 256 features at layer3, expected were 512"):
        build_network("resnet18", dropout=0, section=named, seed=1)
    with pytest.raises(UsageError, match="has 512 features at layer4, expected were 256"):
        empty_network("resnet18", dropout=0, ends_at=FeatureLayer("layer4", 256))


def test_an_unknown_layer_is_refused(backbone):
    named = section_with(backbone, feature_layers={"resnet18": {"layer": "layer9", "width": 512}})

    with pytest.raises(UsageError, match=r"a layer of resnet18 among conv1, .*layer4, came layer9"):
        build_network("resnet18", dropout=0, section=named, seed=1)


def test_more_frozen_stages_than_there_are_are_refused(backbone):
    named = section_with(
        backbone,
        frozen_stages=4,
        feature_layers={"resnet18": {"layer": "layer2", "width": 128}},
    )

    with pytest.raises(UsageError, match="at most 3, which resnet18 has up to layer2, came 4"):
        build_network("resnet18", dropout=0, section=named, seed=1)
