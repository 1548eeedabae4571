"""torchvision's weights files on disk: their names, their folder, their digests; without torch."""

import hashlib
import os
from pathlib import Path

from components.errors import IntegrityError, UsageError

IMAGENET_FILES = {
    "resnet18": "resnet18-f37072fd.pth",
    "resnet50": "resnet50-0676ba61.pth",
    "densenet121": "densenet121-a639ec97.pth",
}
"""The file of each backbone; its name ends in the first digits of its SHA-256."""


def weights_path(file_name: str, weights_dir: str | None) -> Path:
    """Where a weights file is expected: the protocol's folder, else torch's own cache."""
    if weights_dir:
        return Path(weights_dir) / file_name
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "torch"
    return Path(os.environ.get("TORCH_HOME", cache)).expanduser() / "hub/checkpoints" / file_name


def require_file(path: Path) -> None:
    """Refuse to begin without a weights file.

    Raises:
        UsageError: The file is missing.
    """
    if not path.is_file():
        msg = (
            f"expected ImageNet weights at {path}, found none; put torchvision's {path.name} there,"
            " name its folder in backbone.weights_dir, or set backbone.weights to random"
        )
        raise UsageError(msg)


def checked_digest(path: Path) -> str:
    """The file's SHA-256, once it begins with the digits of its name.

    Raises:
        UsageError: The file is missing.
        IntegrityError: It has other bytes than its name says.
    """
    require_file(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    expected = path.stem.rpartition("-")[2]
    if not digest.startswith(expected):
        msg = (
            f"{path}: expected a SHA-256 that begins with {expected}, came {digest[:8]}; "
            "delete the file and fetch it again"
        )
        raise IntegrityError(msg)
    return digest
