"""One phantom of lesions, written in every encoding that an ROI can come in.

Nothing here uses the writers of armwise: readers are held against what other tools write.
"""

from dataclasses import dataclass
from pathlib import Path

import contourpy
import highdicom as hd
import numpy as np
import pydicom
import SimpleITK as sitk  # noqa: N813 - the name that its own documentation uses
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from scipy.spatial.transform import Rotation

from components.imaging.volume import Geometry, Volume

OBLIQUE = Rotation.from_euler("xyz", [14, -9, 21], degrees=True).as_matrix()
SIZE = (30, 26, 12)


@dataclass(frozen=True, eq=False)
class Phantom:
    """Lesions that overlap, one of them with a hole, on one grid; their names."""

    masks: tuple[np.ndarray, ...]
    geometry: Geometry
    names: tuple[str, ...] = ("HCC 1", "HCC 2")

    @property
    def union(self):
        return np.logical_or.reduce(self.masks)

    def volume(self, number):
        return Volume(self.masks[number], self.geometry)


def phantom(direction=OBLIQUE, *, size=SIZE, spacing_mm=(1.3, 0.9, 2.5)):
    geometry = Geometry(size, np.array(spacing_mm), np.array([-31.0, 12.5, -204.0]), direction)
    k, j, i = np.meshgrid(*(np.arange(n) for n in size[::-1]), indexing="ij")
    shell = (i - 11) ** 2 + (j - 11) ** 2 + (2 * (k - 5)) ** 2
    first = (shell <= 49) & (shell > 6)
    second = ((i - 19) ** 2 / 30 + (j - 14) ** 2 / 18 + (k - 7) ** 2 / 3) <= 1
    return Phantom((first, second), geometry)


def ball_on(geometry, center_mm, radius_mm):
    """A ball (k, j, i) by positions in the patient, whatever the grid."""
    k, j, i = np.meshgrid(*(np.arange(n) for n in geometry.size[::-1]), indexing="ij")
    index = np.stack([i.ravel(), j.ravel(), k.ravel()], axis=1).astype(float)
    inside = np.linalg.norm(geometry.to_physical(index) - center_mm, axis=1) <= radius_mm
    return inside.reshape(geometry.size[::-1])


def image(array, geometry, *, is_vector=False):
    made = sitk.GetImageFromArray(array, isVector=is_vector)
    made.SetSpacing([float(x) for x in geometry.spacing_mm])
    made.SetOrigin([float(x) for x in geometry.origin_mm])
    made.SetDirection([float(x) for x in geometry.direction.ravel()])
    return made


def labels_of(drawn):
    """A label map: where lesions overlap the later one counts."""
    labels = np.zeros(drawn.masks[0].shape, np.uint8)
    for number, mask in enumerate(drawn.masks, start=1):
        labels[mask] = number
    return labels


def write_label_map(path, drawn):
    sitk.WriteImage(image(labels_of(drawn), drawn.geometry), str(path), useCompression=True)
    return path


def write_seg_nrrd(path, drawn, *, names=None, texts=None):
    """As 3D Slicer: each lesion in a layer of its own, all under the label 1."""
    made = image(
        np.stack([mask.astype(np.uint8) for mask in drawn.masks], axis=-1),
        drawn.geometry,
        is_vector=True,
    )
    for number, name in enumerate(names or drawn.names):
        for key, value in (("Name", name), ("Layer", number), ("LabelValue", 1)):
            made.SetMetaData(f"Segment{number}_{key}", str(value))
    for key, value in (texts or {}).items():
        made.SetMetaData(key, value)
    sitk.WriteImage(made, str(path), useCompression=True)
    return path


