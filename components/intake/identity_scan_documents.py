"""Pictures and documents whose text is packed: PNG and PDF.

What is drawn in a picture's pixels is not read: only its words are, as EXIF or a comment has them.
JPEG, TIFF and old Office files hold theirs as it stands, and need nothing of their own.
"""

import re
import struct
import zlib
from typing import BinaryIO

from components.intake.identity_scan_parts import CannotRead, Container, Examination, Place

_PNG = b"\x89PNG\r\n\x1a\n"
_PIXELS = b"IDAT"
_MOST = 64 << 20
_STREAM = re.compile(rb"stream\r?\n")
_STRING = re.compile(rb"\(((?:\\.|[^\\()])*)\)", re.DOTALL)
_LINE = re.compile(rb"\[[^\]]*\]\s*TJ|\((?:\\.|[^\\()])*\)\s*(?:Tj|'|\")", re.DOTALL)
_HEX_STRING = re.compile(rb"<([0-9A-Fa-f\s]{6,})>")


def _png(examination: Examination, stream: BinaryIO, place: Place) -> None:
    stream.seek(len(_PNG))
    while len(head := stream.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind == _PIXELS:
            stream.seek(length + 4, 1)
            continue
        content = stream.read(min(length, _MOST))
        stream.seek(length - len(content) + 4, 1)
        name, _, rest = content.partition(b"\0")
        if kind in (b"zTXt", b"iCCP"):
            content = name + b"\n" + _inflated(examination, rest[1:])
        elif kind == b"iTXt" and rest[:1] == b"\1":
            language, translated, text = rest[2:].split(b"\0", 2)
            content = b"\n".join([name, language, translated, _inflated(examination, text)])
        examination.data(b"\n" + content, (*place, kind.decode("latin-1")))
    examination.data(b"\n" + stream.read(_MOST), place)


def _inflated(examination: Examination, content: bytes) -> bytes:
    inflated = zlib.decompressobj().decompress(content, _MOST)
    examination.spend(len(inflated))
    return inflated


def _pdf(examination: Examination, stream: BinaryIO, place: Place) -> None:
    content = stream.read(_MOST + 1)
    if len(content) > _MOST:
        msg = f"more than {_MOST >> 20} MiB; its packed text was not read"
        raise CannotRead(msg)
    texts = [content]
    for found in _STREAM.finditer(content):
        try:
            texts.append(_inflated(examination, content[found.end() :]))
        except zlib.error:
            continue  # packed otherwise, or not at all: searched as it stands
    for text in texts:
        examination.data(b"\n".join([b"", text, *_lines(text), b""]), place)


def _lines(text: bytes) -> list[bytes]:
    """The text that a PDF shows, line by line, and strings that are written as hexadecimal."""
    shown = [b"".join(_STRING.findall(line[0])) for line in _LINE.finditer(text)]
    strings = (re.sub(rb"\s", b"", found[1]) for found in _HEX_STRING.finditer(text))
    return shown + [bytes.fromhex(one.decode()) for one in strings if len(one) % 2 == 0]


DOCUMENTS = (
    Container("PNG picture", lambda head: head[:8] == _PNG, _png),
    Container("PDF document", lambda head: head[:5] == b"%PDF-", _pdf),
)
"""Each kind of picture or document with packed text, by its first bytes."""
