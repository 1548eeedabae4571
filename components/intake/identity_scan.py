"""Proof that no identity came through: every file below some folders, searched for known ones.

Searched are file and folder names, the targets of links, bytes as they stand in several encodings,
and what is packed: archives, tables, databases, images, documents, escapes and base64 text. A
finding says where something stands and which word of the list it is, never the word itself.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path

from components.intake.cells import compared
from components.intake.identity_scan_archives import ARCHIVES
from components.intake.identity_scan_documents import DOCUMENTS
from components.intake.identity_scan_matcher import Matcher
from components.intake.identity_scan_parts import Examination, Place
from components.intake.identity_scan_tables import TABLES
from components.intake.identity_scan_volumes import VOLUMES
from components.intake.identity_scan_words import Word, how_searched, n_signs

CONTAINERS = (*ARCHIVES, *TABLES, *DOCUMENTS, *VOLUMES)
"""Every kind of file that is looked into, the first one that fits."""

_SURE_DIGITS = 8
_IMAGES = "images"


@dataclass(frozen=True)
class Found:
    """A word that stands where it must not.

    `is_doubtful`: it is a number of few digits, which another number may equal.
    """

    file: str
    place: Place
    label: str
    is_doubtful: bool

    def __str__(self) -> str:
        doubt = " (few digits: it may be another number)" if self.is_doubtful else ""
        return f"{' › '.join((self.file, *self.place))}: {self.label}{doubt}"


@dataclass(frozen=True)
class FileScan:
    """What one file holds; `unread` says what in it could not be looked into, and why."""

    found: tuple[Found, ...] = ()
    unread: tuple[str, ...] = ()
    n_parts: int = 0
    n_bytes: int = 0


@dataclass
class Scan:
    """What all files hold."""

    found: list[Found] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    n_files: int = 0
    n_parts: int = 0
    n_bytes: int = 0

    def add(self, one: FileScan) -> None:
        """Takes in what one file holds."""
        self.found += one.found
        self.unread += one.unread
        self.n_parts += one.n_parts
        self.n_bytes += one.n_bytes
        self.n_files += 1


@dataclass(frozen=True)
class Listing:
    """The files below some folders, and what their names and links alone tell."""

    files: tuple[Path, ...]
    n_bytes: int
    names: FileScan


def list_files(
    folders: Sequence[Path], words: Sequence[Word], *, root: Path, leave_out: Sequence[Path] = ()
) -> Listing:
    """Every file below some folders once; folders behind links are not entered.

    Args:
        folders: Folders or files.
        words: What is looked for in names and in the targets of links.
        root: Places are told from here.
        leave_out: Files that may hold identities, the import key for one.
    """
    matcher = _matcher(tuple(words))
    left_out = {path.resolve() for path in leave_out}
    files: dict[tuple[int, int], Path] = {}
    found: list[Found] = []
    unread: list[str] = []
    n_bytes = 0
    for path in _walked(folders, unread=lambda path: unread.append(shown(path, matcher, root))):
        if path.resolve() in left_out:
            continue
        found += _in_name(path, matcher, root)
        status = _status(path)
        if status is not None and (status.st_dev, status.st_ino) not in files:
            files[status.st_dev, status.st_ino] = path
            n_bytes += status.st_size
    told = tuple(f"{one}: the folder cannot be read" for one in unread)
    return Listing(tuple(files.values()), n_bytes, FileScan(tuple(found), told))


def scan_files(
    listing: Listing,
    words: Sequence[Word],
    *,
    root: Path,
    map: Callable[..., Iterable[FileScan]] = map,  # noqa: A002  as elsewhere: another one works side by side
    on_progress: Callable[[int, int], None] | None = None,
) -> Scan:
    """Searches the files of a listing.

    Args:
        listing: As `list_files` gives it.
        words: What is looked for.
        root: Places are told from here.
        map: Applies a function to files, in order.
        on_progress: Told the bytes that are done, and of how many.
    """
    scan = Scan()
    scan.add(listing.names)
    scan.n_files = 0
    examine = partial(scan_file, words=tuple(words), root=root)
    for one in map(examine, listing.files):
        scan.add(one)
        if on_progress is not None:
            on_progress(scan.n_bytes, listing.n_bytes)
    return scan


def scan_file(path: Path, *, words: tuple[Word, ...], root: Path) -> FileScan:
    """What one file holds."""
    matcher = _matcher(words)
    examination = Examination(matcher, CONTAINERS)
    try:
        with path.open("rb") as stream:
            n_bytes = os.fstat(stream.fileno()).st_size
            examination.part(stream, ())
    except FileNotFoundError:
        return FileScan()  # gone since it was listed, as files of running platforms go
    except OSError as error:
        why = error.strerror or type(error).__name__
        return FileScan(unread=(f"{shown(path, matcher, root)}: {why}",))
    if not examination.found and not examination.unread:
        return FileScan(n_parts=examination.n_parts, n_bytes=n_bytes)
    name = shown(path, matcher, root)
    found = [
        Found(name, _masked(place, matcher), words[n].label, _is_doubtful(words[n]))
        for place, places in examination.found.items()
        for n in sorted(places)
    ]
    unread = [
        f"{' › '.join((name, *_masked(place, matcher)))}: {why}"
        for place, why in examination.unread.items()
    ]
    return FileScan(tuple(found), tuple(unread), examination.n_parts, n_bytes)


def shown(path: Path, matcher: Matcher, root: Path) -> str:
    """A path as it may be printed: a name in it that tells somebody is replaced by its word's."""
    told = path.relative_to(root) if path.is_relative_to(root) else path
    masked = Path(*_masked(told.parts, matcher))
    if matcher.find_text(str(masked)):
        return f"[a path that tells somebody, {len(told.parts)} deep]"
    return str(masked)


