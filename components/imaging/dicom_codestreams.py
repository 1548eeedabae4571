"""What a compressed frame says of itself, before a decoder believes it.

Decoders allocate the size that a stream declares, and fill what a shorter stream does not give with
zeros or grey instead of failing: both are looked at here.
"""

import struct

_JPEG_FRAMES = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
"""Markers of a frame header: JPEG (SOF0 to SOF15) and JPEG-LS (SOF55)."""


def declared_size(codestream: bytes) -> tuple[int, int] | None:
    """Rows and columns in the header of a JPEG, JPEG-LS or JPEG 2000 stream; None without one."""
    start = codestream.find(b"\xff\x4f\xff\x51", 0, 512)
    if start >= 0:
        return _of_jpeg_2000(codestream[start + 4 : start + 4 + 20])
    return _of_jpeg(codestream) if codestream[:2] == b"\xff\xd8" else None


def is_whole(codestream: bytes) -> bool:
    """Whether a JPEG, JPEG-LS or JPEG 2000 stream has its end marker (EOI, EOC)."""
    return codestream.rstrip(b"\0").endswith(b"\xff\xd9")


def _of_jpeg_2000(segment: bytes) -> tuple[int, int] | None:
    """From the SIZ segment: the grid's extent less the image's offset (ISO 15444-1, A.5.1)."""
    if len(segment) < 20:
        return None
    width, height, left, top = struct.unpack(">4L", segment[4:20])
    return height - top, width - left


def _of_jpeg(stream: bytes) -> tuple[int, int] | None:
    """From the first frame header among the marker segments (ISO 10918-1, B.2.2)."""
    at = 2
    while at + 9 <= len(stream) and stream[at] == 0xFF:
        (length,) = struct.unpack(">H", stream[at + 2 : at + 4])
        if stream[at + 1] in _JPEG_FRAMES:
            rows, columns = struct.unpack(">2H", stream[at + 5 : at + 9])
            return rows, columns
        at += 2 + length
    return None
