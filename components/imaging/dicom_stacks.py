"""Slices as one regular stack: their order, their grid, and what keeps them from being one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from components.imaging.dicom_slices import Slice
from components.imaging.volume import FloatArray, Geometry

_OFF_GRID = 0.1
"""Of the slice distance: how far a slice may lie from its place in a regular stack."""
_OFF_LINE_PX = 0.5
"""How far in its plane a slice may lie from the straight line of the others."""
_SAME_ORIENTATION = 2e-3
_SAME_SPACING_MM = 1e-3
_TILT_PX = 0.1
"""Shift of the last slice against the first that counts as a tilt of the gantry."""
_STEEPEST_DEG = 45.0
"""No gantry tilts further than 30 degrees."""


class StackFault(Exception):
    """Slices that are no regular stack; the text says why."""


@dataclass(frozen=True, eq=False, repr=False)
class SliceStack:
    """Slices sorted along their normal and the orthogonal grid that they are read into.

    `shift_mm` (n, 2) is how far the first voxel of each slice lies from the grid's, along a row and
    along a column: zero unless the gantry was tilted. Then the grid is as much wider as the slices
    drift, so that none is cut.
    """

    slices: tuple[Slice, ...]
    geometry: Geometry
    shift_mm: FloatArray
    tilt_deg: float


def stack(slices: Sequence[Slice]) -> SliceStack:
    """A regular stack of slices, none of which has a fault of its own.

    Raises:
        StackFault: Matrix, pixel spacing or orientation differ, positions repeat, a slice is
            missing, distances are uneven, or slices are shifted against each other.
    """
    _require_alike(slices)
    ordered = sorted(slices, key=lambda one: (along_normal(one, slices[0]), one.instance_number))
    first = ordered[0]
    axes = first.axes
    places = np.array([one.position_mm for one in ordered]) - np.asarray(first.position_mm)
    u, v, distance = (places @ axes[:, axis] for axis in range(3))
    spacing = _slice_spacing(ordered, distance)
    dv, du = (float(side) for side in first.pixel_spacing_mm or (1.0, 1.0))
    drift = np.stack([_straight(u, distance, du), _straight(v, distance, dv)], axis=1)
    low = drift.min(axis=0)
    wider = [math.ceil(float(np.ptp(drift[:, axis])) / side) for axis, side in ((0, du), (1, dv))]
    rows, columns = first.size
    geometry = Geometry(
        size=(columns + wider[0], rows + wider[1], len(ordered)),
        spacing_mm=np.array([du, dv, spacing]),
        origin_mm=np.asarray(first.position_mm) + axes[:, :2] @ low,
        direction=axes,
    )
    lean = float(np.hypot(*(drift[-1] - drift[0])))
    tilt = math.degrees(math.atan2(lean, float(distance[-1]))) if lean else 0.0
    if tilt > _STEEPEST_DEG:
        msg = f"slices shifted against each other as by a gantry tilt of {tilt:.0f} degrees"
        raise StackFault(msg)
    return SliceStack(tuple(ordered), geometry, drift - low, tilt)


def along_normal(one: Slice, reference: Slice) -> float:
    """Position in mm of a slice along the normal of another."""
    return float(np.asarray(one.position_mm) @ reference.axes[:, 2])


def alike_orientation(one: Slice, other: Slice) -> bool:
    """Whether two slices are parallel and not turned against each other."""
    difference = np.abs(one.axes[:, :2] - other.axes[:, :2])
    return bool(np.max(difference) < _SAME_ORIENTATION)


def _require_alike(slices: Sequence[Slice]) -> None:
    first = slices[0]
    sizes = {one.size for one in slices}
    if len(sizes) > 1:
        shown = ", ".join(f"{columns} x {rows}" for rows, columns in sorted(sizes)[:3])
        msg = f"slices of different matrices ({shown})"
        raise StackFault(msg)
    spacings = np.array([one.pixel_spacing_mm for one in slices])
    if np.ptp(spacings, axis=0).max() > _SAME_SPACING_MM:
        msg = (
            f"slices of different pixel spacings ({spacings.min():.3f} to {spacings.max():.3f} mm)"
        )
        raise StackFault(msg)
    turned = sum(not alike_orientation(one, first) for one in slices)
    if turned:
        n = min(turned, len(slices) - turned)
        msg = f"slices of different orientations ({n} of {len(slices)} lie otherwise)"
        raise StackFault(msg)


def _slice_spacing(ordered: Sequence[Slice], distance: FloatArray) -> float:
    """Distance in mm between neighbours.

    Raises:
        StackFault: It is unknown, or not the same everywhere.
    """
    n = len(ordered)
    if n == 1:
        known = (ordered[0].spacing_between_mm, ordered[0].acquisition.get("slice_thickness_mm"))
        spacing = next((abs(float(value)) for value in known if value), 0.0)
        if not spacing:
            msg = "a single slice of unknown thickness"
            raise StackFault(msg)
        return spacing
    gaps = np.diff(distance)
    spacing, usual = float(distance[-1]) / (n - 1), float(np.sort(gaps)[(n - 2) // 2])
    if gaps.min() < 0.01:
        msg = f"several slices at one position ({int((gaps < 0.01).sum())} of {n} repeat another)"
        raise StackFault(msg)
    if np.abs(distance - spacing * np.arange(n)).max() <= _OFF_GRID * spacing:
        return spacing
    widest = int(np.argmax(gaps))
    if gaps[widest] > 1.5 * usual:
        msg = (
            f"a slice is missing between slices {widest + 1} and {widest + 2} of {n}: "
            f"{gaps[widest]:.2f} mm apart, the others {usual:.2f} mm"
        )
        raise StackFault(msg)
    msg = f"slices at uneven distances ({gaps.min():.2f} to {gaps.max():.2f} mm)"
    raise StackFault(msg)


def _straight(shift: FloatArray, distance: FloatArray, side_mm: float) -> FloatArray:
    """In-plane shifts (n,) in mm of a tilted gantry, smoothed to their line; zero if there is none.

    Raises:
        StackFault: They follow no line.
    """
    if len(shift) == 1:
        return np.zeros(1)
    line = distance * float(shift @ distance) / float(distance @ distance)
    if np.abs(shift - line).max() > _OFF_LINE_PX * side_mm:
        msg = f"slices shifted against each other by up to {np.abs(shift - line).max():.1f} mm"
        raise StackFault(msg)
    return line if abs(line[-1]) > _TILT_PX * side_mm else np.zeros(len(shift))
