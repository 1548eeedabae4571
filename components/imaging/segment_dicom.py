"""Segments of DICOM SEG objects: binary, fractional, overlapping, and label maps.

A SEG holds frames only where a segment is, each with its place in the patient (DICOM PS3.3,
A.51 and C.8.20). Names are the segments' labels.
"""

from typing import Any

import numpy as np

from components.errors import PatientRejected
from components.imaging.dicom_planes import Planes, group, planes_of_frames, stack, understood
from components.imaging.masks import BoolArray, IntArray
from components.imaging.segment import MAX_BYTES, Drawing
from components.imaging.volume import Geometry, Volume, VoxelArray

SEGMENTATION_CLASSES = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
"""Segmentation Storage and Label Map Segmentation Storage."""

KEYWORDS = (
    "SOPClassUID", "PatientID", "SegmentationType", "SegmentSequence", "MaximumFractionalValue",
    "NumberOfFrames", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "SamplesPerPixel", "PhotometricInterpretation", "PixelData",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
)  # fmt: skip
"""What is read of a SEG."""

_HALF = 0.5
_OFF_GRID = 0.05
"""Of a voxel: how far a frame may lie off the CT's pixels to count as drawn on them."""


def draw_dicom_segmentation(
    dataset: Any, *, reference: Geometry | None, pseudonym: str, role: str
) -> Drawing:
    """The segments of a SEG, on the grid of its CT where it was drawn on that.

    Args:
        dataset: The SEG.
        reference: The CT's grid; without it, and where frames do not lie on its pixels, the frames
            make a grid of their own.
        pseudonym: Who the messages speak of.
        role: What they call the file.

    Raises:
        PatientRejected: The SEG is damaged, too large, or its frames make no grid.
    """
    with understood(pseudonym, role):
        _check_size(dataset, pseudonym=pseudonym, role=role)
        planes = planes_of_frames(dataset)
        segments = {
            int(item.SegmentNumber): str(item.get("SegmentLabel", ""))
            for item in dataset.SegmentSequence
            if int(item.SegmentNumber) > 0  # 0 is the background of a label map
        }
        owners = _owners(dataset, len(planes.origins_mm))
        pixels = dataset.pixel_array.reshape(-1, planes.size[1], planes.size[0])
    numbers = None if reference is None else _slices_of(reference, planes)
    if reference is None or numbers is None:
        grid, numbers = stack(planes, patient_id=pseudonym, role=role)
    else:
        grid = reference
    if int(np.prod(grid.size)) > MAX_BYTES:
        raise PatientRejected(pseudonym, f"{role}: its frames lie impossibly far apart")
    placed = numbers

    def mask(number: int) -> Volume:
        segment = list(segments)[number]
        voxels = np.zeros(grid.size[::-1], dtype=np.bool_)
        for frame in np.flatnonzero((owners == segment) | (owners == _ALL)):
            voxels[placed[frame]] |= _marked(dataset, pixels[frame], segment)
        return Volume(voxels, grid)

    return Drawing(tuple(segments.values()), int(np.prod(grid.size)), mask)


_ALL = -1
"""Stands for the segments of a label map's frame: its pixels say which."""


def _check_size(dataset: Any, *, pseudonym: str, role: str) -> None:
    n_frames = int(dataset.NumberOfFrames)
    n_bytes = n_frames * int(dataset.Rows) * int(dataset.Columns) * 2
    if n_bytes > MAX_BYTES or n_frames != len(dataset.PerFrameFunctionalGroupsSequence):
        reason = f"{role}: its header says {n_frames} frames, more than it has; export it again"
        raise PatientRejected(pseudonym, reason)


def _owners(dataset: Any, n_frames: int) -> IntArray:
    """The segment number of each frame."""
    if dataset.SegmentationType == "LABELMAP":
        return np.full(n_frames, _ALL, dtype=np.int64)
    said = [group(dataset, f, "SegmentIdentificationSequence") for f in range(n_frames)]
    return np.array([int(one.ReferencedSegmentNumber) for one in said], dtype=np.int64)


def _marked(dataset: Any, frame: VoxelArray, segment: int) -> BoolArray:
    if dataset.SegmentationType == "LABELMAP":
        return np.asarray(frame == segment)
    if dataset.SegmentationType == "FRACTIONAL":
        return np.asarray(frame >= _HALF * float(dataset.MaximumFractionalValue))
    return np.asarray(frame != 0)


def _slices_of(reference: Geometry, planes: Planes) -> IntArray | None:
    """The CT's slice number of each plane; None where its pixels are not those of the CT."""
    if reference.size[:2] != planes.size:
        return None
    columns, rows = planes.size
    far = (columns - 1) * planes.spacing_mm[0] * planes.row
    far = far + (rows - 1) * planes.spacing_mm[1] * planes.column
    first = reference.to_index(planes.origins_mm)
    last = reference.to_index(planes.origins_mm + far)
    numbers = np.rint(first[:, 2]).astype(np.int64)
    zero = np.zeros(len(numbers))
    expected_first = np.stack([zero, zero, numbers], axis=1)
    expected_last = np.stack([zero + columns - 1, zero + rows - 1, numbers], axis=1)
    is_on = np.abs(first - expected_first).max() <= _OFF_GRID
    is_on = is_on and np.abs(last - expected_last).max() <= _OFF_GRID
    is_inside = numbers.min() >= 0 and numbers.max() < reference.size[2]
    return numbers if is_on and is_inside else None
