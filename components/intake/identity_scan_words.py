"""What identities are looked for, and how each may be written.

A name is found with its parts in either order and any separator between them (`Family^Given`,
"given, family", "FamilyGiven"), letters with and without their accents, in either case. A date is
found in the ways that hospitals write it.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path, PurePosixPath
from typing import Literal

from components.errors import UsageError
from components.intake.identity_key import KeyRow

Kind = Literal["patient id", "source file", "word", "date"]
_SEPARATOR = r"[\s^,_\-.=;/\\:+]"
_SPLIT = re.compile(f"{_SEPARATOR}+")
_LONGEST = 120
_SHORT, _SHORTEST = 5, 3
_TELLING = 8
_MANY_FILES = 20
_DATES = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%d.%m.%Y", "%d/%m/%Y", "%Y年%m月%d日")


@dataclass(frozen=True)
class Word:
    """Something that must be found nowhere; `label` names it without telling it."""

    label: str
    kind: Kind
    text: str


@dataclass(frozen=True)
class Spelling:
    """One way to write a word: parts in their order, joined by any or no separator."""

    parts: tuple[str, ...]

    @property
    def joined(self) -> str:
        """The parts without anything between them."""
        return "".join(self.parts)


def words_of_key(rows: Sequence[KeyRow]) -> list[Word]:
    """The ids of an import key, and what names files and folders of one patient alone."""
    words = [Word(f"the id of {row.pseudonym}", "patient id", row.patient_id) for row in rows]
    parts_of = {row.pseudonym: _telling_parts(row) for row in rows}
    owners = Counter(part for parts in parts_of.values() for part in parts)
    if len(rows) > 1:
        words += [
            Word(f"a source file's name of {pseudonym}", "source file", part)
            for pseudonym, parts in parts_of.items()
            for part in sorted(parts)
            if owners[part] == 1
        ]
    return words


def _telling_parts(row: KeyRow) -> set[str]:
    """Names of folders, and of files where they are few, that are long enough to tell a person."""
    paths = [PurePosixPath(name.replace("\\", "/")) for name in row.files]
    names = {part for path in paths for part in path.parent.parts}
    if len(paths) <= _MANY_FILES:
        names |= {path.name.split(".")[0] for path in paths}
    return {name for name in names if n_signs(name) >= _TELLING and name != row.patient_id}


def read_words(path: Path) -> list[Word]:
    """The words of a list: one a line (a name, a telephone number, a date); "#" begins a remark.

    Raises:
        UsageError: The file is missing, holds nothing, or is no text.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        msg = f"expected a list of words at {path}: {error.strerror}"
        raise UsageError(msg) from None
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            lines = content.decode(encoding).splitlines()
            break
        except UnicodeDecodeError:
            continue
    else:
        msg = f"{path}: expected text, one word a line, in UTF-8 or GB18030"
        raise UsageError(msg)
    words = [
        Word(f"line {number} of the words", "date" if date_of(line) else "word", line.strip())
        for number, line in enumerate(lines, start=1)
        if line.strip() and not line.startswith("#")
    ]
    if not words:
        msg = f"{path}: expected words, one a line, found none"
        raise UsageError(msg)
    return words


def n_signs(text: str) -> int:
    """How much a text can tell: a letter or digit counts one, a Chinese character two."""
    return sum((2 if ord(sign) > 0x2E7F else 1) for sign in text if sign.isalnum())


def how_searched(word: Word) -> Literal["anywhere", "whole word", "id cell"]:
    """Where a word is searched: what is short would be found by chance in what is long."""
    n, is_number = n_signs(word.text), bool(re.fullmatch(r"[\W\d]*", word.text))
    if n < _SHORTEST or (is_number and n < _SHORT):
        return "id cell"
    return "whole word" if n < _SHORT else "anywhere"


def spellings(word: Word) -> list[Spelling]:
    """The ways to write a word, in small letters; none is empty."""
    text = unicodedata.normalize("NFKC", word.text)[:_LONGEST].lower().strip()
    if word.kind == "date" and (day := date_of(word.text)):
        return [Spelling((written.lower(),)) for written in _written(day)]
    found: dict[Spelling, None] = {}
    for form in dict.fromkeys((text, _bare(text), _bare(_german(text)))):
        parts = tuple(part for part in _SPLIT.split(form) if part)
        for order in _orders(parts, is_name=word.kind == "word"):
            found[Spelling(order)] = None
    return [one for one in found if one.joined]


def _orders(parts: tuple[str, ...], *, is_name: bool) -> Iterable[tuple[str, ...]]:
    yield parts
    if is_name and len(parts) > 1:
        yield parts[::-1]
        yield (*parts[1:], parts[0])
        yield (parts[-1], *parts[:-1])


def _bare(text: str) -> str:
    """A text without its accents."""
    apart = unicodedata.normalize("NFD", text)
    return "".join(sign for sign in apart if not unicodedata.combining(sign))


def _german(text: str) -> str:
    for sign, written in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss")):
        text = text.replace(sign, written)
    return text


def date_of(text: str) -> date | None:
    """The date that a text is, as hospitals write dates; None where it is none."""
    for form in _DATES:
        try:
            day = datetime.strptime(text.strip(), form).date()
        except ValueError:
            continue
        return day if 1850 < day.year < 2100 else None
    return None


def _written(day: date) -> list[str]:
    year, month, dom = day.year, day.month, day.day
    forms = [
        day.strftime(form) for form in (*_DATES, "%m/%d/%Y", "%d-%m-%Y", "%d-%b-%Y", "%d %b %Y")
    ]
    bare = [f"{year}年{month}月{dom}日", *(f"{year}{sign}{month}{sign}{dom}" for sign in "-/.")]
    bare += [f"{dom}{sign}{month}{sign}{year}" for sign in "-/."]
    return list(dict.fromkeys([*forms, *bare]))
