"""Finds many words in bytes at once, at the speed of a few passes of numpy over them.

Every anchor (a part of a word in one encoding, `identity_scan_forms`) is known by four of its bytes
in a table of bits; where the table answers, up to eight bytes are compared; where they agree, the
text around is decoded and the word's expression decides.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from components.intake.identity_scan_forms import N_GRAM, SMALL, Anchor, Form, form_of, normal
from components.intake.identity_scan_words import Word

_TABLE_BITS = 20
_MULTIPLIER = np.uint32(2654435761)  # Knuth's multiplicative hash
_WINDOW = 8
_AROUND = 192
_SURE = 8
_CONTEXT, _CONTEXT_SHARE, _RUN = 16, 0.75, 24
_HEX_RUN = 20
_HEX = frozenset("0123456789abcdef")
_TEXT = np.zeros(256, dtype=bool)
_TEXT[[0, 9, 10, 13, *range(32, 127)]] = True

OVERLAP = 2 * _AROUND
"""Bytes that two pieces of a stream share, so that a word on their border is found in one."""


class Contents(Enum):
    """What bytes are: how near each other words may stand there, and which words tell anything."""

    TEXT = "text"
    PACKED = "fields without anything between them"
    VOXELS = "numbers, of which short words are found by chance"


class Matcher:
    """Looks for words; built once (some milliseconds a hundred words), then used on any bytes."""

    def __init__(self, words: Sequence[Word]) -> None:
        self.words = tuple(words)
        self._forms: list[Form | None] = [form_of(word, n) for n, word in enumerate(words)]
        anchors = [one for form in self._forms if form for one in form.anchors]
        self._all = _Index(anchors)
        long = [one for one in anchors if len(one.content) >= _SURE and "16" not in one.encoding]
        self._long = _Index(long)

    def find(
        self, data: bytes, contents: Contents = Contents.TEXT, known: frozenset[int] = frozenset()
    ) -> set[int]:
        """Places in the list of the words that stand in `data`; `known` ones are not looked for."""
        found: set[int] = set()
        index = self._long if contents is Contents.VOXELS else self._all
        for anchor, start in index.hits(data.translate(SMALL)):
            if anchor.word in found or anchor.word in known:
                continue
            if self._is_there(data, anchor, start, contents):
                found.add(anchor.word)
        return found

    def find_text(self, text: str) -> set[int]:
        """As `find`, in a name or another short text."""
        return self.find(b"\n" + text.encode("utf-8", "surrogateescape") + b"\n")

    def _is_there(self, data: bytes, anchor: Anchor, start: int, contents: Contents) -> bool:
        form = self._forms[anchor.word]
        if form is None:
            return False
        end = start + len(anchor.content)
        before, here, after = _decoded(data, start, end, anchor.encoding)
        text = before + here + after
        packed = form.packed if contents is Contents.PACKED else None
        for expression in filter(None, (form.bounded, packed)):
            for match in expression.finditer(text):
                overlaps = match.start() < len(before) + len(here) and match.end() > len(before)
                if overlaps and not _is_of_a_digest(text, match):
                    sure = end - start >= _SURE
                    return sure or _is_among_text(data, start, end, anchor.encoding)
        return False


class _Index:
    """Anchors by four of their bytes, then by up to eight."""

    def __init__(self, anchors: Sequence[Anchor]) -> None:
        self._table = np.zeros(1 << _TABLE_BITS, dtype=bool)
        self._anchors: dict[tuple[int, int], list[tuple[Anchor, int]]] = {}
        grams = Counter(gram for one in anchors for gram in _grams(one.content))
        for anchor in anchors:
            offset = _rarest(anchor.content, grams)
            window = anchor.content[offset : offset + _WINDOW]
            self._table[_hashed(np.frombuffer(window[:N_GRAM], "<u4"))] = True
            key = len(window), int.from_bytes(window, "little")
            self._anchors.setdefault(key, []).append((anchor, offset))
        self._keys = {
            width: np.array(sorted(k for w, k in self._anchors if w == width), dtype=np.uint64)
            for width in {width for width, _ in self._anchors}
        }

    def hits(self, folded: bytes) -> Iterator[tuple[Anchor, int]]:
        """Every anchor in bytes folded by `SMALL`, and where it begins."""
        if len(folded) < N_GRAM or not self._anchors:
            return
        places = self._candidates(folded)
        if not places.size:
            return
        padded = np.frombuffer(folded + bytes(_WINDOW), dtype=np.uint8)
        windows = padded[places[:, None] + np.arange(_WINDOW)].view("<u8")[:, 0]
        for width, keys in self._keys.items():
            kept = windows & np.uint64(2 ** (8 * width) - 1)
            nearest = np.searchsorted(keys, kept).clip(max=len(keys) - 1)
            for place in np.flatnonzero(keys[nearest] == kept):
                for anchor, offset in self._anchors[width, int(kept[place])]:
                    start = int(places[place]) - offset
                    if start >= 0 and folded.startswith(anchor.content, start):
                        yield anchor, start

    def _candidates(self, folded: bytes) -> NDArray[np.int64]:
        """Where (n,) the table knows the four bytes."""
        found = []
        for shift in range(min(N_GRAM, len(folded) - N_GRAM + 1)):
            count = (len(folded) - shift) // N_GRAM
            grams = np.frombuffer(folded, "<u4", count=count, offset=shift)
            found.append(np.flatnonzero(self._table[_hashed(grams)]) * N_GRAM + shift)
        return np.concatenate(found)


def _hashed(grams: NDArray[np.uint32]) -> NDArray[np.uint32]:
    hashed: NDArray[np.uint32] = (grams * _MULTIPLIER) >> np.uint32(32 - _TABLE_BITS)
    return hashed


def _grams(content: bytes) -> set[bytes]:
    last = max(len(content) - _WINDOW, 0)
    return {content[at : at + N_GRAM] for at in range(last + 1)}


def _rarest(content: bytes, grams: Counter[bytes]) -> int:
    """Where the window begins that fewest other anchors share and that has most letters."""
    last = max(len(content) - _WINDOW, 0)

    def commonness(at: int) -> tuple[int, int]:
        gram = content[at : at + N_GRAM]
        return sum(sign in b"0123456789\0 _-." for sign in gram), grams[gram]

    return min(range(last + 1), key=commonness)


def _decoded(data: bytes, start: int, end: int, encoding: str) -> tuple[str, str, str]:
    """The text before, in and after an anchor, in the form in which texts are compared."""
    first = max(start - _AROUND, (start - _AROUND) % 2, start % 2 if "16" in encoding else 0)
    left = data[first:start]
    before = left.decode(encoding, "replace")
    if encoding == "gb18030" and "\ufffd" in before:  # it may have begun amid a character
        before = min(
            before, left[1:].decode(encoding, "replace"), key=lambda one: one.count("\ufffd")
        )
    here, after = (
        part.decode(encoding, "replace") for part in (data[start:end], data[end : end + _AROUND])
    )
    return normal(before), normal(here), normal(after)


def _is_of_a_digest(text: str, match: re.Match[str]) -> bool:
    """Whether a match is a stretch of the digits of some hash."""
    if not set(match.group()) <= _HEX:
        return False
    first, last = match.start(), match.end()
    while first and text[first - 1] in _HEX:
        first -= 1
    while last < len(text) and text[last] in _HEX:
        last += 1
    run = text[first:last]
    return len(run) >= _HEX_RUN and not run.isdigit()


def _is_among_text(data: bytes, start: int, end: int, encoding: str) -> bool:
    """Whether so few bytes stand in text, and not by chance among numbers."""
    if encoding in ("utf-8", "latin-1"):
        near = np.frombuffer(data[max(start - _CONTEXT, 0) : end + _CONTEXT], dtype=np.uint8)
        is_text = _TEXT[near] | (near >= 128 if not data[start:end].isascii() else False)
        return bool(is_text.mean() >= _CONTEXT_SHARE)
    before, here, after = _decoded(data, start, end, encoding)
    run = [*_run(before[::-1]), *here, *_run(after)]
    is_whole = len(run) == len(before) + len(here) + len(after) and len(data) < _AROUND
    return is_whole or len("".join(run).encode(encoding, "replace")) >= _RUN


def _run(text: str) -> str:
    """The signs that text in Chinese or English has, up to the first other one."""
    for place, sign in enumerate(text):
        if not (
            " " <= sign <= "~"
            or sign in "\t\r\n"
            or "\u4e00" <= sign <= "\u9fff"
            or "\u3000" <= sign <= "\u3010"
            or "\uff01" <= sign <= "\uff5e"
        ):
            return text[:place]
    return text
