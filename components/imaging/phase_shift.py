"""How far breathing has moved the liver between two phases, along the body's axis."""

import numpy as np

from components.imaging.body import BoolArray
from components.imaging.coarse import CoarseArray, CoarsePhases
from components.imaging.roi import occupied

_WINDOW_HU = (-150.0, 50.0)
"""Contrast lies above it: what is left are the outlines of organs against lung, gas and fat."""
_LARGEST_MM = 36.0
_AROUND_VOXELS = 6
_LEAST_GAIN = 0.75
"""The best shift must leave less than this part of what the worst leaves."""


def phase_shift_mm(phases: CoarsePhases, organ: BoolArray) -> float | None:
    """How much farther toward the head an organ lies in the portal venous phase.

    The shift of whole slices, up to 36 mm, after which the outlines around the organ agree best,
    refined by a parabola. Sideways motion is left out: breathing moves the liver up and down.

    Returns:
        The shift in mm; None where a phase is missing or the outlines say nothing.
    """
    if phases.arterial is None or phases.portal_venous is None or not organ.any():
        return None
    box = _box(organ)
    first, second = (_outlines(hu[box]) for hu in (phases.arterial, phases.portal_venous))
    reach = min(round(_LARGEST_MM / phases.spacing_mm), first.shape[0] // 3)
    costs = np.array([_difference(first, second, shift) for shift in range(-reach, reach + 1)])
    best = int(np.argmin(costs)) if np.isfinite(costs).all() else 0
    if best in (0, len(costs) - 1) or costs[best] > _LEAST_GAIN * costs.max():
        return None
    before, at, after = costs[best - 1 : best + 2]
    bend = before - 2 * at + after
    between = 0.5 * (before - after) / bend if bend > 0 else 0.0
    return float((best - reach + between) * phases.spacing_mm)


def _box(organ: BoolArray) -> tuple[slice, ...]:
    return tuple(
        slice(max(side.start - _AROUND_VOXELS, 0), side.stop + _AROUND_VOXELS)
        for side in occupied(organ)
    )


def _outlines(hu: CoarseArray) -> CoarseArray:
    return np.asarray(np.clip(hu, *_WINDOW_HU))  # NaN stays: not known


def _difference(first: CoarseArray, second: CoarseArray, shift: int) -> float:
    """Mean absolute difference where both are known, the second moved down by a shift."""
    n = first.shape[0]
    a = first[max(-shift, 0) : n - max(shift, 0)]
    b = second[max(shift, 0) : n - max(-shift, 0)]
    apart = np.abs(a - b)
    known = np.isfinite(apart)
    return float(apart[known].mean()) if known.any() else np.inf
