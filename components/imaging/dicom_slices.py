"""One CT slice as its header describes it, and why it cannot be a slice of a phase."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.uid import (
    CTImageStorage,
    EnhancedCTImageStorage,
    LegacyConvertedEnhancedCTImageStorage,
)

from components.imaging.dicom_acquisition import acquisition_values
from components.imaging.dicom_files import PixelBytes
from components.imaging.dicom_times import acquired_at, read_date, read_seconds, seconds_between
from components.imaging.volume import FloatArray

MAX_SIDE = 4096
"""Pixels; CT matrices are 512, of late 1024 or 2048."""
MAX_PIXEL_MM = 10.0

CT_CLASSES = {CTImageStorage, EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage}
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_MODALITIES = {"CR", "DX", "MG", "MR", "NM", "OT", "PT", "RF", "US", "XA"}
_SCREENSHOTS = {"SCREEN SAVE", "SCREEN_SAVE", "SCREENSHOT", "DOSE_INFO"}
_PROJECTIONS = {"MIP", "MINIP", "PROJECTION IMAGE", "MAXIMUM INTENSITY PROJECTION", "VRT"}
_HU = {"", "HU", "US"}
"""Rescale types of Hounsfield units; US is unspecified, as most scanners leave it."""

Vector = tuple[float, ...]


@dataclass(frozen=True, repr=False)
class Slice:
    """A frame of a file. Held in memory alone: nothing here is stored or printed.

    `position_mm` (3,) is the centre of the first voxel, `orientation` (6,) the unit vectors along a
    row and a column, `pixel_spacing_mm` (2,) the distance between rows, then between columns.
    `hu_scale` is slope and intercept; raw values from `padding[0]` to `padding[1]` are no image.
    """

    path: Path
    frame: int
    instance_uid: str
    study_uid: str
    series_uid: str
    frame_of_reference: str
    patient_id: str
    image_type: tuple[str, ...]
    series_number: int
    instance_number: int
    acquisition_number: int | None
    temporal_position: str | None
    acquired_at: float | None
    seconds_after_contrast: float | None
    examined_on: date | None
    description: str
    size: tuple[int, int]
    position_mm: Vector | None
    orientation: Vector | None
    pixel_spacing_mm: Vector | None
    spacing_between_mm: float | None
    hu_scale: tuple[float, float]
    padding: tuple[int, int] | None
    acquisition: Mapping[str, float | str | bool | None]
    fault: str | None = field(default=None)

    @property
    def series_key(self) -> tuple[str, str, str]:
        """Patient, study and series that the slice says it belongs to, else its folder."""
        return self.patient_id, self.study_uid, self.series_uid or str(self.path.parent)

    @property
    def axes(self) -> FloatArray:
        """Columns (3, 3): along a row, along a column, across; only of a slice without fault."""
        row, column = np.asarray(self.orientation, dtype=np.float64).reshape(2, 3)
        return np.stack([row, column, np.cross(row, column)], axis=1)

    def is_localizer(self) -> bool:
        """Whether it is a scout for planning the scan."""
        return bool({"LOCALIZER", "SCOUT", "TOPOGRAM"} & set(self.image_type))


def make_slice(path: Path, frame: int, attributes: Mapping[str, Any], pixels: PixelBytes) -> Slice:
    """A slice from the attributes of its frame, with the first reason against it, if any."""
    scanned = acquired_at(attributes.get("AcquisitionTime"), attributes.get("AcquisitionDateTime"))
    injected = read_seconds(attributes.get("ContrastBolusStartTime"))
    rows, columns = (_integer(attributes.get(side)) or 0 for side in ("Rows", "Columns"))
    return Slice(
        path=path,
        frame=frame,
        instance_uid=_text(attributes, "SOPInstanceUID"),
        study_uid=_text(attributes, "StudyInstanceUID"),
        series_uid=_text(attributes, "SeriesInstanceUID"),
        frame_of_reference=_text(attributes, "FrameOfReferenceUID"),
        patient_id=_text(attributes, "PatientID"),
        image_type=_image_type(attributes),
        series_number=_integer(attributes.get("SeriesNumber")) or 0,
        instance_number=_integer(attributes.get("InstanceNumber")) or 0,
        acquisition_number=_integer(attributes.get("AcquisitionNumber")),
        temporal_position=attributes.get("TemporalPositionIdentifier"),
        acquired_at=scanned,
        seconds_after_contrast=seconds_between(injected, scanned),
        examined_on=_examined_on(attributes),
        description=_text(attributes, "SeriesDescription"),
        size=(rows, columns),
        position_mm=_vector(attributes.get("ImagePositionPatient"), 3),
        orientation=_orientation(attributes.get("ImageOrientationPatient")),
        pixel_spacing_mm=_vector(attributes.get("PixelSpacing"), 2),
        spacing_between_mm=_real(attributes.get("SpacingBetweenSlices")),
        hu_scale=(
            _real(attributes.get("RescaleSlope")) or 0.0,
            _real(attributes.get("RescaleIntercept")) or 0.0,
        ),
        padding=_padding(attributes),
        acquisition=acquisition_values(attributes),
        fault=_fault(attributes, pixels),
    )


def _fault(attributes: Mapping[str, Any], pixels: PixelBytes) -> str | None:
    return (
        _kind_fault(attributes)
        or _layout_fault(attributes, pixels)
        or _place_fault(attributes)
        or _scale_fault(attributes)
    )


def _kind_fault(attributes: Mapping[str, Any]) -> str | None:
    types = set(_image_type(attributes))
    is_capture = _text(attributes, "SOPClassUID").startswith(_SECONDARY_CAPTURE)
    if _text(attributes, "BurnedInAnnotation").upper() == "YES":
        return "text is burned into its pixels, which may name the patient"
    if is_capture or "ConversionType" in attributes or types & _SCREENSHOTS:
        return "a secondary capture, whose pixels may show the patient's name"
    modality = _text(attributes, "Modality").upper()
    if modality != "CT":
        shown = f"modality {modality}" if modality in _MODALITIES else "another modality"
        return f"{shown}, expected CT"
    if types & {"LOCALIZER", "SCOUT", "TOPOGRAM"}:
        return "a localizer"
    if types & _PROJECTIONS:
        return "a projection (MIP or rendering), whose values are no HU of slices"
    return (
        None if _text(attributes, "SOPClassUID") in CT_CLASSES else "no CT image by its SOP class"
    )


def _layout_fault(attributes: Mapping[str, Any], pixels: PixelBytes) -> str | None:
    rows, columns = (_integer(attributes.get(side)) or 0 for side in ("Rows", "Columns"))
    bits = _integer(attributes.get("BitsAllocated"))
    grey = _text(attributes, "PhotometricInterpretation") == "MONOCHROME2"
    if not pixels.present:
        return "without pixel data"
    if not (1 < rows <= MAX_SIDE and 1 < columns <= MAX_SIDE):
        return f"a matrix of {rows} x {columns} pixels, expected 2 to {MAX_SIDE} a side"
    if _integer(attributes.get("SamplesPerPixel")) != 1 or not grey:
        return "a colour or inverted image, expected MONOCHROME2"
    if bits not in {8, 16}:
        return "pixels that are not of 8 or 16 bits"
    frames = _integer(attributes.get("NumberOfFrames")) or 1
    expected = rows * columns * frames * bits // 8
    if not pixels.complete or (pixels.n_bytes is not None and pixels.n_bytes < expected):
        return "pixel data cut off: the file is shorter than its header says"
    return None


def _place_fault(attributes: Mapping[str, Any]) -> str | None:
    if _vector(attributes.get("ImagePositionPatient"), 3) is None:
        return "without a position in the patient"
    if _orientation(attributes.get("ImageOrientationPatient")) is None:
        return "without an orientation of two perpendicular unit vectors"
    spacing = _vector(attributes.get("PixelSpacing"), 2)
    if spacing is None or not all(0.01 <= side <= MAX_PIXEL_MM for side in spacing):
        return f"without a pixel spacing between 0.01 and {MAX_PIXEL_MM:g} mm"
    return None


def _scale_fault(attributes: Mapping[str, Any]) -> str | None:
    slope, intercept = (_real(attributes.get(f"Rescale{of}")) for of in ("Slope", "Intercept"))
    if not slope or intercept is None or _text(attributes, "RescaleType").upper() not in _HU:
        return "without a rescale slope and intercept to HU"
    return None


def _examined_on(attributes: Mapping[str, Any]) -> date | None:
    sources = ("AcquisitionDate", "AcquisitionDateTime", "StudyDate", "SeriesDate")
    dates = (read_date(_text(attributes, source)) for source in sources)
    return next((day for day in dates if day is not None), None)


def _image_type(attributes: Mapping[str, Any]) -> tuple[str, ...]:
    value = attributes.get("ImageType") or ()
    parts = value if isinstance(value, list) else str(value or "").split("\\")
    return tuple(part.strip().upper() for part in parts)


def _padding(attributes: Mapping[str, Any]) -> tuple[int, int] | None:
    """Lowest and highest raw value of the padding; a value written unsigned is read as signed."""
    ends = [_integer(attributes.get(f"PixelPadding{end}")) for end in ("Value", "RangeLimit")]
    if ends[0] is None:
        return None
    signed = _integer(attributes.get("PixelRepresentation")) == 1
    values = [end - 65_536 if signed and end > 32_767 else end for end in ends if end is not None]
    return min(values), max(values)


def _orientation(value: Any) -> Vector | None:
    """Row and column direction, brought to exactly unit length and a right angle."""
    parts = _vector(value, 6)
    if parts is None:
        return None
    row, column = np.asarray(parts[:3]), np.asarray(parts[3:])
    lengths = (float(np.linalg.norm(row)), float(np.linalg.norm(column)))
    if abs(float(row @ column)) > 0.01 or any(abs(length - 1) > 0.01 for length in lengths):
        return None
    row = row / lengths[0]
    column = column - (column @ row) * row
    column = column / np.linalg.norm(column)
    return (*(float(part) for part in row), *(float(part) for part in column))


def _vector(value: Any, n: int) -> Vector | None:
    if not isinstance(value, list) or len(value) != n:
        return None
    parts = [_real(part) for part in value]
    return None if None in parts else tuple(float(part or 0) for part in parts)


def _real(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and abs(number) < 1e7 else None


def _integer(value: Any) -> int | None:
    number = _real(value)
    return None if number is None else int(number)


def _text(attributes: Mapping[str, Any], keyword: str) -> str:
    value = attributes.get(keyword)
    return "" if value is None else str(value).strip()
