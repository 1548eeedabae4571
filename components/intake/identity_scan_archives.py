"""Compressed files and archives: what they unpack to is searched as if it lay there."""

import bz2
import gzip
import lzma
import tarfile
import zipfile
import zlib
from typing import Any, BinaryIO

import pyarrow as pa

from components.intake.identity_scan_parts import Container, Examination, Place

_TAR_MAGIC_AT = 257
_ZLIB_HEADS = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_PIECE = 1 << 20
_FLAG_ENCRYPTED = 1


def _gzip(examination: Examination, stream: BinaryIO, place: Place) -> None:
    with gzip.GzipFile(fileobj=stream) as file:
        examination.part(examination.limited(file), (*place, "gzip"))


def _bz2(examination: Examination, stream: BinaryIO, place: Place) -> None:
    with bz2.BZ2File(stream) as file:
        examination.part(examination.limited(file), (*place, "bzip2"))


def _xz(examination: Examination, stream: BinaryIO, place: Place) -> None:
    with lzma.LZMAFile(stream) as file:
        examination.part(examination.limited(file), (*place, "xz"))


def _zstd(examination: Examination, stream: BinaryIO, place: Place) -> None:
    with pa.CompressedInputStream(pa.PythonFile(stream, mode="r"), "zstd") as file:
        examination.part(examination.limited(file), (*place, "zstd"))


def _zlib(examination: Examination, stream: BinaryIO, place: Place) -> None:
    examination.part(examination.limited(Inflating(stream)), (*place, "zlib"))


class Inflating:
    """What a deflated stream inflates to, piece by piece; `wbits` as `zlib.decompressobj` has it.

    Raises:
        EOFError: The stream is cut short.
    """

    def __init__(self, stream: BinaryIO, wbits: int = zlib.MAX_WBITS) -> None:
        self._stream, self._inflater = stream, zlib.decompressobj(wbits)

    def read(self, n_bytes: int) -> bytes:
        """At most so many bytes; none at the end."""
        while not self._inflater.eof:
            waiting = self._inflater.unconsumed_tail or self._stream.read(_PIECE)
            content = self._inflater.decompress(waiting, n_bytes)
            if content:
                return content
            if not waiting:
                raise EOFError
        return b""


def _is_zlib(head: bytes) -> bool:
    if head[:2] not in _ZLIB_HEADS:
        return False
    try:
        return bool(zlib.decompressobj().decompress(head, _PIECE))
    except zlib.error:
        return False


def _zip(examination: Examination, stream: BinaryIO, place: Place) -> None:
    with zipfile.ZipFile(stream) as packed:
        examination.data(packed.comment, (*place, "comment of the archive"))
        for entry in packed.infolist():
            where = (*place, entry.filename)
            examination.name(entry.filename, where)
            examination.data(entry.comment + b"\n" + entry.extra, where)
            if entry.flag_bits & _FLAG_ENCRYPTED:
                examination.unread[where] = "encrypted"
            elif not entry.is_dir():
                _zip_entry(examination, packed, entry, where)


def _zip_entry(
    examination: Examination, packed: zipfile.ZipFile, entry: zipfile.ZipInfo, where: Place
) -> None:
    try:
        with packed.open(entry) as file:
            examination.part(examination.limited(file), where)
    except (NotImplementedError, zipfile.BadZipFile, RuntimeError) as error:
        examination.unread[where] = f"cannot be unpacked ({type(error).__name__})"


def _tar(examination: Examination, stream: BinaryIO, place: Place) -> None:
    with tarfile.open(fileobj=stream, mode="r:") as packed:
        for entry in packed:
            where = (*place, entry.name)
            words: list[Any] = [entry.name, entry.linkname, entry.uname, entry.gname]
            examination.name("\n".join([*words, *map(str, entry.pax_headers.values())]), where)
            if (file := packed.extractfile(entry)) is not None:
                examination.part(file, where)  # type: ignore[arg-type]


ARCHIVES = (
    Container("gzip file", lambda head: head[:2] == b"\x1f\x8b", _gzip, must_seek=False),
    Container("bzip2 file", lambda head: head[:3] == b"BZh", _bz2, must_seek=False),
    Container("xz file", lambda head: head[:6] == b"\xfd7zXZ\0", _xz, must_seek=False),
    Container("zstd file", lambda head: head[:4] == b"\x28\xb5\x2f\xfd", _zstd, must_seek=False),
    Container("zlib stream", _is_zlib, _zlib, must_seek=False),
    Container("zip archive", lambda head: head[:4] in (b"PK\3\4", b"PK\5\6"), _zip),
    Container("tar archive", lambda head: head[_TAR_MAGIC_AT:][:5] == b"ustar", _tar),
)
"""Each kind of archive, by its first bytes."""
