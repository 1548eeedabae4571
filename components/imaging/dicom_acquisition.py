"""What of a CT header may be kept: a whitelist of technical attributes.

This is how the basic profile of DICOM PS3.15 (annex E) is held here. Instead of removing what is
known to identify, only what is listed in `AcquisitionHeader` leaves the reader: numbers within
plausible limits, and three strings (manufacturer, model, kernel) of few safe characters that look
like no date or number of a person and hold no word of the patient's, a physician's or an operator's
name, nor of an id. No date, time, UID, free text, sequence or private attribute is among them.
"""

import re
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from components.study.results import Record

_NUMBERS: dict[str, tuple[str, float, float]] = {
    "kvp": ("KVP", 40, 200),
    "exposure_mas": ("Exposure", 0.1, 3000),
    "tube_current_ma": ("XRayTubeCurrent", 1, 3000),
    "rotation_time_s": ("RevolutionTime", 0.1, 20),
    "pitch": ("SpiralPitchFactor", 0.05, 5),
    "ctdi_vol_mgy": ("CTDIvol", 0.01, 1000),
    "slice_thickness_mm": ("SliceThickness", 0.1, 50),
    "reconstruction_diameter_mm": ("ReconstructionDiameter", 50, 1000),
    "gantry_tilt_deg": ("GantryDetectorTilt", -60, 60),
    "contrast_volume_ml": ("ContrastBolusVolume", 0.1, 500),
    "contrast_rate_ml_per_s": ("ContrastFlowRate", 0.1, 20),
}
_WORDS = {"manufacturer": "Manufacturer", "scanner": "ManufacturerModelName"}
_WORDS["kernel"] = "ConvolutionKernel"

TECHNICAL = (
    *(keyword for keyword, _, _ in _NUMBERS.values()),
    *_WORDS.values(),
    "ExposureTime",
    "ContrastBolusAgent",
    "ContrastBolusStartTime",
)
"""The attributes of which the whitelist is made."""

IDENTIFYING = (
    "PatientName",
    "PatientID",
    "PatientBirthName",
    "PatientBirthDate",
    "OtherPatientNames",
    "OtherPatientIDs",
    "AccessionNumber",
    "StudyID",
    "ReferringPhysicianName",
    "PerformingPhysicianName",
    "NameOfPhysiciansReadingStudy",
    "RequestingPhysician",
    "OperatorsName",
)
"""Attributes whose words no kept string may hold."""

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 .,_+/()\-]{0,39}")
_PERSONAL_NUMBER = re.compile(r"\d{5,}|\d{1,4}[-./ ]\d{1,2}[-./ ]\d{1,4}")
_SPLIT = re.compile(r"[^0-9a-z]+")
_NO_AGENT = {"no", "none", "without", "n", "nil", "0", "-", "native"}


class AcquisitionHeader(Record):
    """How a series was scanned: what the manifest may keep of its headers. None: not said.

    Numbers are medians over the slices; the spacings are those of the voxel grid along i, j and k.
    """

    manufacturer: str | None = None
    scanner: str | None = None
    kernel: str | None = None
    kvp: float | None = None
    exposure_mas: float | None = None
    tube_current_ma: float | None = None
    rotation_time_s: float | None = None
    pitch: float | None = None
    ctdi_vol_mgy: float | None = None
    slice_thickness_mm: float | None = None
    spacing_x_mm: float | None = None
    spacing_y_mm: float | None = None
    spacing_z_mm: float | None = None
    reconstruction_diameter_mm: float | None = None
    gantry_tilt_deg: float | None = None
    contrast_agent_given: bool | None = None
    contrast_volume_ml: float | None = None
    contrast_rate_ml_per_s: float | None = None


def acquisition_values(attributes: Mapping[str, Any]) -> dict[str, float | str | bool | None]:
    """The whitelisted values of one slice, by field of `AcquisitionHeader`."""
    forbidden = identity_words(attributes)
    values: dict[str, float | str | bool | None] = {
        field: _number(attributes.get(keyword), low, high)
        for field, (keyword, low, high) in _NUMBERS.items()
    }
    for field, keyword in _WORDS.items():
        values[field] = safe_word(attributes.get(keyword), forbidden)
    if values["exposure_mas"] is None:
        values["exposure_mas"] = _current_times_time(attributes)
    values["contrast_agent_given"] = _contrast_given(attributes)
    return values


def summarise(slices: Sequence[Mapping[str, float | str | bool | None]]) -> AcquisitionHeader:
    """The header of a series from its slices' values: medians, and words that all slices share."""
    kept: dict[str, Any] = {}
    for field in slices[0]:
        values = [one[field] for one in slices if one[field] is not None]
        if field in _NUMBERS and values:
            kept[field] = round(float(median(float(value or 0) for value in values)), 4)
        elif len(set(values)) == 1:
            kept[field] = values[0]
    return AcquisitionHeader(**kept)


def identity_words(attributes: Mapping[str, Any]) -> frozenset[str]:
    """Words of two letters or more in the attributes that identify somebody."""
    text = " ".join(_text(attributes.get(keyword)) for keyword in IDENTIFYING)
    return frozenset(word for word in _SPLIT.split(text.casefold()) if len(word) > 1)


def safe_word(value: Any, forbidden: frozenset[str]) -> str | None:
    """A string that may be kept, else None."""
    text = " ".join(_text(value).split())
    if not _SAFE.fullmatch(text) or _PERSONAL_NUMBER.search(text):
        return None
    folded = text.casefold()
    if forbidden & set(_SPLIT.split(folded)):
        return None
    return None if any(len(word) > 3 and word in folded for word in forbidden) else text


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        return "/".join(str(part) for part in value)
    return str(value)


def _number(value: Any, low: float, high: float) -> float | None:
    if isinstance(value, (list, tuple)):
        value = value[0] if value else None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if low <= number <= high else None


def _current_times_time(attributes: Mapping[str, Any]) -> float | None:
    """Exposure in mAs from tube current (mA) and exposure time (ms), where it is not said."""
    current = _number(attributes.get("XRayTubeCurrent"), 1, 3000)
    milliseconds = _number(attributes.get("ExposureTime"), 1, 100_000)
    if current is None or milliseconds is None:
        return None
    return _number(current * milliseconds / 1000, 0.1, 3000)


def _contrast_given(attributes: Mapping[str, Any]) -> bool | None:
    agent = _text(attributes.get("ContrastBolusAgent")).strip().casefold()
    if agent:
        return agent not in _NO_AGENT
    others = ("ContrastBolusVolume", "ContrastBolusStartTime")
    return True if any(_text(attributes.get(keyword)).strip() for keyword in others) else None
