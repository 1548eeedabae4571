"""Decoding slices to HU on an orthogonal grid."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels.decoders.base import Decoder, get_decoder
from pydicom.uid import UID

from components.errors import PatientRejected
from components.imaging.dicom_attributes import PIXEL_LAYOUT
from components.imaging.dicom_codestreams import declared_size, is_whole
from components.imaging.dicom_files import DAMAGE, UnreadableDicom, quiet, read_with_pixels
from components.imaging.dicom_slices import Slice
from components.imaging.dicom_stacks import SliceStack
from components.imaging.volume import FloatArray, Volume

MAX_BYTES = 2 * 2**30
"""Of a decoded series: 4,000 slices of 512 x 512. More is refused before it is allocated."""
AIR_HU, HIGHEST_HU = -1024, 3071
"""Limits of 12-bit CT; AIR_HU also stands where a slice has no image."""

HuArray = NDArray[np.int16]


@dataclass
class _Counts:
    """Voxels that are not as the files have them."""

    padding: int = 0
    below: int = 0
    above: int = 0

    def notes(self) -> tuple[str, ...]:
        told = (
            (self.padding, f"voxels of padding set to {AIR_HU} HU"),
            (self.below, f"voxels below {AIR_HU} HU set to it"),
            (self.above, f"voxels above {HIGHEST_HU} HU set to it"),
        )
        return tuple(f"{n} {text}" for n, text in told if n)


@dataclass(frozen=True)
class _Asked:
    """Whose slices they are, for messages."""

    pseudonym: str
    role: str
    n_slices: int

    def rejected(self, number: int, reason: str) -> PatientRejected:
        text = f"{self.role}: slice {number} of {self.n_slices} {reason}; export the series again"
        return PatientRejected(self.pseudonym, text)


def read_stack(
    stack: SliceStack, first: int, last: int, *, pseudonym: str, role: str
) -> tuple[Volume, tuple[str, ...]]:
    """Slices from `first` up to, not including, `last` in int16 HU, and what was changed in them.

    Only the files of these slices are read. The tilt of a gantry is resampled away: each slice is
    shifted in its plane, linearly interpolated; the grid is the same whatever is asked for.

    Raises:
        PatientRejected: The slices are too large together, or one cannot be decoded.
    """
    n = len(stack.slices)
    columns, rows, _ = stack.geometry.size
    if (last - first) * rows * columns * 2 > MAX_BYTES:
        reason = (
            f"{role}: {last - first} slices of {columns} x {rows} voxels need more than "
            f"{MAX_BYTES // 2**30} GiB; expected the CT of one phase"
        )
        raise PatientRejected(pseudonym, reason)
    voxels = np.full((last - first, rows, columns), AIR_HU, dtype=np.int16)
    counts = _Counts()
    for k, raw in _decoded(stack, first, last, _Asked(pseudonym, role, n)):
        hu = _to_hu(raw, stack.slices[k], counts)
        voxels[k - first] = _placed(hu, stack, k) if stack.tilt_deg else hu
    low, high = np.array([0, 0, first]), np.array([columns, rows, last])
    notes = counts.notes()
    if stack.tilt_deg:
        notes = (f"a gantry tilt of {stack.tilt_deg:.1f} degrees was resampled away", *notes)
    return Volume(voxels, stack.geometry.part(low, high)), notes


def _decoded(
    stack: SliceStack, first: int, last: int, asked: _Asked
) -> Iterator[tuple[int, NDArray[np.integer]]]:
    """Numbers and raw pixels of slices, each file read once."""
    by_file: dict[Path, list[int]] = defaultdict(list)
    for k in range(first, last):
        by_file[stack.slices[k].path].append(k)
    for path, numbers in by_file.items():
        try:
            dataset = _pixel_dataset(path)
        except (UnreadableDicom, OSError):
            raise asked.rejected(numbers[0] + 1, "cannot be read any more") from None
        for k in numbers:
            yield k, _frame(dataset, stack.slices[k], asked.rejected(k + 1, _UNDECODABLE))


_UNDECODABLE = "cannot be decoded: its pixel data are cut off, damaged or of another size"


def _pixel_dataset(path: Path) -> Dataset:
    if path.stat().st_size > MAX_BYTES + 2**26:
        raise UnreadableDicom
    return read_with_pixels(path, (*PIXEL_LAYOUT, *_PIXEL_DATA))


_PIXEL_DATA = ("PixelData", "ExtendedOffsetTable", "ExtendedOffsetTableLengths")


def _frame(dataset: Dataset, one: Slice, rejected: PatientRejected) -> NDArray[np.integer]:
    try:
        with quiet():
            syntax = UID(dataset.file_meta.TransferSyntaxUID)
            if syntax.is_encapsulated:
                _require_sound(dataset, one)
            raw, _ = _decoder(syntax).as_array(
                dataset,
                index=one.frame,
                raw=True,
                decoding_plugin="pylibjpeg" if syntax.is_encapsulated else "",
            )
    except (*DAMAGE, RuntimeError, OSError):
        raise rejected from None
    if raw.shape != one.size:
        raise rejected
    return raw


def _decoder(syntax: UID) -> Decoder:
    return get_decoder(syntax)


def _require_sound(dataset: Dataset, one: Slice) -> None:
    """Refuses a compressed frame that is cut off, or of another size than its file says.

    Raises:
        ValueError: It is.
    """
    n_frames = int(dataset.get("NumberOfFrames") or 1)
    codestream = get_frame(dataset.PixelData, one.frame, number_of_frames=n_frames)
    declared = declared_size(codestream)
    if declared is not None and (declared != one.size or not is_whole(codestream)):
        raise ValueError


def _to_hu(raw: NDArray[np.integer], one: Slice, counts: _Counts) -> HuArray:
    slope, intercept = one.hu_scale
    if slope == 1 and intercept == int(intercept):
        hu = raw.astype(np.int32) + int(intercept)
    else:
        hu = np.rint(raw * slope + intercept).astype(np.int64)
    if one.padding is not None:
        is_padding = (raw >= one.padding[0]) & (raw <= one.padding[1])
        hu[is_padding] = AIR_HU
        counts.padding += int(is_padding.sum())
    if hu.min() < AIR_HU or hu.max() > HIGHEST_HU:
        counts.below += int((hu < AIR_HU).sum())
        counts.above += int((hu > HIGHEST_HU).sum())
        hu = hu.clip(AIR_HU, HIGHEST_HU)
    return hu.astype(np.int16)


def _placed(hu: HuArray, stack: SliceStack, k: int) -> HuArray:
    """A slice of a tilted stack (rows, columns) at its place in the wider grid, its rim air."""
    columns, rows, _ = stack.geometry.size
    shift = stack.shift_mm[k] / stack.geometry.spacing_mm[:2]
    moved = _moved(hu.astype(np.float64), float(shift[1]), rows)
    moved = _moved(moved.T, float(shift[0]), columns).T
    return np.rint(moved).astype(np.int16)


def _moved(values: FloatArray, shift_px: float, n: int) -> FloatArray:
    """Values (m, ...) moved by a fraction of a pixel to the right along n pixels, linearly."""
    source = np.arange(n) - shift_px
    inside = (source > -0.5) & (source < len(values) - 0.5)
    below = np.clip(np.floor(source), 0, len(values) - 1).astype(np.intp)
    above = np.minimum(below + 1, len(values) - 1)
    weight = np.clip(source - below, 0, 1)[:, None]
    moved = values[below] * (1 - weight) + values[above] * weight
    moved[~inside] = AIR_HU
    return np.asarray(moved)
