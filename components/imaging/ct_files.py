"""CT volumes as files of a dataset: read whole, brought to int16 HU, written with fixed bytes."""

import errno
import gzip
import os
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import SimpleITK as sitk  # noqa: N813 - the name that its own documentation uses

from components.errors import PatientRejected
from components.imaging.nrrd_header import read_nrrd_header
from components.imaging.volume import Geometry, Volume, VoxelArray

HU_RANGE = (-1024, 3071)
MAX_VOXELS = 512 * 1024 * 1024
"""Of a volume: 1 GiB as int16, several times a whole body."""
MAX_BYTES = 4 * MAX_VOXELS
_CHUNK = 1 << 20
_FEWEST_PER_AXIS = 2
_META_HEADER = 64 * 1024
_NIFTI_HEADER = 348
_NIFTI_FLOATS = {16, 64}
"""Codes of float32 and float64."""
_ORTHONORMAL = 1e-3


def read_ct(path: Path, *, pseudonym: str, role: str) -> tuple[Volume, tuple[str, ...]]:
    """A NIfTI or NRRD volume in HU (int16), and what was changed to make it so.

    Args:
        path: The file; no message names it.
        pseudonym: Who the messages speak of.
        role: What the file is, for example "the arterial volume".

    Raises:
        PatientRejected: The file is no CT volume that can be used; the reason says why.
    """
    _require_own_data(path, pseudonym, role)
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError:
        raise PatientRejected(pseudonym, unreadable(role)) from None
    _check_header(reader, pseudonym, role)
    try:
        with _inflated(path) as plain:
            reader.SetFileName(str(plain))
            n_bad = _check_content(reader, plain)
            image = reader.Execute()
    except (RuntimeError, OSError, EOFError, zlib.error):
        raise PatientRejected(pseudonym, unreadable(role)) from None
    if n_bad:
        raise PatientRejected(pseudonym, no_number(n_bad, role))
    voxels, notes = to_hu(sitk.GetArrayFromImage(image), pseudonym=pseudonym, role=role)
    return Volume(voxels, Geometry.of(image)), notes


def _require_own_data(path: Path, pseudonym: str, role: str) -> None:
    """Refuses a header that names another file for its voxels: ITK would read any of the machine.

    Raises:
        PatientRejected: The header does, or has no end.
    """
    if not path.is_file():
        return
    with path.open("rb") as file:
        start = file.read(_META_HEADER)
    if start.startswith(b"NRRD"):
        read_nrrd_header(path, patient_id=pseudonym, role=role)
    elif path.suffix.lower() in {".mha", ".mhd"}:
        named = re.search(rb"ElementDataFile\s*=\s*(\S+)", start)
        if named is None or named[1] != b"LOCAL":
            reason = f"{role}: its header names another file for the data; save it as .nrrd"
            raise PatientRejected(pseudonym, reason)


def _check_content(reader: sitk.ImageFileReader, plain: Path) -> int:
    """How many voxels of a NIfTI file hold no number: ITK would make zeros of them.

    Raises:
        EOFError: The file is shorter than its header says; there too ITK would add zeros.
    """
    if not reader.HasMetaDataKey("vox_offset") or not plain.name.lower().endswith(".nii"):
        return 0
    n_voxels = int(np.prod([int(n) for n in reader.GetSize()]))
    n_bits, start = int(reader.GetMetaData("bitpix")), int(float(reader.GetMetaData("vox_offset")))
    if plain.stat().st_size < start + n_voxels * n_bits // 8:
        raise EOFError
    if int(reader.GetMetaData("datatype")) not in _NIFTI_FLOATS:
        return 0
    with plain.open("rb") as file:
        order = "<" if int.from_bytes(file.read(4), "little") == _NIFTI_HEADER else ">"
    values = np.memmap(plain, f"{order}f{n_bits // 8}", "r", offset=start, shape=n_voxels)
    return n_voxels - int(np.isfinite(values).sum())


def no_number(n_voxels: int, role: str) -> str:
    """The sentence for a volume that holds voxels without a value."""
    return f"{role}: {n_voxels} voxels hold no number (NaN or infinite); export it again"


