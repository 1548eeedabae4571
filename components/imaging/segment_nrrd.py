"""Segments of `.seg.nrrd` files (by name) and of NRRD and NIfTI label maps (by value)."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from components.errors import PatientRejected
from components.imaging.label_image import LabelImage, read_label_image, require_complete
from components.imaging.nrrd_header import read_nrrd_header
from components.imaging.segment import Drawing
from components.imaging.volume import Volume, VoxelArray

_KEY = re.compile(r"Segment(\d+)_(ID|Name|Layer|LabelValue)")


@dataclass(frozen=True)
class _Place:
    """Where a segment lies: in which layer, under which value."""

    name: str
    layer: int
    value: float


def draw_nrrd(path: Path, *, pseudonym: str, role: str) -> Drawing:
    """The segments of an NRRD file: 3D Slicer's by name, of a plain label map by value.

    The file's own origin and directions say where it lies, also where 3D Slicer cut it to the part
    of the reference image that holds a segment (`Segmentation_ReferenceImageExtentOffset`).

    Raises:
        PatientRejected: The file is unreadable, or does not say where in the patient it lies.
    """
    header = read_nrrd_header(path, patient_id=pseudonym, role=role)
    if "space directions" not in header.fields or "space origin" not in header.fields:
        reason = f"{role} does not say where in the patient it lies; export it with its geometry"
        raise PatientRejected(pseudonym, reason)
    image = read_label_image(path, patient_id=pseudonym, role=role)
    require_complete(path, image, data_at=header.data_at, patient_id=pseudonym, role=role)
    places = _named(header.texts, len(image.layers), pseudonym=pseudonym, role=role)
    return _drawing(image, places or _by_value(image, pseudonym=pseudonym, role=role))


def draw_nifti(path: Path, *, pseudonym: str, role: str) -> Drawing:
    """The segments of a NIfTI label map, by value.

    Raises:
        PatientRejected: The file is unreadable or no label map.
    """
    image = read_label_image(path, patient_id=pseudonym, role=role)
    require_complete(path, image, data_at=0, patient_id=pseudonym, role=role)
    return _drawing(image, _by_value(image, pseudonym=pseudonym, role=role))


def _drawing(image: LabelImage, places: list[_Place]) -> Drawing:
    def mask(number: int) -> Volume:
        place = places[number]
        return Volume(image.layers[place.layer] == place.value, image.geometry)

    return Drawing(tuple(place.name for place in places), image.layers[0].size, mask)


def _named(texts: dict[str, str], n_layers: int, *, pseudonym: str, role: str) -> list[_Place]:
    """The segments that the header names; none in a plain label map.

    Where 3D Slicer before version 4.11 wrote the file, each segment has a layer of its own, marked
    with 1.
    """
    said: dict[int, dict[str, str]] = {}
    for key, value in texts.items():
        if found := _KEY.fullmatch(key):
            said.setdefault(int(found[1]), {})[found[2]] = value
    try:
        places = [
            _Place(
                name=one.get("Name", one.get("ID", "")),
                layer=int(one.get("Layer", number if n_layers > 1 else 0)),
                value=float(int(one.get("LabelValue", 1))),
            )
            for number, one in sorted(said.items())
        ]
    except ValueError:
        places = [_Place("", -1, 0)]
    if any(not 0 <= place.layer < n_layers for place in places):
        reason = f"{role}: its header names layers that the file lacks; save it in 3D Slicer again"
        raise PatientRejected(pseudonym, reason)
    return places


def _by_value(image: LabelImage, *, pseudonym: str, role: str) -> list[_Place]:
    for layer in image.layers:
        if not _is_labels(layer):
            reason = (
                f"{role}: expected whole label values from 0, came others; is it a label map and "
                "no CT or probability map?"
            )
            raise PatientRejected(pseudonym, reason)
    return [_Place(str(int(value)), layer, value) for _, layer, value in image.segments()]


def _is_labels(layer: VoxelArray) -> bool:
    if np.issubdtype(layer.dtype, np.floating) and (
        not np.isfinite(layer).all() or np.any(layer != np.floor(layer))
    ):
        return False
    return bool(layer.min() >= 0)
