"""Random changes of a batch on the device, so that a small cohort is never seen twice alike.

Shapes: B patients, C channels, H and W pixels. Torch's global generator draws; the caller seeds it.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

_ROTATION_RAD = math.radians(15)
_SCALE = 0.1
_SHIFT = 0.1
"""Of half the field."""
_GAIN = 0.1
_OFFSET = 0.1
"""In SDs of the image."""


def augment(images: Tensor) -> Tensor:
    """The images (B, C, H, W) flipped, moved a little and changed a little in intensity.

    Left and right are flipped in half of the images, front and back in half; rotation to 15
    degrees, size and position by a tenth; each channel's gain and offset by a tenth. All channels
    of an image move together: they show the same tissue.
    """
    n, channels = images.shape[:2]
    grid = functional.affine_grid(
        _transforms(n, images.device), list(images.shape), align_corners=False
    )
    moved = functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
    gain = 1 + _GAIN * _uniform(n, channels, 1, 1, device=images.device)
    offset = _OFFSET * _uniform(n, channels, 1, 1, device=images.device)
    return moved * gain + offset


def _transforms(n: int, device: torch.device) -> Tensor:
    """Affine maps (B, 2, 3) from the new image's coordinates to the old one's."""
    angle = _ROTATION_RAD * _uniform(n, device=device)
    scale = 1 + _SCALE * _uniform(n, device=device)
    flips = torch.randint(0, 2, (2, n), device=device) * 2 - 1
    cosine, sine = torch.cos(angle) * scale, torch.sin(angle) * scale
    shifts = _SHIFT * _uniform(2, n, device=device)
    rows = [cosine * flips[0], -sine * flips[1], shifts[0]]
    rows += [sine * flips[0], cosine * flips[1], shifts[1]]
    return torch.stack(rows, dim=1).reshape(n, 2, 3)


def _uniform(*shape: int, device: torch.device) -> Tensor:
    return torch.rand(shape, device=device) * 2 - 1
