"""Reading CT volumes (NIfTI, NRRD) and ROIs (3D Slicer's .seg.nrrd, label maps).

Of a CT only the part that is asked for is read: inflating the rest costs most of the time.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813 - the name that its own documentation uses

from components.errors import PatientRejected
from components.imaging.label_image import (
    COMPRESSED_NIFTI,
    LabelImage,
    has_plain_twin,
    read_label_image,
)
from components.imaging.roi import trimmed
from components.imaging.volume import FloatArray, Geometry, Volume


@dataclass(frozen=True)
class CtFile:
    """A CT volume on disk whose header has been read."""

    path: Path
    patient_id: str
    geometry: Geometry

    def around(self, points_mm: FloatArray) -> Volume | None:
        """The part of the volume (HU) needed to interpolate at points (n, 3); None if outside it.

        Raises:
            PatientRejected: The voxels cannot be read.
        """
        index = self.geometry.to_index(points_mm)
        low = np.maximum(np.floor(index.min(axis=0)).astype(np.int64) - 1, 0)
        high = np.minimum(np.ceil(index.max(axis=0)).astype(np.int64) + 2, self.geometry.size)
        if np.any(high <= low):
            return None
        reader = _reader(self.path)
        reader.SetExtractIndex([int(n) for n in low])
        reader.SetExtractSize([int(n) for n in high - low])
        image = _execute(reader, self.path, patient_id=self.patient_id)
        return Volume(sitk.GetArrayFromImage(image), self.geometry.part(low, high))


def open_ct(path: Path, *, patient_id: str) -> CtFile:
    """A CT volume, of which only the header is read now.

    Raises:
        PatientRejected: The file is missing, unreadable, or no single-channel 3D volume.
    """
    _require(path, patient_id=patient_id)
    if has_plain_twin(path):
        reason = (
            f"{path.stem} lies beside {path.name} and would be read in its place; remove one of "
            "the two"
        )
        raise PatientRejected(patient_id, reason)
    reader = _reader(path)
    try:
        reader.ReadImageInformation()
    except RuntimeError:
        raise PatientRejected(patient_id, _unreadable(path)) from None
    if reader.GetDimension() != 3 or reader.GetNumberOfComponents() != 1:
        reason = (
            f"{path.name}: expected one 3D volume, came {reader.GetDimension()} dimensions "
            f"with {reader.GetNumberOfComponents()} channels"
        )
        raise PatientRejected(patient_id, reason)
    return CtFile(path, patient_id, Geometry.of(reader))


def read_roi(path: Path, *, patient_id: str) -> Volume:
    """The patient's ROI as a mask, cut to the part that holds any segment.

    Of several segments it is the one with most voxels.

    Raises:
        PatientRejected: The file is missing, unreadable, or holds no marked voxel.
    """
    return read_lesions(path, patient_id=patient_id)[0]


def read_lesions(path: Path, *, patient_id: str) -> tuple[Volume, ...]:
    """Every segment of the patient's ROI as a mask, that with most voxels first.

    A .seg.nrrd with overlapping segments has a layer for each overlap, and a label value means
    another segment in another layer: a segment is a pair of layer and value.

    Raises:
        PatientRejected: The file is missing, unreadable, or holds no marked voxel.
    """
    _require(path, patient_id=patient_id)
    image = read_label_image(path, patient_id=patient_id, role=path.name)
    # Cut first: an ROI takes a thousandth of its file's voxels.
    parts = [trimmed(Volume(layer, image.geometry)) for layer in image.layers]
    segments = LabelImage(tuple(part.voxels for part in parts), image.geometry).segments()
    if not segments:
        raise PatientRejected(patient_id, f"{path.name}: the ROI is empty")
    ordered = sorted(segments, key=lambda segment: (-segment[0], segment[1], segment[2]))
    return tuple(
        Volume(parts[layer].voxels == value, parts[layer].geometry) for _, layer, value in ordered
    )


def _reader(path: Path) -> Any:
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    if path.suffixes[-2:] == COMPRESSED_NIFTI:  # else every format is asked, file by file
        reader.SetImageIO("NiftiImageIO")
    return reader


def _execute(reader: Any, path: Path, *, patient_id: str) -> Any:
    try:
        return reader.Execute()
    except RuntimeError:
        raise PatientRejected(patient_id, _unreadable(path)) from None


def _require(path: Path, *, patient_id: str) -> None:
    if not path.is_file():
        raise PatientRejected(patient_id, f"{path.name} is missing")


def _unreadable(path: Path) -> str:
    return f"{path.name} cannot be read as an image; export it again"
