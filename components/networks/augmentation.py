"""Random changes of a batch on the device, so that a small cohort is never seen twice alike.

Shapes: B patients, C channels, H and W pixels. Channels repeat arterial, portal venous, difference.
Torch's global generator draws; the caller seeds it.
"""

import math
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

_PHASES = 2
_CYCLE = 3
"""Arterial, portal venous, their difference."""


class Changes(Protocol):
    """What protocol section `backbone.augment` says; its descriptions tell the units."""

    @property
    def flip(self) -> bool:
        """Whether half of the images are flipped, along each axis."""

    @property
    def rotation_degrees(self) -> float:
        """The largest angle."""

    @property
    def scale(self) -> float:
        """The largest share of size."""

    @property
    def shift(self) -> float:
        """The largest share of half the field."""

    @property
    def gain(self) -> float:
        """The largest share of contrast."""

    @property
    def offset(self) -> float:
        """The largest, in SDs."""

    @property
    def phase_dropout(self) -> float:
        """Share of images that lose a phase."""


def augment(images: Tensor, changes: Changes) -> Tensor:
    """The images (B, C, H, W) flipped, moved a little and changed a little in intensity.

    All channels of an image move together: they show the same tissue. Gain and offset are each
    channel's own. An image that loses a phase loses the difference with it, and never both phases:
    their channels are 0, as those of a phase that was never taken.
    """
    n, channels = images.shape[:2]
    draws = torch.rand((n, 8 + 2 * channels), device=images.device)
    if changes.flip or changes.rotation_degrees or changes.scale or changes.shift:
        maps = _transforms(draws[:, :6], changes)
        grid = functional.affine_grid(maps, list(images.shape), align_corners=False)
        images = functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
    if changes.gain or changes.offset:
        gain, offset = draws[:, 8:].mul(2).sub_(1).view(n, 2, channels, 1, 1).unbind(1)
        images = torch.addcmul(changes.offset * offset, images, 1 + changes.gain * gain)
    if changes.phase_dropout:
        images = images * _kept(draws[:, 6:8], channels, changes.phase_dropout)
    return images


def _transforms(draws: Tensor, changes: Changes) -> Tensor:
    """Affine maps (B, 2, 3) from the new image's coordinates to the old one's."""
    turned, sized, right, down, across, along = (2 * draws - 1).unbind(1)
    angle = math.radians(changes.rotation_degrees) * turned
    size = 1 + changes.scale * sized
    cosine, sine = torch.cos(angle) * size, torch.sin(angle) * size
    if changes.flip:
        across, along = torch.sign(across), torch.sign(along)
    else:
        across = along = torch.ones_like(cosine)
    rows = [cosine * across, -sine * along, changes.shift * right]
    rows += [sine * across, cosine * along, changes.shift * down]
    return torch.stack(rows, dim=1).view(-1, 2, 3)


def _kept(draws: Tensor, channels: int, share: float) -> Tensor:
    """Ones (B, C, 1, 1), and zeros in the channels that an image loses."""
    loses = draws[:, :1] < share
    lost_phase = (draws[:, 1:] * _PHASES).long()
    kind = torch.arange(channels, device=draws.device) % _CYCLE
    gone = loses & ((kind == lost_phase) | (kind == _PHASES))
    return (~gone)[:, :, None, None]