def limits(words: Sequence[Word]) -> list[str]:
    """What a search for these words cannot see, in sentences."""
    how = [how_searched(word) for word in words]
    sentences = {
        "whole word": "of 3 or 4 characters: searched as whole words in text and tables, not in "
        "voxels",
        "id cell": "of 1 or 2 characters or of fewer than 5 digits: searched only where ids stand "
        "(columns and keys such as patient_id, DICOM's patient tags, folders below images)",
    }
    return [
        f"{how.count(one)} of the words {text}" for one, text in sentences.items() if one in how
    ]


@lru_cache(maxsize=2)
def _matcher(words: tuple[Word, ...]) -> Matcher:
    return Matcher(words)


def _walked(folders: Sequence[Path], *, unread: Callable[[Path], None]) -> Iterator[Path]:
    """Everything below the folders, links not entered, in a fixed order."""
    for folder in folders:
        if not folder.is_dir():
            yield folder
            continue
        for place, inner, files in os.walk(folder, onerror=lambda e: unread(Path(e.filename))):
            inner.sort()
            for name in sorted([*inner, *files]):
                yield Path(place, name)


def _status(path: Path) -> os.stat_result | None:
    """Of a file, also behind a link; None for folders, sockets and links that lead nowhere."""
    try:
        return path.stat() if path.is_file() else None
    except OSError:
        return None


def _in_name(path: Path, matcher: Matcher, root: Path) -> list[Found]:
    """What the last part of a path tells, and where a link leads."""
    texts = {"its name": path.name}
    if path.is_symlink():
        texts["the target of the link"] = str(path.readlink())
    found = [(where, n) for where, text in texts.items() for n in sorted(matcher.find_text(text))]
    if path.parent.name == _IMAGES:
        ids = {compared(w.text): n for n, w in enumerate(matcher.words) if w.kind == "patient id"}
        found += [("its name", n) for form, n in ids.items() if form == compared(path.name)]
    name = shown(path, matcher, root) if found else ""
    return [
        Found(name, (where,), matcher.words[n].label, _is_doubtful(matcher.words[n]))
        for where, n in dict.fromkeys(found)
    ]


def _masked(parts: Place, matcher: Matcher) -> Place:
    return tuple(
        f"[{matcher.words[min(found)].label}]" if (found := matcher.find_text(part)) else part
        for part in parts
    )


def _is_doubtful(word: Word) -> bool:
    return bool(re.fullmatch(r"[\W\d]*", word.text)) and n_signs(word.text) < _SURE_DIGITS
