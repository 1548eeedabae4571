"""Which axial slices of a lesion a network sees, and the field of each."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from components.imaging.roi import Field, largest_slice, share_inside, square_field, trimmed
from components.imaging.volume import FloatArray, Geometry, Volume
from components.study.protocol.imaging import ImagingSection

MINIMUM_SHARE_INSIDE = 0.9
"""Of a slice of the ROI; less means that it does not lie in the phase."""


class HasGeometry(Protocol):
    """A phase of which the header has been read."""

    @property
    def geometry(self) -> Geometry:
        """Where its voxels lie in the patient."""
        ...


def lesion_fields(
    lesion: Volume, phases: Sequence[HasGeometry], section: ImagingSection
) -> list[Field]:
    """The fields of a lesion's slices, that of its largest first, in the first phase's planes.

    All are the largest slice's field, moved along the ROI's axis: the lesion keeps its size from
    slice to slice.
    """
    middle = largest_slice(lesion)
    return [
        square_field(
            middle,
            roi=lesion.geometry,
            image=phases[0].geometry,
            margin_mm=section.margin_mm,
            side_mm=section.field_mm if section.crop == "fixed_field" else None,
            away_mm=away_mm,
        )
        for away_mm in _ways(lesion, phases, n=section.slices, step_mm=section.slice_step_mm)
    ]


def _ways(
    lesion: Volume, phases: Sequence[HasGeometry], *, n: int, step_mm: float
) -> list[FloatArray]:
    """How far (3,) in mm from the lesion's largest slice each of n slices lies.

    The first is 0, then come a step to the feet, a step to the head, two to the feet and so on.
    Where no slice of the ROI lies at that distance and inside every phase, the nearest that does
    takes its place, of two as near the one nearer to the largest. So every slice shows the lesion,
    and a small lesion repeats slices.
    """
    if n == 1:
        return [np.zeros(3)]
    drawn = trimmed(lesion)
    axis = drawn.geometry.axial_axis
    indices = np.argwhere(drawn.voxels)[:, ::-1]
    numbers, areas = np.unique(indices[:, axis], return_counts=True)
    largest = int(numbers[np.argmax(areas)])
    inside = [
        number == largest
        or _is_inside(drawn.geometry.to_physical(indices[indices[:, axis] == number] * 1.0), phases)
        for number in numbers
    ]
    to_head = drawn.geometry.direction[:, axis]
    to_head = to_head * (-1.0 if to_head[2] < 0 else 1.0)
    # Heights above the largest slice, whichever way the index runs.
    index_up = float(drawn.geometry.direction[:, axis] @ to_head) * drawn.geometry.spacing_mm[axis]
    heights = (numbers[inside] - largest) * index_up
    steps = sorted(range(-(n // 2), n // 2 + 1), key=lambda step: (abs(step), step))
    found = [
        min(heights, key=lambda height: (round(abs(height - wanted), 6), abs(height)))
        for wanted in (step * step_mm for step in steps)
    ]
    return [height * to_head for height in found]


def _is_inside(points_mm: FloatArray, phases: Sequence[HasGeometry]) -> bool:
    return all(share_inside(phase.geometry, points_mm) >= MINIMUM_SHARE_INSIDE for phase in phases)
