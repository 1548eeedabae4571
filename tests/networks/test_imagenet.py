import hashlib
import os
import re
from pathlib import Path

import pytest
import torch
from torchvision import models

from components.errors import IntegrityError, UsageError
from components.networks.backbones import BACKBONES, build_network
from components.networks.imagenet import load_imagenet
from components.networks.weight_files import IMAGENET_FILES, weights_path


def write_named(state, folder, stem):
    """Save as torchvision names its files: by the first digits of their own SHA-256."""
    path = folder / "unnamed.pth"
    torch.save(state, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    return path.rename(folder / f"{stem}-{digest}.pth")


def test_a_named_file_is_loaded_and_told(tmp_path):
    torch.manual_seed(1)
    written = models.resnet18(weights=None)
    path = write_named(written.state_dict(), tmp_path, "resnet18")
    network = models.resnet18(weights=None)

    told = load_imagenet(network, path.name, weights_dir=str(tmp_path))

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

    load_imagenet(network, path.name, weights_dir=str(tmp_path))

    key = "features.denseblock4.denselayer16.conv2.weight"
    assert "features.denseblock4.denselayer16.conv.2.weight" in old
    assert torch.equal(network.state_dict()[key], written.state_dict()[key])


def test_a_wrong_digit_is_refused(tmp_path):
    path = write_named(models.resnet18(weights=None).state_dict(), tmp_path, "resnet18")
    digit = "0" if path.stem[-1] != "0" else "1"
    renamed = path.rename(tmp_path / f"{path.stem[:-1]}{digit}.pth")

    with pytest.raises(IntegrityError, match="expected a SHA-256 that begins with"):
        load_imagenet(models.resnet18(weights=None), renamed.name, weights_dir=str(tmp_path))


def test_the_weights_of_another_network_are_refused(tmp_path):
    path = write_named(models.resnet18(weights=None).state_dict(), tmp_path, "resnet50")

    with pytest.raises(IntegrityError, match=r"expected the weights of ResNet, .* missing or of"):
        load_imagenet(models.resnet50(weights=None), path.name, weights_dir=str(tmp_path))


class Payload:
    def __reduce__(self):
        return os.mkdir, ("opened",)


def test_a_file_with_code_is_refused_and_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write_named({"conv1.weight": Payload()}, tmp_path, "resnet18")

    with pytest.raises(IntegrityError, match="expected a file of weights and nothing else"):
        load_imagenet(models.resnet18(weights=None), path.name, weights_dir=str(tmp_path))
    assert not (tmp_path / "opened").exists()


def test_a_missing_file_is_an_error_and_no_fallback(tmp_path, backbone):
    wished = backbone.model_copy(update={"weights": "imagenet", "weights_dir": str(tmp_path)})

    with pytest.raises(UsageError, match=r"resnet18-f37072fd.pth there, name its folder in"):
        build_network("resnet18", dropout=0, section=wished, seed=1)


def test_the_file_names_are_torchvisions():
    assert {name: row.imagenet_file for name, row in BACKBONES.items()} == IMAGENET_FILES


@pytest.mark.parametrize("variable", ["TORCH_HOME", "XDG_CACHE_HOME", None])
def test_the_folder_is_torch_s_own_cache(monkeypatch, tmp_path, variable):
    for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    if variable:
        monkeypatch.setenv(variable, str(tmp_path))

    assert weights_path("a.pth", None) == Path(torch.hub.get_dir()) / "checkpoints" / "a.pth"
