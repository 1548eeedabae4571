"""Label volumes as they lie in NRRD and NIfTI files, one array for each layer."""

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import SimpleITK as sitk  # noqa: N813 - the name that its own documentation uses

from components.errors import PatientRejected
from components.imaging.roi import occupied
from components.imaging.segment import MAX_BYTES
from components.imaging.volume import Geometry, VoxelArray

COMPRESSED_NIFTI = [".nii", ".gz"]
_CHUNK = 1024**2
_FEW = 64
_NIFTI_1_HEADER, _NIFTI_2_HEADER = 348, 540


@dataclass(frozen=True, eq=False)
class LabelImage:
    """Layers (k, j, i) of label values on one grid; in each layer a value is another segment.

    The layers may be views of the memory that `source` owns: copying costs as much as reading.
    """

    layers: tuple[VoxelArray, ...]
    geometry: Geometry
    source: Any = None

    def segments(self) -> list[tuple[int, int, float]]:
        """(voxels, layer, value) of each value above 0 in each layer."""
        return [
            (count, number, value)
            for number, layer in enumerate(self.layers)
            for value, count in _counts(layer)
            if value > 0
        ]


def read_label_image(path: Path, *, patient_id: str, role: str) -> LabelImage:
    """The labels of an NRRD or NIfTI file.

    3D Slicer stores overlapping segments as layers: components of a voxel, or a fourth axis.

    Args:
        path: The file; it exists.
        patient_id: Who the messages speak of.
        role: What they call the file.

    Raises:
        PatientRejected: The file is unreadable, no 3D segmentation, or absurdly large.
    """
    if has_plain_twin(path):
        reason = (
            f"{role}: an uncompressed file of the same name lies beside it and would be read in "
            "its place; remove one of the two"
        )
        raise PatientRejected(patient_id, reason)
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    with path.open("rb") as file:
        if file.read(4) == b"NRRD":  # whatever the file is called
            reader.SetImageIO("NrrdImageIO")
    try:
        reader.ReadImageInformation()
        _check_size(reader, patient_id=patient_id, role=role)
        image = reader.Execute()
    except RuntimeError:
        reason = f"{role} cannot be read as an image; export it again"
        raise PatientRejected(patient_id, reason) from None
    geometry = _geometry(image)
    if not (np.isfinite(geometry.origin_mm).all() and np.isfinite(geometry.spacing_mm).all()):
        reason = f"{role}: its header gives no position in the patient; export it again"
        raise PatientRejected(patient_id, reason)
    labels = sitk.GetArrayViewFromImage(image)
    if image.GetDimension() == 4:
        return LabelImage(tuple(labels), geometry, image)
    layers = labels.reshape(*labels.shape[:3], -1)
    return LabelImage(tuple(layers[..., n] for n in range(layers.shape[3])), geometry, image)


def has_plain_twin(path: Path) -> bool:
    """Whether `x.nii` lies beside `x.nii.gz`, for which ITK then hands over its voxels."""
    return path.suffixes[-2:] == COMPRESSED_NIFTI and path.with_suffix("").exists()


def _check_size(reader: Any, *, patient_id: str, role: str) -> None:
    dimensions = reader.GetDimension()
    if dimensions not in (3, 4) or (dimensions == 4 and reader.GetNumberOfComponents() > 1):
        reason = f"{role}: expected a 3D segmentation, came {dimensions} dimensions"
        raise PatientRejected(patient_id, reason)
    if _n_bytes(reader) > MAX_BYTES:
        size = " x ".join(map(str, reader.GetSize()))
        reason = f"{role}: its header says {size} voxels, more than any CT has; export it again"
        raise PatientRejected(patient_id, reason)


def _n_bytes(reader: Any) -> int:
    """Bytes of the voxels; SimpleITK says the type in words ("vector of 8-bit unsigned ...")."""
    words = sitk.GetPixelIDValueAsString(reader.GetPixelID())
    bits = next((n for n in (8, 16, 32, 64) if f"{n}-bit" in words), 128)
    n_voxels = 1
    for length in reader.GetSize():
        n_voxels *= int(length)
    return n_voxels * int(reader.GetNumberOfComponents()) * bits // 8


def _geometry(image: Any) -> Geometry:
    """The grid of the first three axes."""
    n = image.GetDimension()
    direction = np.asarray(image.GetDirection(), dtype=np.float64).reshape(n, n)[:3, :3]
    i, j, k = (int(length) for length in image.GetSize()[:3])
    spacing, origin = image.GetSpacing()[:3], image.GetOrigin()[:3]
    return Geometry((i, j, k), np.asarray(spacing), np.asarray(origin), direction)


def _counts(layer: VoxelArray) -> list[tuple[float, int]]:
    """Values other than 0 and how often they stand.

    Only the box that holds any is counted, and comparing with a few is faster than sorting all.
    """
    layer = layer[occupied(layer)]
    if not layer.size:
        return []
    if np.issubdtype(layer.dtype, np.integer) and layer.min() >= 0 and layer.max() < _FEW:
        counted = [(float(n), int(np.count_nonzero(layer == n))) for n in range(layer.max() + 1)]
        return [(value, count) for value, count in counted if count]
    values, counts = np.unique(layer, return_counts=True)
    return [(float(v), int(n)) for v, n in zip(values, counts, strict=True)]


def require_complete(
    path: Path, image: LabelImage, *, data_at: int, patient_id: str, role: str
) -> None:
    """Refuses a compressed file that ends before its last voxel: ITK fills the rest with zeros.

    Args:
        path: The file.
        image: What was read from it.
        data_at: Where its compressed part begins.
        patient_id: Who the messages speak of.
        role: What they call the file.

    Raises:
        PatientRejected: The file is cut off or damaged.
    """
    expected = sum(layer.nbytes for layer in image.layers)
    with path.open("rb") as file:
        file.seek(data_at)
        if file.read(2) != b"\x1f\x8b":
            return
        file.seek(data_at)
        is_whole = _holds(file, expected, has_header=data_at == 0)
    if not is_whole:
        reason = f"{role} is cut off or damaged: voxels are missing; export it again"
        raise PatientRejected(patient_id, reason)


def _holds(file: BinaryIO, n_bytes: int, *, has_header: bool) -> bool:
    """Whether a gzip stream inflates to as many bytes; it is never inflated further."""
    try:
        with gzip.GzipFile(fileobj=file) as stream:
            if has_header:
                # NIfTI begins with the length of its header; four bytes or more stand behind it.
                length = int.from_bytes(stream.read(4), "little")
                n_bytes += _NIFTI_2_HEADER if length == _NIFTI_2_HEADER else _NIFTI_1_HEADER
            while n_bytes > 0:
                read = len(stream.read(min(_CHUNK, n_bytes)))
                if read == 0:
                    return False
                n_bytes -= read
            stream.read(1)  # at the end of the stream its checksum is compared
    except (OSError, EOFError, zlib.error):
        return False
    return True
