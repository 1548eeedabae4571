"""Where the planes of DICOM images lie, and the grid that they make.

Works for series of single images and for multi-frame objects; planes that are missing leave gaps.
Planes may be shifted against each other along one line (a tilted gantry): the grid is then skewed.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom

from components.errors import PatientRejected
from components.imaging.dicom_files import (
    DAMAGE,
    UnreadableDicom,
    quiet,
    read_header,
    read_with_pixels,
)
from components.imaging.masks import IntArray
from components.imaging.segment import MAX_BYTES
from components.imaging.volume import FloatArray, Geometry

_OFF_LINE_MM = 0.1
_OFF_PLACE = 0.1
_SAME_PLANE_MM = 1e-3
_GEOMETRY = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "Rows", "Columns")


@dataclass(frozen=True, eq=False)
class Planes:
    """Parallel image planes of one size.

    `origins_mm` (n, 3) are the centres of their first pixels, `row` and `column` (3,) the unit
    vectors along which the column and the row number grow, `spacing_mm` the distance of pixels
    along these, `size` the pixels along these, `steps_mm` what the file says of their distance.
    """

    origins_mm: FloatArray
    row: FloatArray
    column: FloatArray
    spacing_mm: tuple[float, float]
    size: tuple[int, int]
    steps_mm: tuple[float, ...] = ()


@contextmanager
def understood(patient_id: str, role: str) -> Iterator[None]:
    """Whatever is wrong with DICOM attributes that the block reads, in plain words.

    Raises:
        PatientRejected: Something is missing or damaged.
    """
    try:
        with quiet():
            yield
    except (*DAMAGE, OSError, RuntimeError, UnreadableDicom):
        reason = f"{role} cannot be read as DICOM: it is damaged or incomplete; export it again"
        raise PatientRejected(patient_id, reason) from None


def open_dicom(
    path: Path, keywords: Sequence[str], *, patient_id: str, role: str
) -> pydicom.Dataset:
    """These attributes of a DICOM file, pixels undecoded.

    Raises:
        PatientRejected: The file is missing, damaged or too large.
    """
    with understood(patient_id, role):
        is_small = path.stat().st_size <= MAX_BYTES
        dataset = read_with_pixels(path, keywords) if is_small else None
    if dataset is None:
        raise PatientRejected(patient_id, f"{role}: its file is too large to be an ROI")
    return dataset


def read_grid(files: Sequence[Path], *, patient_id: str, role: str) -> Geometry:
    """The grid of a CT series, from its headers alone.

    Args:
        files: The series' files, in any order.
        patient_id: Who the messages speak of.
        role: What they call the series.

    Raises:
        PatientRejected: A file is unreadable, or the images make no grid.
    """
    with understood(patient_id, role):
        planes = _planes_of_images([read_header(path, _GEOMETRY)[0] for path in files])
    grid, _ = stack(planes, patient_id=patient_id, role=role)
    return grid


def _planes_of_images(headers: Sequence[pydicom.Dataset]) -> Planes:
    first = headers[0]
    orientation = _numbers(first.ImageOrientationPatient, 6)
    size = (int(first.Columns), int(first.Rows))
    spacing = _numbers(first.PixelSpacing, 2)
    for header in headers:
        if (int(header.Columns), int(header.Rows)) != size or not np.allclose(
            _numbers(header.ImageOrientationPatient, 6), orientation, atol=1e-3
        ):
            raise ValueError("images of different size or orientation")
    origins = np.array([_numbers(header.ImagePositionPatient, 3) for header in headers])
    return Planes(
        origins, orientation[:3], orientation[3:], (float(spacing[1]), float(spacing[0])), size
    )


def planes_of_frames(dataset: Any) -> Planes:
    """The planes of a multi-frame object's frames, in their order.

    Raises:
        AttributeError, ValueError: It lacks what says where a frame lies (inside `understood`).
    """
    n = len(dataset.PerFrameFunctionalGroupsSequence)
    orientations = np.array(
        [
            _numbers(group(dataset, f, "PlaneOrientationSequence").ImageOrientationPatient, 6)
            for f in range(n)
        ]
    )
    if not np.allclose(orientations, orientations[0], atol=1e-3):
        raise ValueError("frames of different orientation")
    measures = group(dataset, 0, "PixelMeasuresSequence")
    spacing = _numbers(measures.PixelSpacing, 2)
    said = (measures.get("SpacingBetweenSlices"), measures.get("SliceThickness"))
    origins = [
        _numbers(group(dataset, f, "PlanePositionSequence").ImagePositionPatient, 3)
        for f in range(n)
    ]
    return Planes(
        np.array(origins),
        orientations[0, :3],
        orientations[0, 3:],
        (float(spacing[1]), float(spacing[0])),
        (int(dataset.Columns), int(dataset.Rows)),
        tuple(abs(float(value)) for value in said if value),
    )


def group(dataset: Any, frame: int, name: str) -> Any:
    """A functional group of a frame: its own, else the one that all frames share."""
    own = dataset.PerFrameFunctionalGroupsSequence[frame].get(name)
    return own[0] if own else dataset.SharedFunctionalGroupsSequence[0][name].value[0]


def _numbers(value: Any, n: int) -> FloatArray:
    numbers = np.array([float(one) for one in value])
    if len(numbers) != n or not np.all(np.isfinite(numbers)):
        raise ValueError("expected other numbers")
    return numbers


def stack(planes: Planes, *, patient_id: str, role: str) -> tuple[Geometry, IntArray]:
    """The grid of planes, and the slice number (n,) of each; gaps between them stay empty.

    Raises:
        PatientRejected: The planes are no stack of evenly spaced slices.
    """
    normal = np.cross(planes.row, planes.column)
    if abs(np.linalg.norm(normal) - 1) > 1e-2 or min(planes.spacing_mm) <= 0:
        raise PatientRejected(patient_id, f"{role}: rows and columns are not at right angles")
    height = planes.origins_mm @ normal
    order = np.argsort(height, kind="stable")
    low, high = planes.origins_mm[order[0]], planes.origins_mm[order[-1]]
    along, reach = normal, float(height.max() - height.min())
    if reach > _SAME_PLANE_MM:
        along = (high - low) / np.linalg.norm(high - low)
    slant = float(along @ normal)
    on_line = low + np.outer((height - height.min()) / slant, along)
    if np.abs(planes.origins_mm - on_line).max() > _OFF_LINE_MM:
        raise PatientRejected(patient_id, f"{role}: its slices do not lie above each other")
    step, numbers = _even_step(planes, height - height.min())
    if step is None:
        reason = f"{role}: its slices lie at uneven distances, or their distance is not said"
        raise PatientRejected(patient_id, reason)
    size = (*planes.size, int(numbers.max()) + 1)
    spacing = np.array([*planes.spacing_mm, step / slant])
    direction = np.stack([planes.row, planes.column, along], axis=1)
    return Geometry(size, spacing, low, direction), numbers


def _even_step(planes: Planes, height: FloatArray) -> tuple[float | None, IntArray]:
    """The distance of slices that places all planes, and their numbers; None where none does."""
    steps = np.diff(np.unique(np.round(height / _SAME_PLANE_MM) * _SAME_PLANE_MM))
    candidates = [*planes.steps_mm, *([float(steps.min())] if len(steps) else [])]
    for step in candidates:
        numbers = np.rint(height / step).astype(np.int64)
        last = int(numbers.max())
        refined = float(height.max()) / last if last else step
        if np.abs(height / refined - numbers).max() <= _OFF_PLACE:
            return refined, numbers
    return None, np.zeros(0, dtype=np.int64)
