import hashlib
import os
import re
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from torchvision import models

from components.errors import IntegrityError, UsageError
from components.networks import initialization
from components.networks.backbones import BACKBONES, build_network
from components.networks.initialization import fetch_missing, load_weights, prepare_weights
from components.networks.weight_files import IMAGENET_FILES, imagenet_weights, weights_path
from components.study.protocol.backbone import BackboneSection


def write_named(state, folder, stem):
    """Save as torchvision names its files: by the first digits of their own SHA-256."""
    path = folder / "unnamed.pth"
    torch.save(state, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    return path.rename(folder / f"{stem}-{digest}.pth")


def load(network, path):
    """As torchvision's file of a folder that the protocol names."""
    return load_weights(network, imagenet_weights(path.name, str(path.parent)))


def test_a_named_file_is_loaded_and_told(tmp_path):
    torch.manual_seed(1)
    written = models.resnet18(weights=None)
    path = write_named(written.state_dict(), tmp_path, "resnet18")
    network = models.resnet18(weights=None)

    told = load(network, path)

    assert torch.equal(network.conv1.weight, written.conv1.weight)
    assert told == f"{path.name} (sha256 {hashlib.sha256(path.read_bytes()).hexdigest()})"


def test_the_old_keys_of_densenet_are_understood(tmp_path):
    torch.manual_seed(1)
    written = models.densenet121(weights=None)
    old = {
        re.sub(r"(denselayer\d+\.)(norm|conv)([12])", r"\1\2.\3", key): value
        for key, value in written.state_dict().items()
        if "num_batches_tracked" not in key
    }
    path = write_named(old, tmp_path, "densenet121")
    network = models.densenet121(weights=None)

    load(network, path)

    key = "features.denseblock4.denselayer16.conv2.weight"
    assert "features.denseblock4.denselayer16.conv.2.weight" in old
    assert torch.equal(network.state_dict()[key], written.state_dict()[key])


def test_a_wrong_digit_is_refused(tmp_path):
    path = write_named(models.resnet18(weights=None).state_dict(), tmp_path, "resnet18")
    digit = "0" if path.stem[-1] != "0" else "1"
    renamed = path.rename(tmp_path / f"{path.stem[:-1]}{digit}.pth")

    with pytest.raises(IntegrityError, match="expected a SHA-256 that begins with"):
        load(models.resnet18(weights=None), renamed)


def test_the_weights_of_another_network_are_refused(tmp_path):
    path = write_named(models.resnet18(weights=None).state_dict(), tmp_path, "resnet50")

    with pytest.raises(IntegrityError, match=r"expected the weights of ResNet, .* missing or of"):
        load(models.resnet50(weights=None), path)


class Payload:
    def __reduce__(self):
        return os.mkdir, ("opened",)


def test_a_file_with_code_is_refused_and_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write_named({"conv1.weight": Payload()}, tmp_path, "resnet18")

    with pytest.raises(IntegrityError, match="expected a file of weights and nothing else"):
        load(models.resnet18(weights=None), path)
    assert not (tmp_path / "opened").exists()


def test_a_missing_file_is_an_error_and_no_fallback(tmp_path, backbone):
    wished = backbone.model_copy(update={"weights": "imagenet", "weights_dir": str(tmp_path)})

    with pytest.raises(UsageError, match=r"resnet18-f37072fd.pth there, name its folder in"):
        build_network("resnet18", dropout=0, section=wished, seed=1)


def test_names_and_addresses_are_torchvisions():
    urls = {name: models.get_model_weights(name)["IMAGENET1K_V1"].url for name in BACKBONES}
    assert urls == {name: initialization._SOURCE + file for name, file in IMAGENET_FILES.items()}


@pytest.fixture
def own_file(tmp_path):
    """A state dict of this session, its digest, and how a protocol names it."""
    torch.manual_seed(3)
    state = models.resnet18(weights=None, num_classes=4).state_dict()
    path = tmp_path / "own.pth"
    torch.save(state, path)
    return path, state, hashlib.sha256(path.read_bytes()).hexdigest()


def section_with(path, digits, names=("resnet18",)):
    return BackboneSection(
        names=names,
        weights="file",
        weights_files={name: {"path": str(path), "sha256": digits} for name in names},
        batch_size=8,
        warmup_epochs=0,
        mixed_precision=False,
        augment=False,
        selection="best",
    )


@pytest.mark.parametrize("n_digits", [8, 64])
def test_a_study_s_own_file_is_loaded_whatever_its_classes(own_file, n_digits):
    path, state, digest = own_file

    network, told = build_network(
        "resnet18", dropout=0, section=section_with(path, digest[:n_digits]), seed=1
    )

    assert torch.equal(network.trunk.layer4[1].conv2.weight, state["layer4.1.conv2.weight"])
    assert told == f"own.pth (sha256 {digest})"
    assert network.head.weight.shape == (1, 512)


def test_an_own_file_without_classifier_is_enough(own_file, tmp_path):
    _, state, _ = own_file
    trunk = {key: value for key, value in state.items() if not key.startswith("fc.")}
    path = write_named(trunk, tmp_path, "trunk")

    network, _ = build_network(
        "resnet18", dropout=0, section=section_with(path, path.stem[-8:]), seed=1
    )

    assert torch.equal(network.trunk.conv1.weight, state["conv1.weight"])


def test_an_own_file_of_other_bytes_is_refused(own_file):
    path, _, digest = own_file
    wrong = digest[:7] + ("0" if digest[7] != "0" else "1")

    with pytest.raises(
        IntegrityError, match=f"begins with {wrong}, came {digest[:8]}; correct path and sha256"
    ):
        build_network("resnet18", dropout=0, section=section_with(path, wrong), seed=1)


def test_an_own_file_of_another_network_is_refused(own_file):
    path, _, digest = own_file
    named = section_with(path, digest, names=("densenet121",))

    with pytest.raises(IntegrityError, match=r"weights of DenseNet, \d+ entries .* shape"):
        build_network("densenet121", dropout=0, section=named, seed=1)


def test_an_own_file_that_is_not_there_is_refused_before_training(tmp_path):
    named = section_with(tmp_path / "gone.pth", "0" * 8)

    with pytest.raises(UsageError, match=r"gone.pth, found none; .*weights_files.resnet18"):
        prepare_weights(named, named.names)
    with pytest.raises(UsageError, match=r"gone.pth, found none"):
        build_network("resnet18", dropout=0, section=named, seed=1)


def test_an_own_file_with_code_is_refused_and_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write_named({"conv1.weight": Payload()}, tmp_path, "own")
    named = section_with(path, path.stem[-8:])

    with pytest.raises(IntegrityError, match="nothing else, it cannot be read as one"):
        build_network("resnet18", dropout=0, section=named, seed=1)
    assert not (tmp_path / "opened").exists()


def test_a_wrapped_state_is_refused(own_file, tmp_path):
    _, state, _ = own_file
    path = write_named({"epoch": 3, "state_dict": state}, tmp_path, "wrapped")

    with pytest.raises(IntegrityError, match="expected a table of tensors by name"):
        build_network("resnet18", dropout=0, section=section_with(path, path.stem[-8:]), seed=1)


def test_each_backbone_needs_its_own_file_named():
    with pytest.raises(ValidationError, match="expected a file for resnet50, none is named"):
        BackboneSection.model_validate(
            section_with("a.pth", "0" * 8).model_dump() | {"names": ["resnet18", "resnet50"]}
        )
    with pytest.raises(ValidationError, match="expected none with weights: random, came one"):
        BackboneSection.model_validate(
            section_with("a.pth", "0" * 8).model_dump() | {"weights": "random"}
        )


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home/hub/checkpoints"


def test_what_the_cache_lacks_is_fetched_from_torchvision(tmp_path, monkeypatch, empty_cache):
    """A folder stands for torchvision's address; torch's own loading reads it."""
    path = write_named(models.resnet18(weights=None).state_dict(), tmp_path, "resnet18")
    monkeypatch.setattr(initialization, "_SOURCE", tmp_path.as_uri() + "/")

    fetch_missing(imagenet_weights(path.name, None))

    assert (empty_cache / path.name).read_bytes() == path.read_bytes()


def test_what_comes_with_other_bytes_is_refused_and_not_kept(tmp_path, monkeypatch, empty_cache):
    (tmp_path / "resnet18-00000000.pth").write_bytes(b"something else")
    monkeypatch.setattr(initialization, "_SOURCE", tmp_path.as_uri() + "/")

    with pytest.raises(IntegrityError, match="begins with 00000000, another file came"):
        fetch_missing(imagenet_weights("resnet18-00000000.pth", None))
    assert list(empty_cache.iterdir()) == []


def test_without_a_network_a_missing_file_is_an_error(monkeypatch, empty_cache):
    monkeypatch.setattr(initialization, "_SOURCE", "http://127.0.0.1:9/")

    with pytest.raises(UsageError, match=r"found none, and .* cannot be reached .*put torchvision"):
        fetch_missing(imagenet_weights("resnet18-f37072fd.pth", None))


@pytest.mark.parametrize("variable", ["TORCH_HOME", "XDG_CACHE_HOME", None])
def test_the_folder_is_torch_s_own_cache(monkeypatch, tmp_path, variable):
    for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    if variable:
        monkeypatch.setenv(variable, str(tmp_path))

    assert weights_path("a.pth", None) == Path(torch.hub.get_dir()) / "checkpoints" / "a.pth"
