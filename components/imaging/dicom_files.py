"""Opening DICOM files that nobody has checked: quietly, in bounded memory, and only what is asked.

pydicom quotes values in its warnings and logs, and a value can be a name: both are off while a file
is open here. What is wrong with a file is said in words of ours.
"""

import io
import logging
import os
import stat
import struct
import warnings
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pydicom import Dataset, dcmread
from pydicom.datadict import tag_for_keyword
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.filereader import read_file_meta_info
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

MAX_INFLATED_BYTES = 256 * 2**20
"""Of a deflated file: a megabyte of zeros deflates to a kilobyte, so its size promises nothing."""

DAMAGE = (
    ArithmeticError,
    AttributeError,
    BytesLengthException,
    EOFError,
    InvalidDicomError,
    LookupError,
    MemoryError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What pydicom raises on bytes that are not what their header says."""

NO_DICOM = "not a DICOM file"
NOT_OPENED = "a file that cannot be opened"
NOT_PARSED = "a DICOM file that cannot be parsed"

_PIXEL_TAGS = {(0x7FE0, 0x0008), (0x7FE0, 0x0009), (0x7FE0, 0x0010)}
_UNDEFINED = 0xFFFFFFFF
_QUIET = ("pydicom", "openjpeg", "libjpeg", "rle", "pylibjpeg", "jpeg_ls")


class UnreadableDicom(Exception):
    """A file that is no DICOM file or a damaged one; the text says which, without its name."""


@dataclass(frozen=True)
class PixelBytes:
    """Where the pixel data of a file stand: whether there are any, and all of them.

    `n_bytes` is None for encapsulated (compressed) data, whose length is known only by decoding.
    """

    present: bool
    complete: bool
    n_bytes: int | None


@contextmanager
def quiet() -> Iterator[None]:
    """Without warnings and log lines of the DICOM libraries: these quote values of the file."""
    loggers = [logging.getLogger(name) for name in _QUIET]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def files_below(folder: Path) -> Iterator[Path]:
    """Regular files below a folder in a fixed order; DICOMDIR, an index of the others, left out."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            if name.upper() != "DICOMDIR" and _is_regular(path):
                yield path


def _is_regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False


def read_header(path: Path, keywords: Iterable[str]) -> tuple[Dataset, PixelBytes]:
    """The named attributes of a file, and where its pixel data stand; these are not read.

    Raises:
        UnreadableDicom: It is no DICOM file, cannot be opened or cannot be parsed.
    """
    with _opened(path) as file:
        dataset = _parsed(file, keywords, stop_before_pixels=True)
        return dataset, _pixel_bytes(file, dataset)


def read_with_pixels(path: Path, keywords: Iterable[str]) -> Dataset:
    """The named attributes of a file, its (undecoded) pixel data among them.

    Raises:
        UnreadableDicom: As for `read_header`.
    """
    with _opened(path) as file:
        return _parsed(file, keywords, stop_before_pixels=False)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with quiet(), path.open("rb") as file:
            yield _inflated(file) if _is_deflated(path, file) else file
    except OSError:
        raise UnreadableDicom(NOT_OPENED) from None
    except DAMAGE:
        raise UnreadableDicom(NOT_PARSED) from None


def _is_deflated(path: Path, file: BinaryIO) -> bool:
    """Whether a file's data set is deflated; a file without the DICM mark may still be DICOM.

    Raises:
        UnreadableDicom: Its first bytes are those of no DICOM file.
    """
    start = file.read(136)
    file.seek(0)
    if start[128:132] == b"DICM":
        syntax = read_file_meta_info(path).get("TransferSyntaxUID")
        return bool(syntax == DeflatedExplicitVRLittleEndian)
    # Written without preamble: the first element is of group 2 or 8, in either byte order.
    if start[:2] not in {b"\x02\x00", b"\x08\x00", b"\x00\x08"} or len(start) < 136:
        raise UnreadableDicom(NO_DICOM)
    return False


def _inflated(file: BinaryIO) -> BinaryIO:
    """A deflated file as plain explicit little endian, up to a limit of size."""
    head = file.read(132 + 12)
    (meta_length,) = struct.unpack("<L", head[-4:])
    file.seek(len(head) + meta_length)
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    body = inflater.decompress(file.read(), MAX_INFLATED_BYTES + 1)
    if len(body) > MAX_INFLATED_BYTES:
        raise UnreadableDicom(NOT_PARSED)
    return io.BytesIO(body)


def _parsed(file: BinaryIO, keywords: Iterable[str], *, stop_before_pixels: bool) -> Dataset:
    tags = [tag for tag in map(tag_for_keyword, keywords) if tag is not None]
    try:
        dataset = dcmread(
            file, force=True, specific_tags=[*tags], stop_before_pixels=stop_before_pixels
        )
    except InvalidDicomError:
        raise UnreadableDicom(NO_DICOM) from None
    if dataset.file_meta.get("TransferSyntaxUID") is None:
        dataset.file_meta.TransferSyntaxUID = _guessed_syntax(dataset)
    return dataset


def _guessed_syntax(dataset: Dataset) -> UID:
    is_implicit, is_little_endian = dataset.original_encoding
    if is_implicit:
        return ImplicitVRLittleEndian
    return ExplicitVRLittleEndian if is_little_endian else ExplicitVRBigEndian


def _pixel_bytes(file: BinaryIO, dataset: Dataset) -> PixelBytes:
    is_implicit, is_little_endian = dataset.original_encoding
    order = "<" if is_little_endian else ">"
    head = file.read(12)
    if len(head) < 12 or struct.unpack(f"{order}HH", head[:4]) not in _PIXEL_TAGS:
        return PixelBytes(present=False, complete=False, n_bytes=None)
    at = 4 if is_implicit else 8
    (length,) = struct.unpack(f"{order}L", head[at : at + 4])
    if length == _UNDEFINED:
        return PixelBytes(present=True, complete=True, n_bytes=None)
    here = file.tell() - (12 - at - 4)
    left = file.seek(0, io.SEEK_END) - here
    return PixelBytes(present=length > 0, complete=length <= left, n_bytes=length)
