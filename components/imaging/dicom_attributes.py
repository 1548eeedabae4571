"""The attributes of each frame of a DICOM file, classic (one frame) or enhanced (many)."""

from collections.abc import Iterator
from typing import Any

from pydicom import Dataset
from pydicom.multival import MultiValue

from components.imaging.dicom_acquisition import IDENTIFYING, TECHNICAL
from components.imaging.dicom_files import DAMAGE

MAX_FRAMES = 10_000
"""Of one file; the longest CT scans have some 3,000 slices."""

_SERIES = (
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
    "Modality",
    "ConversionType",
    "BurnedInAnnotation",
    "NumberOfFrames",
    "SeriesNumber",
    "SeriesDescription",
    "StudyDate",
    "SeriesDate",
    "AcquisitionDate",
)
PIXEL_LAYOUT = (
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "NumberOfFrames",
)
_FRAME = (
    "ImageType",
    "AcquisitionNumber",
    "AcquisitionTime",
    "AcquisitionDateTime",
    "TemporalPositionIdentifier",
    "InstanceNumber",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "SpacingBetweenSlices",
    "RescaleSlope",
    "RescaleIntercept",
    "RescaleType",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
)
_PLAIN = (*_SERIES, *PIXEL_LAYOUT, *_FRAME, *TECHNICAL, *IDENTIFYING)
_SHARED = "SharedFunctionalGroupsSequence"
_PER_FRAME = "PerFrameFunctionalGroupsSequence"
_CONTRAST = "ContrastBolusAgentSequence"
KEYWORDS = (*_PLAIN, _SHARED, _PER_FRAME, _CONTRAST)
"""All that is looked at; of these only `dicom_acquisition.TECHNICAL` may be kept."""

_GROUPS = (
    "FrameContentSequence",
    "PlanePositionSequence",
    "PlaneOrientationSequence",
    "PixelMeasuresSequence",
    "PixelValueTransformationSequence",
    "CTImageFrameTypeSequence",
    "CTAcquisitionDetailsSequence",
    "CTTableDynamicsSequence",
    "CTReconstructionSequence",
    "CTExposureSequence",
    "CTXRayDetailsSequence",
    "ContrastBolusAdministrationProfileSequence",
)
_IN_GROUPS = {
    "FrameType": "ImageType",
    "FrameAcquisitionNumber": "AcquisitionNumber",
    "FrameAcquisitionDateTime": "AcquisitionDateTime",
    "TemporalPositionIndex": "TemporalPositionIdentifier",
    "ExposureInmAs": "Exposure",
    "ExposureTimeInms": "ExposureTime",
    "XRayTubeCurrentInmA": "XRayTubeCurrent",
}
"""Attributes of functional groups under another keyword than in a classic header."""


def frame_attributes(dataset: Dataset) -> Iterator[dict[str, Any]]:
    """By keyword the attributes of each frame: the file's, then the shared, then the frame's own.

    Raises:
        ValueError: The file says more than `MAX_FRAMES` frames or does not describe each.
    """
    plain = _values(dataset, _PLAIN)
    n_frames = _count(plain.get("NumberOfFrames"))
    per_frame = _items(dataset, _PER_FRAME)
    if n_frames > MAX_FRAMES or (per_frame and len(per_frame) != n_frames):
        raise ValueError
    plain |= _contrast(dataset)
    for shared in _items(dataset, _SHARED)[:1]:
        plain |= _grouped(shared)
    for k in range(n_frames):
        yield plain | _grouped(per_frame[k]) if per_frame else dict(plain)


def _count(value: Any) -> int:
    return 1 if value is None else max(1, int(value))


def _values(dataset: Dataset, keywords: tuple[str, ...]) -> dict[str, Any]:
    found = {keyword: _value(dataset, keyword) for keyword in keywords if keyword in dataset}
    return {keyword: value for keyword, value in found.items() if value is not None}


def _value(dataset: Dataset, keyword: str) -> Any:
    """A value as text, number or list; None where it is empty or cannot be read."""
    try:
        value = dataset.get(keyword)
        if isinstance(value, MultiValue):
            return [str(part) for part in value]
        return None if value is None or value == "" else str(value).strip("\0 ")
    except DAMAGE:
        return None


def _items(dataset: Dataset, keyword: str) -> list[Dataset]:
    try:
        return list(dataset.get(keyword) or [])
    except DAMAGE:
        return []


def _grouped(item: Dataset) -> dict[str, Any]:
    """The attributes in the functional groups of one item, under their classic keywords."""
    wanted = (*_FRAME, *TECHNICAL, *_IN_GROUPS)
    values: dict[str, Any] = {}
    for group in _GROUPS:
        for content in _items(item, group)[:1]:
            values |= _values(content, wanted)
    return {_IN_GROUPS.get(keyword, keyword): value for keyword, value in values.items()}


def _contrast(dataset: Dataset) -> dict[str, Any]:
    """Volume, rate and start of the injection where an enhanced header has them."""
    values: dict[str, Any] = {}
    for agent in _items(dataset, _CONTRAST)[:1]:
        values |= {"ContrastBolusAgent": "given"} | _grouped(agent)
    return values
