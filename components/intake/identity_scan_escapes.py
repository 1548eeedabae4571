"""Other readings of bytes: without escapes of JSON, HTML and URLs, without tags, base64 decoded.

Each reading is searched beside the bytes themselves. None is exact for its format: what is no
escape there stays as it is, and a reading too many only costs time.
"""

import binascii
import html
import re

import numpy as np

_ESCAPE = re.compile(
    rb"\\(?:\\*u([0-9a-fA-F]{4})|\\*x([0-9a-fA-F]{2})|([0-3][0-7]{2}))|%([0-9a-fA-F]{2})"
    rb"|&(#[xX]?[0-9a-fA-F]{1,7};|[a-zA-Z][a-zA-Z0-9]{1,9};)"
)
_NESTED = 3
_TAG = re.compile(rb"</?([a-zA-Z][\w:.-]*)[^<>]*?(/?)>")
_INLINE = frozenset(
    (b"a", b"b", b"em", b"font", b"i", b"mark", b"r", b"rpr", b"s", b"small", b"span", b"strong",
     b"sub", b"sup", b"t", b"tspan", b"u", b"w:prooferr", b"w:r", b"w:rpr", b"w:t")
)  # fmt: skip
_WRAPPED = re.compile(
    rb"(?<![A-Za-z0-9+/])(?:[A-Za-z0-9+/]{60,80}\r?\n[ \t]*){1,}[A-Za-z0-9+/]*={0,2}"
)
_BASE64 = re.compile(rb"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{12,}={0,2}")
_LONG = 4096
_BLOCK, _MARGIN = 16384, 512
_MOST_CONTROL = 0.05
_CONTROL = np.zeros(256, dtype=bool)
_CONTROL[[*range(1, 9), 11, 12, *range(14, 32), 127]] = True  # one byte in nine, in bytes by chance
_BREAK, _LINE, _END = re.compile(rb"\s+"), range(60, 81), (b"\r", b"\n")
_FROM_URL = bytes.maketrans(b"-_", b"+/")


def textual(data: bytes) -> list[bytes]:
    """The stretches of the bytes that may be text: where signs that text never has are few."""
    signs = np.frombuffer(data + bytes(-len(data) % _BLOCK), dtype=np.uint8)
    n_control = _CONTROL[signs].reshape(-1, _BLOCK).sum(axis=1, dtype=np.int64)
    is_text = n_control <= _MOST_CONTROL * min(len(data), _BLOCK)
    if is_text.all():
        return [data]
    bounds = np.flatnonzero(np.diff(np.concatenate(([False], is_text, [False])).astype(np.int8)))
    return [
        data[max(first * _BLOCK - _MARGIN, 0) : last * _BLOCK + _MARGIN]
        for first, last in bounds.reshape(-1, 2).tolist()
    ]


def unescaped(data: bytes) -> bytes:
    """The bytes with escapes resolved, nested ones too; the same object where there are none."""
    for _ in range(_NESTED):
        resolved = _ESCAPE.sub(_resolved, data)
        if resolved == data:
            return data
        data = resolved
    return data


def without_tags(data: bytes) -> bytes:
    """The text between the tags of HTML or XML; the same object where there are none."""
    return _TAG.sub(_instead_of_tag, data) if b"</" in data else data


def _resolved(match: re.Match[bytes]) -> bytes:
    code, byte, octal, percent, entity = match.groups()
    if code:
        return chr(int(code, 16)).encode("utf-8", "surrogatepass")
    if byte or percent:
        return bytes([int(byte or percent, 16)])
    if octal:
        return bytes([int(octal, 8)])
    return html.unescape(f"&{entity.decode('ascii')}").encode("utf-8", "surrogatepass")


def _instead_of_tag(match: re.Match[bytes]) -> bytes:
    """Nothing for a tag within a line of text (a word's letters in several fonts), else its end."""
    name = match[1].lower()
    return b"" if name in _INLINE or (match[2] and name != b"br") else b"\n"


def base64_contents(data: bytes) -> tuple[list[bytes], bytes]:
    """What stands in base64: long contents each for itself, short ones one below the other."""
    long: list[bytes] = []
    short: list[bytes] = []
    has_lines = False
    for found in _BASE64.finditer(data):
        run = found[0]
        if run.islower() or run.isdigit():  # a digest or a name: base64 has capitals
            continue
        has_lines = has_lines or (len(run) in _LINE and data[found.end() : found.end() + 1] in _END)
        # A run that was cut off at the edge of a piece may begin amid four signs.
        starts = range(4) if found.start() == 0 and len(run) > _LONG else (0,)
        for start in starts:
            content = _decoded(run[start:])
            (long if len(content) >= _LONG else short).append(content)
    if has_lines:
        short += [_decoded(_BREAK.sub(b"", found[0])) for found in _WRAPPED.finditer(data)]
    return long, b"\n\n".join(short)


def _decoded(run: bytes) -> bytes:
    whole = run.rstrip(b"=")
    if b"-" in whole or b"_" in whole:
        whole = whole.translate(_FROM_URL)
    whole = whole[: len(whole) - (len(whole) % 4 == 1)]
    try:
        return binascii.a2b_base64(whole + b"=" * (-len(whole) % 4))
    except binascii.Error:
        return b""