def write_seg_nrrd_layers_last(path, drawn):
    """The same with the layers as the slowest axis, raw, under labels 3 and 5."""
    geometry = drawn.geometry
    i, j, k = geometry.size
    axes = [
        ",".join(repr(float(x)) for x in v) for v in (geometry.direction * geometry.spacing_mm).T
    ]
    lines = [
        "NRRD0005", "type: uint8", "dimension: 4", "space: left-posterior-superior",
        f"sizes: {i} {j} {k} {len(drawn.masks)}",
        f"space directions: ({axes[0]}) ({axes[1]}) ({axes[2]}) none",
        "kinds: domain domain domain list", "encoding: raw",
        f"space origin: ({','.join(repr(float(x)) for x in geometry.origin_mm)})",
    ]  # fmt: skip
    data = b""
    for number, (mask, name) in enumerate(zip(drawn.masks, drawn.names, strict=True)):
        label = 3 + 2 * number
        lines += [f"Segment{number}_Name:={name}", f"Segment{number}_Layer:={number}"]
        lines += [f"Segment{number}_LabelValue:={label}"]
        data += (mask * np.uint8(label)).astype(np.uint8).tobytes()
    path.write_bytes("\n".join(lines).encode() + b"\n\n" + data)
    return path


def write_ct(folder, geometry, *, patient_id="REAL-77", tags=None):
    """A CT series on a grid, one file a slice, numbered against their order in space."""
    folder.mkdir(parents=True, exist_ok=True)
    uids = {name: generate_uid() for name in ("study", "series", "frame")}
    files = []
    for k in range(geometry.size[2]):
        slice_ = _ct_slice(geometry, k, uids, patient_id)
        for keyword, value in (tags or {}).items():
            setattr(slice_, keyword, value)
        path = folder / f"{geometry.size[2] - k:03d}.dcm"
        slice_.save_as(path, enforce_file_format=True)
        files.append(path)
    return files


def _ct_slice(geometry, k, uids, patient_id):
    slice_ = _file("1.2.840.10008.5.1.4.1.1.2", patient_id, uids["study"], uids["series"])
    slice_.Modality = "CT"
    slice_.FrameOfReferenceUID = uids["frame"]
    slice_.InstanceNumber = geometry.size[2] - k
    slice_.Rows, slice_.Columns = geometry.size[1], geometry.size[0]
    slice_.PixelSpacing = [float(geometry.spacing_mm[1]), float(geometry.spacing_mm[0])]
    slice_.SliceThickness = float(geometry.spacing_mm[2])
    position = geometry.to_physical(np.array([[0.0, 0.0, k]]))[0]
    slice_.ImagePositionPatient = [f"{x:.10g}" for x in position]
    slice_.ImageOrientationPatient = [f"{x:.12g}" for x in geometry.direction[:, :2].T.ravel()]
    slice_.BitsAllocated = slice_.BitsStored = 16
    slice_.HighBit = 15
    slice_.SamplesPerPixel, slice_.PixelRepresentation = 1, 1
    slice_.PhotometricInterpretation = "MONOCHROME2"
    slice_.RescaleSlope, slice_.RescaleIntercept = 1, 0
    slice_.PixelData = np.zeros(geometry.size[1::-1], np.int16).tobytes()
    return slice_


def _file(sop_class, patient_id, study, series):
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    made.SOPClassUID, made.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    made.PatientID, made.PatientName = patient_id, "Canary^Name"
    made.PatientBirthDate, made.PatientSex = "19500101", "O"
    made.StudyInstanceUID, made.SeriesInstanceUID = study, series
    made.StudyID, made.AccessionNumber, made.ReferringPhysicianName = "1", "A1", "Doctor^Canary"
    made.StudyDate, made.StudyTime, made.SeriesNumber = "20200202", "101010", 1
    return made


