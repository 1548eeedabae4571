"""Files of weights to start from: their names, places and digests; without torch."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from components.errors import IntegrityError, UsageError

if TYPE_CHECKING:
    from components.study.protocol.backbone import BackboneSection

IMAGENET_FILES = {
    "resnet18": "resnet18-f37072fd.pth",
    "resnet50": "resnet50-0676ba61.pth",
    "densenet121": "densenet121-a639ec97.pth",
}
"""torchvision's file of each backbone; its name ends in the first digits of its SHA-256."""


@dataclass(frozen=True)
class StartingWeights:
    """A file that a backbone starts from, and the first digits of the SHA-256 that it must have.

    `remedy` is what to do where it is not so. `is_cached` where torchvision itself would keep it:
    there alone it may be fetched.
    """

    path: Path
    digits: str
    remedy: str
    is_imagenet: bool
    is_cached: bool = False


def starting_weights(section: "BackboneSection", backbone: str) -> StartingWeights | None:
    """The file that a protocol names for a backbone; None where it starts at random.

    Raises:
        UsageError: `weights: file`, and no file is named for this backbone.
    """
    if section.weights == "random":
        return None
    if section.weights == "imagenet":
        return imagenet_weights(IMAGENET_FILES[backbone], section.weights_dir)
    if backbone not in section.weights_files:
        msg = f"backbone.weights_files: expected a file for {backbone}, none is named"
        raise UsageError(msg)
    named = section.weights_files[backbone]
    remedy = f"correct path and sha256 at backbone.weights_files.{backbone}"
    return StartingWeights(Path(named.path), named.sha256, remedy, is_imagenet=False)


def imagenet_weights(file_name: str, weights_dir: str | None) -> StartingWeights:
    """Torchvision's file, in the protocol's folder or in torch's cache."""
    return StartingWeights(
        path=weights_path(file_name, weights_dir),
        digits=Path(file_name).stem.rpartition("-")[2],
        remedy=(
            f"put torchvision's {file_name} there, name its folder in backbone.weights_dir, or set "
            "backbone.weights to random"
        ),
        is_imagenet=True,
        is_cached=not weights_dir,
    )


def weights_path(file_name: str, weights_dir: str | None) -> Path:
    """Where a weights file is expected: the protocol's folder, else torch's own cache."""
    if weights_dir:
        return Path(weights_dir) / file_name
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "torch"
    return Path(os.environ.get("TORCH_HOME", cache)).expanduser() / "hub/checkpoints" / file_name


def checked_digest(weights: StartingWeights) -> str:
    """The file's SHA-256, once it begins with the expected digits.

    Raises:
        UsageError: The file is missing.
        IntegrityError: It has other bytes than expected.
    """
    if not weights.path.is_file():
        what = "ImageNet weights" if weights.is_imagenet else "weights"
        msg = f"expected {what} at {weights.path}, found none; {weights.remedy}"
        raise UsageError(msg)
    with weights.path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not digest.startswith(weights.digits):
        msg = (
            f"{weights.path}: expected a SHA-256 that begins with {weights.digits}, came "
            f"{digest[: max(8, len(weights.digits))]}; {weights.remedy}"
        )
        raise IntegrityError(msg)
    return digest