@contextmanager
def _inflated(path: Path) -> Iterator[Path]:
    """The file itself; of a compressed NIfTI a plain copy whose checksum was right.

    ITK takes a stream that is cut off for one that goes on with zeros, and never asks its checksum.
    """
    if not path.name.lower().endswith(".nii.gz"):
        yield path
        return
    with TemporaryDirectory(prefix="armwise-") as folder:
        plain = Path(folder) / "volume.nii"
        with gzip.open(path) as packed, plain.open("wb") as file:
            n_left = MAX_BYTES
            while chunk := packed.read(_CHUNK):
                n_left -= len(chunk)
                if n_left < 0:
                    raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
                file.write(chunk)
        yield plain


def unreadable(role: str) -> str:
    """The sentence for a file that no reader understands."""
    return f"{role} cannot be read as an image: it is cut off or no image; export it again"


def _check_header(reader: sitk.ImageFileReader, pseudonym: str, role: str) -> None:
    size = reader.GetSize()
    if reader.GetDimension() != 3 or reader.GetNumberOfComponents() != 1:
        reason = (
            f"{role}: expected one 3D volume, came {reader.GetDimension()} dimensions with "
            f"{reader.GetNumberOfComponents()} channels"
        )
        raise PatientRejected(pseudonym, reason)
    shown = " x ".join(map(str, size))
    if min(size) < _FEWEST_PER_AXIS:
        reason = f"{role}: {shown} voxels are no volume; export the whole series"
        raise PatientRejected(pseudonym, reason)
    if int(np.prod([int(n) for n in size])) > MAX_VOXELS:
        reason = f"{role}: its header says {shown} voxels, which no CT has; export it again"
        raise PatientRejected(pseudonym, reason)
    check_grid(Geometry.of(reader), pseudonym=pseudonym, role=role)


def check_grid(geometry: Geometry, *, pseudonym: str, role: str) -> None:
    """Refuses a grid that is none: spacing zero, axes that are not at right angles.

    Raises:
        PatientRejected: The reason says what the header holds.
    """
    spacing, axes = geometry.spacing_mm, geometry.direction
    if not np.all(np.isfinite(spacing)) or np.any(spacing <= 0):
        reason = f"{role}: the header's spacing is not above 0 mm; export it again"
        raise PatientRejected(pseudonym, reason)
    if not np.all(np.isfinite(geometry.origin_mm)):
        raise PatientRejected(pseudonym, f"{role}: the header's origin is no position")
    if not np.allclose(axes.T @ axes, np.eye(3), atol=_ORTHONORMAL):
        reason = f"{role}: the axes in its header are not at right angles; export it again"
        raise PatientRejected(pseudonym, reason)


def to_hu(values: VoxelArray, *, pseudonym: str, role: str) -> tuple[VoxelArray, tuple[str, ...]]:
    """Voxels as int16 HU within -1024 to 3071, and what was clipped.

    Raises:
        PatientRejected: A voxel is no number.
    """
    if np.issubdtype(values.dtype, np.floating):
        n_bad = int(values.size - np.isfinite(values).sum())
        if n_bad:
            raise PatientRejected(pseudonym, no_number(n_bad, role))
        values = np.rint(values)
    low, high = HU_RANGE
    if low <= values.min() and values.max() <= high:  # nearly every CT: nothing to look at twice
        return values.astype(np.int16, copy=False), ()
    n_above = int((values > high).sum())
    notes = (f"{role}: {n_above} voxels above {high} HU count as {high} HU",) if n_above else ()
    return np.clip(values, low, high).astype(np.int16, copy=False), notes


def write_ct(path: Path, volume: Volume) -> None:
    """Writes a volume as compressed NIfTI without metadata; the same volume, the same bytes."""
    image = sitk.GetImageFromArray(volume.voxels)
    image.SetSpacing([float(value) for value in volume.geometry.spacing_mm])
    image.SetOrigin([float(value) for value in volume.geometry.origin_mm])
    image.SetDirection([float(value) for value in volume.geometry.direction.ravel()])
    sitk.WriteImage(image, str(path), useCompression=True)