def write_seg(path, drawn, ct_files, *, kind="BINARY", labels=None, omit_empty=True):
    """A DICOM SEG by highdicom; FRACTIONAL marks with 0.6 and leaves 0.4 around it."""
    source = sorted(
        (pydicom.dcmread(file) for file in ct_files), key=lambda one: -one.InstanceNumber
    )
    stacked = np.stack(drawn.masks, axis=-1)
    if kind == "FRACTIONAL":
        pixels = np.where(stacked, 0.6, np.where(stacked.any(axis=(1, 2), keepdims=True), 0.4, 0.0))
    else:
        pixels = stacked.astype(np.uint8) if kind == "BINARY" else labels_of(drawn)
    descriptions = [
        hd.seg.SegmentDescription(
            number, name, codes.SCT.Neoplasm, codes.SCT.Neoplasm, "MANUAL", tracking_uid=None
        )
        for number, name in enumerate(labels or drawn.names, start=1)
    ]
    made = hd.seg.Segmentation(
        source, pixels, kind, descriptions, generate_uid(), 2, generate_uid(), 1,
        "Maker", "Model", "1", "1", omit_empty_frames=omit_empty,
        content_creator_name="Canary^Reader", series_description="Canary series",
    )  # fmt: skip
    made.save_as(path)
    return path


def outlines(mask, geometry):
    """Closed contours (n, 3) in mm, midway between marked and unmarked pixels; holes too."""
    contours = []
    for k in np.flatnonzero(mask.any(axis=(1, 2))):
        padded = np.pad(mask[k].astype(float), 1)
        for line in contourpy.contour_generator(z=padded).lines(0.5):
            index = np.column_stack([line[:-1] - 1, np.full(len(line) - 1, k)])
            contours.append(geometry.to_physical(index))
    return contours


def write_rtstruct(path, rois, *, patient_id="REAL-77"):
    """A structure set from {name: [(contour type, points (n, 3)), ...]}."""
    made = _file("1.2.840.10008.5.1.4.1.1.481.3", patient_id, generate_uid(), generate_uid())
    made.Modality = "RTSTRUCT"
    made.StructureSetROISequence, made.ROIContourSequence = [], []
    for number, (name, contours) in enumerate(rois.items(), start=1):
        roi, drawn = Dataset(), Dataset()
        roi.ROINumber = drawn.ReferencedROINumber = number
        roi.ROIName = name
        drawn.ContourSequence = [_contour(*contour) for contour in contours]
        made.StructureSetROISequence.append(roi)
        made.ROIContourSequence.append(drawn)
    made.save_as(path, enforce_file_format=True)
    return path


def _contour(kind, points):
    contour = Dataset()
    contour.ContourGeometricType = kind
    contour.NumberOfContourPoints = len(points)
    contour.ContourData = [f"{x:.9g}" for x in points.ravel()]
    return contour


def write_outlines(path, drawn, **kwargs):
    rois = {
        name: [("CLOSED_PLANAR", points) for points in outlines(mask, drawn.geometry)]
        for name, mask in zip(drawn.names, drawn.masks, strict=True)
    }
    return write_rtstruct(path, rois, **kwargs)


def write_any(encoding, folder: Path, drawn):
    """The phantom in an encoding, and the CT files that its reader may need."""
    ct = write_ct(folder / "ct", drawn.geometry) if encoding in DICOM else []
    writers = {
        "seg.nrrd": lambda path: write_seg_nrrd(path, drawn),
        "layers last": lambda path: write_seg_nrrd_layers_last(path, drawn),
        "nrrd": lambda path: write_label_map(path, drawn),
        "nii.gz": lambda path: write_label_map(path, drawn),
        "SEG": lambda path: write_seg(path, drawn, ct),
        "SEG fractional": lambda path: write_seg(path, drawn, ct, kind="FRACTIONAL"),
        "SEG label map": lambda path: write_seg(path, drawn, ct, kind="LABELMAP"),
        "RTSTRUCT": lambda path: write_outlines(path, drawn),
    }
    endings = {
        "seg.nrrd": "seg.nrrd",
        "layers last": "seg.nrrd",
        "nrrd": "nrrd",
        "nii.gz": "nii.gz",
    }
    return writers[encoding](folder / f"roi.{endings.get(encoding, 'dcm')}"), ct


DICOM = ("SEG", "SEG fractional", "SEG label map", "RTSTRUCT")
ENCODINGS = ("seg.nrrd", "layers last", "nrrd", "nii.gz", *DICOM)
APART = ("seg.nrrd", "layers last", "SEG", "SEG fractional", "RTSTRUCT")
"""Encodings in which lesions may overlap."""
