"""Medical images and arrays: every word of their headers, and their numbers as numbers.

Among millions of voxels short words stand by chance; there, only words of at least eight bytes are
looked for.
"""

import gzip
import io
import re
import struct
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.multival import MultiValue

from components.intake.identity_scan_archives import Inflating
from components.intake.identity_scan_matcher import Contents
from components.intake.identity_scan_parts import CannotRead, Container, Examination, Place

_LARGEST_VALUE = 1 << 20
_LONGEST_HEADER = _PIECE = 16 << 20
_MOST_INFLATED = 256 << 20
_PREAMBLE = 128
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_PIXELS = 0x7FE0
_NIFTI = {348: ("<f", 108, 344), 540: ("<q", 168, 4)}
_NIFTI_MAGICS = (b"n+1\0", b"ni1\0", b"n+2\0", b"ni2\0")
_HEADER_END = re.compile(rb"\r?\n\r?\n")


def _dicom(examination: Examination, stream: BinaryIO, place: Place) -> None:
    head = stream.read(1024)
    stream.seek(0)
    dataset = _header(examination, stream, place, head)
    if dataset is None:
        stream.seek(0)
        examination.stream(stream, place)
        return
    examination.entries(list(_elements(dataset)), (*place, "DICOM header"))
    offsets = (_offset(dataset, tag) for tag in list(dataset.keys()) if tag.group == _PIXELS)
    pixels_at = next(filter(None, offsets), None)
    stream.seek(0)
    examination.data(b"\n" + stream.read(pixels_at or _LARGEST_VALUE), place)
    examination.stream(stream, place, Contents.VOXELS if pixels_at else Contents.TEXT)


def _header(
    examination: Examination, stream: BinaryIO, place: Place, head: bytes
) -> Dataset | None:
    """The dataset; None where a file without the format's mark turns out to be none."""
    if _DEFLATED in head:
        return _inflated(examination, stream, place, head)
    is_marked = head[_PREAMBLE:][:4] == b"DICM"
    try:
        dataset = pydicom.dcmread(stream, force=True, defer_size=_LARGEST_VALUE)
    except Exception:
        if is_marked:
            raise
        return None
    return dataset if is_marked or "SOPClassUID" in dataset else None


def _inflated(examination: Examination, stream: BinaryIO, place: Place, head: bytes) -> Dataset:
    begin = _PREAMBLE + 4
    (length,) = struct.unpack_from("<I", head, begin + 8)
    meta = begin + 12 + length
    examination.data(b"\n" + head[:meta], place)
    stream.seek(meta)
    content = examination.limited(Inflating(stream, -zlib.MAX_WBITS)).read(_MOST_INFLATED + 1)
    if len(content) > _MOST_INFLATED:
        msg = f"inflates to more than {_MOST_INFLATED >> 20} MiB"
        raise CannotRead(msg)
    examination.data(b"\n" + content, place)
    return read_dataset(io.BytesIO(content), is_implicit_VR=False, is_little_endian=True)


def _offset(dataset: Dataset, tag: Any) -> int | None:
    element = dataset.get_item(tag)
    at = element.value_tell if isinstance(element, RawDataElement) else element.file_tell
    return int(at) if at else None


def _elements(dataset: Dataset) -> Iterator[tuple[str, Any]]:
    """Every value of a header, those within sequences too, by keyword or tag."""
    meta = getattr(dataset, "file_meta", None)
    for part in filter(None, (meta, dataset)):
        for tag in list(part.keys()):
            raw = part.get_item(tag)
            if tag.group == _PIXELS or (isinstance(raw, RawDataElement) and raw.value is None):
                continue
            yield from _values(part, tag)


def _values(dataset: Dataset, tag: Any) -> Iterator[tuple[str, Any]]:
    raw = dataset.get_item(tag)
    name = pydicom.datadict.keyword_for_tag(tag) or str(tag)
    if isinstance(raw.value, bytes):
        yield name, raw.value  # as it stands, whatever its character set is
    try:
        element = dataset[tag]
    except Exception:  # noqa: BLE001  what cannot be decoded is searched as it stands
        return
    if element.VR == "SQ":
        for item in element.value:
            yield from _elements(item)
        return
    values = element.value if isinstance(element.value, (MultiValue, list)) else [element.value]
    for value in values:
        yield name, value if isinstance(value, bytes) else str(value)


def _is_dicom(head: bytes) -> bool:
    if head[_PREAMBLE:][:4] == b"DICM":
        return True
    # Old files begin with the first group at once: a tag, then two letters or a small length.
    begins = head[:2] in (b"\2\0", b"\x08\0") and head[3:4] == b"\0"
    return begins and (head[4:6].isalpha() or head[6:8] == b"\0\0")


def _nifti(examination: Examination, stream: BinaryIO, place: Place) -> None:
    head = stream.read(348)
    order = "<" if struct.unpack_from("<i", head)[0] in _NIFTI else ">"
    size = struct.unpack_from(f"{order}i", head)[0]
    form, at, _ = _NIFTI[size]
    head += stream.read(size - len(head))
    offset = int(struct.unpack_from(order + form[1:], head, at)[0])
    # Not a byte further: voxels are searched otherwise than text.
    header = head + stream.read(min(max(offset - len(head), 0), _LONGEST_HEADER))
    examination.data(b"\n" + header, (*place, "NIfTI header"))
    examination.stream(stream, place, Contents.VOXELS)


def _is_nifti(head: bytes) -> bool:
    if len(head) < 348:
        return False
    sizes = {struct.unpack_from(f"{order}i", head)[0] for order in "<>"} & set(_NIFTI)
    return any(head[_NIFTI[size][2] :][:4] in _NIFTI_MAGICS for size in sizes)


def _nrrd(examination: Examination, stream: BinaryIO, place: Place) -> None:
    head = stream.read(_LONGEST_HEADER)
    end = found.end() if (found := _HEADER_END.search(head)) else len(head)
    header = head[:end]
    examination.data(b"\n" + header, (*place, "NRRD header"))
    stream.seek(end)
    if re.search(rb"^encoding:\s*(gzip|gz)\s*$", header, re.MULTILINE):
        with gzip.GzipFile(fileobj=stream) as file:
            examination.stream(examination.limited(file), place, Contents.VOXELS)
        stream.seek(end)
    examination.stream(stream, place, Contents.VOXELS)


def _numpy(examination: Examination, stream: BinaryIO, place: Place) -> None:
    version = np.lib.format.read_magic(stream)
    read = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    _, _, kind = read(stream)
    if kind.kind == "U" and kind.itemsize:
        while content := stream.read(_PIECE - _PIECE % kind.itemsize):
            whole = content[: len(content) - len(content) % kind.itemsize]
            examination.cells("text", np.frombuffer(whole, kind).tolist(), place)
    is_numbers = kind.kind in "biufcmM"
    examination.stream(stream, place, Contents.VOXELS if is_numbers else Contents.TEXT)


VOLUMES = (
    Container("DICOM file", _is_dicom, _dicom, contents=None),
    Container("NIfTI volume", _is_nifti, _nifti, must_seek=False, contents=None),
    Container("NRRD volume", lambda head: head[:7] == b"NRRD000", _nrrd, contents=None),
    Container(
        "NumPy array", lambda head: head[:6] == b"\x93NUMPY", _numpy, must_seek=False, contents=None
    ),
)
"""Each kind of image or array, by its first bytes."""
