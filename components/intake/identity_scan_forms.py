"""How a word is recognised in bytes: by an anchor, and by an expression over the text around it.

An anchor is a part of the word in one encoding; where it stands, the neighbourhood is decoded and
the expression decides. So each separator and order costs nothing until the anchor is met.
"""

import re
import unicodedata
from dataclasses import dataclass, field

from components.intake.identity_scan_words import Spelling, Word, how_searched, n_signs, spellings

SMALL = bytes(sign + 32 if 65 <= sign <= 90 else sign for sign in range(256))
"""Translation of A-Z into a-z, byte by byte, whatever the encoding: for anchors and data alike."""

N_GRAM = 4
"""Bytes of the shortest anchor."""

_LETTER, _SEP = "a-zß-ɏ", r"[\s^,_\-.=;/\\:+]{0,3}"
_BEFORE = "\n\0 \"'`,;:=|/\\_-.([{<>^\t"
_BETWEEN = ("", *"^ ,_-.=;/\\:+\n", ", ", "; ", "^^", " - ")
_LOOSE, _TELLING_PART = 8, 6
_ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "gb18030", "latin-1")


@dataclass(frozen=True)
class Anchor:
    """A part of a word as bytes, folded by `SMALL`; `word` is the word's place in the list."""

    content: bytes
    encoding: str
    word: int


@dataclass(frozen=True)
class Form:
    """How one word is recognised.

    `bounded` finds it where words end as they do in text; `packed` finds it where fields stand
    without anything between them, as in a database's pages, and is None for words too short for
    that.
    """

    bounded: re.Pattern[str]
    packed: re.Pattern[str] | None
    anchors: tuple[Anchor, ...] = field(repr=False, default=())


def form_of(word: Word, place: int) -> Form | None:
    """How a word is recognised in text; None where it is searched in cells of ids alone."""
    how = how_searched(word)
    ways = spellings(word)
    if how == "id cell" or not ways:
        return None
    short = how == "whole word"
    bounded = re.compile("|".join(_bounded(way, short=short) for way in ways))
    packed = "" if short else "|".join(filter(None, map(_packed, ways)))
    anchors = {anchor for way in ways for anchor in _anchors(way, place)}
    return Form(bounded, re.compile(packed) if packed else None, tuple(sorted(anchors, key=str)))


def normal(text: str) -> str:
    """The form in which texts are compared."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()


def _body(way: Spelling) -> str:
    return _SEP.join(re.escape(part.casefold()) for part in way.parts)


def _bounded(way: Spelling, *, short: bool) -> str:
    if short:
        return rf"(?<![^\W_]){_body(way)}(?![^\W_])"
    loose = _is_mixed(way.joined) and n_signs(way.joined) >= _LOOSE
    return _before(way, loose=loose) + _body(way) + _after(way, loose=loose)


def _before(way: Spelling, *, loose: bool) -> str:
    first = way.joined[0].casefold()
    if first.isdigit():
        return r"(?<!\d)(?<!\d\.)"
    return f"(?<![{_LETTER}])" if not loose and re.match(f"[{_LETTER}]", first) else ""


def _after(way: Spelling, *, loose: bool) -> str:
    last = way.joined[-1].casefold()
    if last.isdigit():
        return r"(?!\d)(?!\.(?!0+(?!\d))\d)"  # 12345.0 is an id that a table took for a number
    return f"(?![{_LETTER}])" if not loose and re.match(f"[{_LETTER}]", last) else ""


def _packed(way: Spelling) -> str:
    n = n_signs(way.joined)
    if not way.joined.isascii():
        return _body(way)
    if way.joined.isdigit():
        return _before(way, loose=False) + _body(way) if n >= _LOOSE else ""
    return _body(way) if n >= _LOOSE or _is_mixed(way.joined) else ""


def _is_mixed(text: str) -> bool:
    return any(map(str.isdigit, text)) and not all(map(str.isdigit, text))


def _anchors(way: Spelling, place: int) -> set[Anchor]:
    """A long part; else two neighbouring parts and what may stand between them."""
    longest = max(way.parts, key=lambda part: len(part.encode()))
    if len(longest.encode()) >= _TELLING_PART:
        return _encoded([longest], place)
    if len(way.parts) > 1:
        pairs = zip(way.parts[:-1], way.parts[1:], strict=True)
        pair = max(pairs, key=lambda two: len("".join(two).encode()))
        return _encoded([sign.join(pair) for sign in _BETWEEN], place)
    if len(longest.encode()) >= N_GRAM:
        return _encoded([longest], place)
    return {one for sign in _BEFORE for one in _encoded([sign + longest], place)}


def _encoded(texts: list[str], place: int) -> set[Anchor]:
    found: set[Anchor] = set()
    for text in texts:
        cases = {text} if text.isascii() else {text, text.upper(), text.title()}
        for case in cases | {unicodedata.normalize("NFD", case) for case in cases}:
            for encoding in _ENCODINGS[:3] if text.isascii() else _ENCODINGS:
                try:
                    content = case.encode(encoding).translate(SMALL)
                except UnicodeEncodeError:
                    continue
                if len(content) >= N_GRAM:
                    found.add(Anchor(content, encoding, place))
    return found
