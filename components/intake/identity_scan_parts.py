"""One file under examination: its bytes, what is packed in it, and what is packed in that.

Memory is bounded: a stream is read in pieces that overlap, what must be sought in is unpacked to a
temporary file, and what unpacks to more than a limit is told, not read.
"""

import io
import json
import lzma
import re
import tempfile
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from components.intake.cells import compared
from components.intake.identity_scan_escapes import (
    base64_contents,
    textual,
    unescaped,
    without_tags,
)
from components.intake.identity_scan_matcher import OVERLAP, Contents, Matcher
from components.intake.identity_scan_words import how_searched

Place = tuple[str, ...]
"""Where in a file: the parts of a container, one within the other."""

_HEAD = 65536
_WHOLE, _PIECE = 16 << 20, 8 << 20
_IN_MEMORY = 32 << 20
_BUFFER = 4 << 20
_DEEPEST = 12
_MOST_UNPACKED = 8 << 30
_ID_NAME = re.compile(
    r"(real_?)?(patients?|pat|subject|case|hospital|admission|record|medical_record)"
    r"_?(ids?|names?|no|nr|number)|mrn|patient|other_?patient_?ids|病历号|住院号|患者编号"
)
_JSON_KEY = re.compile(rb'"([^"\\]{2,40})"\s*:\s*"?([^",}\]\s]{1,12})')
_BOMS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


class CannotRead(Exception):
    """A part whose content cannot be looked into, and why."""


@dataclass(frozen=True)
class Container:
    """A kind of file that holds others, or that holds its text otherwise than as it stands.

    `begins` says by the first 64 KiB whether a file is one. `contents` is what its own bytes are;
    None where `open` searches these as well.
    """

    name: str
    begins: Callable[[bytes], bool]
    open: Callable[["Examination", BinaryIO, Place], None]
    must_seek: bool = True
    contents: Contents | None = Contents.TEXT


@dataclass
class Examination:
    """What is found in one file, by place; `unread` says what could not be looked into."""

    matcher: Matcher
    containers: Sequence[Container]
    most_unpacked: int = _MOST_UNPACKED
    found: dict[Place, set[int]] = field(default_factory=dict)
    unread: dict[Place, str] = field(default_factory=dict)
    n_parts: int = 0

    def __post_init__(self) -> None:
        words = enumerate(self.matcher.words)
        self._left = self.most_unpacked
        self._ids = {compared(w.text): n for n, w in words if how_searched(w) == "id cell"}

    def part(self, stream: BinaryIO, place: Place) -> None:
        """Searches a file, or a file within a container, and all that is in it."""
        self.n_parts += 1
        if len(place) > _DEEPEST:
            self.unread[place] = f"containers within containers, more than {_DEEPEST} deep"
            return
        head, _ = _read(stream, _HEAD)
        whole = _rewound(head, stream)
        container = next((one for one in self.containers if one.begins(head)), None)
        try:
            if container is None:
                self.stream(whole, place)
            elif not container.must_seek or whole.seekable():
                self._open(container, whole, place)
            else:
                with self._unpacked(whole) as file:
                    self._open(container, file, place)
        except CannotRead as error:
            self.unread[place] = str(error)
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            self.unread[place] = f"cannot be read to its end ({type(error).__name__})"

    def _open(self, container: Container, stream: BinaryIO, place: Place) -> None:
        if container.contents is not None and stream.seekable():
            self.stream(stream, place, container.contents)
            stream.seek(0)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of odd files; what cannot be read is told
                container.open(self, stream, place)
        except CannotRead as error:
            self.unread[place] = f"{container.name}: {error}"
        except Exception as error:  # noqa: BLE001  damaged files raise what their bytes happen to hit
            self.unread[place] = f"a damaged {container.name} ({type(error).__name__})"

    def stream(self, stream: BinaryIO, place: Place, contents: Contents = Contents.TEXT) -> None:
        """Searches bytes as they stand, and in their other readings.

        Raises:
            OSError, EOFError, zlib.error: The stream ends so; what came before is searched.
        """
        piece, fault = _read(stream, _WHOLE)
        encoding, tail = _BOMS.get(piece[:2]), b"\n"
        while piece:
            self.data(tail + piece, place, contents)
            if encoding is not None:
                recoded = (tail[len(tail) % 2 :] + piece).decode(encoding, "replace")
                self.data(recoded.encode("utf-8", "replace"), place)
            if fault is not None:
                raise fault
            tail = piece[-OVERLAP:]
            piece, fault = _read(stream, _PIECE)
        if fault is not None:
            raise fault

    def data(self, data: bytes, place: Place, contents: Contents = Contents.TEXT) -> None:
        """Searches bytes that are here as a whole."""
        self._note(place, data, contents)
        if contents is Contents.VOXELS:
            return
        for text in textual(data):
            self._text(text, place, contents)

    def _text(self, data: bytes, place: Place, contents: Contents) -> None:
        self._ids_in_json(data, place)
        plain = unescaped(data)
        if plain is not data:
            self._note(place, plain, contents)
        if (lines := without_tags(plain)) is not plain:
            self._note(place, lines, contents)
        long, short = base64_contents(plain)
        self._note(place, short, Contents.TEXT)
        for content in long:
            self.part(io.BytesIO(content), (*place, "base64"))

    def _note(self, place: Place, data: bytes, contents: Contents) -> None:
        known = self.found.get(place, set())
        new = self.matcher.find(data, contents, frozenset(known))
        if new:
            self.found[place] = known | new

    def name(self, name: str, place: Place) -> None:
        """Searches the name of a file, column or the like."""
        self.data(b"\n" + name.encode("utf-8", "surrogateescape") + b"\n", place)

    def cells(self, name: str, values: Iterable[Any], place: Place) -> None:
        """Searches the cells of a column; `name` says whether ids stand there."""
        where = (*place, name)
        is_id = bool(self._ids) and is_id_name(name)
        lines: list[bytes] = []
        n_bytes = 0
        for value in values:
            if is_id:
                self._note_id(value, where)
            line = _as_bytes(value)
            if len(line) > _HEAD or any(one.begins(line) for one in self.containers):
                self.part(io.BytesIO(line), where)
                continue
            lines.append(line)
            n_bytes += len(line)
            if n_bytes > _BUFFER:
                self.data(b"\n".join([b"", *lines, b""]), where)
                lines, n_bytes = [], 0
        self.data(b"\n".join([b"", *lines, b""]), where)

    def entries(self, entries: Sequence[tuple[str, Any]], place: Place) -> None:
        """Searches named values; a name is part of the place where something is found."""
        lines = [_as_bytes(value) for _, value in entries]
        before = self.found.get(place, set())
        self.data(b"\n".join([b"", *lines, b""]), place)
        here = self.found.get(place, set()) - before
        if here:
            self.found[place] = self.found[place] - here
        for name, value in entries:
            if here or is_id_name(name):
                self.cells(name, [value], place)
        missed = here - {n for at, words in self.found.items() if at[:-1] == place for n in words}
        self.found[place] = self.found.get(place, set()) | missed

    def _note_id(self, value: Any, place: Place) -> None:
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        number = self._ids.get(compared(text))
        if number is not None:
            self.found.setdefault(place, set()).add(number)

    def _ids_in_json(self, data: bytes, place: Place) -> None:
        if not self._ids or b'"' not in data:
            return
        for match in _JSON_KEY.finditer(data):
            if is_id_name(match[1].decode("utf-8", "replace")):
                self._note_id(match[2], place)

    def limited(self, stream: Any) -> BinaryIO:
        """A stream of what is unpacked, which ends in an error at the limit for the whole file."""
        return io.BufferedReader(_Limited(stream, self), _HEAD)

    def spend(self, n_bytes: int) -> None:
        """Counts bytes that were unpacked.

        Raises:
            CannotRead: They are more than the limit.
        """
        self._left -= n_bytes
        if self._left < 0:
            msg = (
                f"unpacks to more than {self.most_unpacked / 2**30:.3g} GiB; the rest was not read"
            )
            raise CannotRead(msg)

    @contextmanager
    def _unpacked(self, stream: BinaryIO) -> Iterator[BinaryIO]:
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
            while piece := stream.read(_PIECE):
                file.write(piece)
            file.seek(0)
            yield file  # type: ignore[misc]


class _Limited(io.RawIOBase):
    def __init__(self, stream: Any, examination: Examination) -> None:
        self._stream, self._examination = stream, examination

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = getattr(self._stream, "read1", self._stream.read)(len(buffer))
        self._examination.spend(len(content))
        buffer[: len(content)] = content
        return len(content)


class _Rewound(io.RawIOBase):
    """A stream whose beginning has been read already."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._head, self._stream = head, stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._head[: len(buffer)] or self._stream.read(len(buffer))
        self._head = self._head[len(buffer) :]
        buffer[: len(content)] = content
        return len(content)


def _rewound(head: bytes, stream: BinaryIO) -> BinaryIO:
    if stream.seekable():
        stream.seek(0)
        return stream
    return io.BufferedReader(_Rewound(head, stream), _HEAD)


def _read(stream: Any, n_bytes: int) -> tuple[bytes, Exception | None]:
    """So many bytes, or what is left, or what comes before a fault, and that fault."""
    read = getattr(stream, "read1", stream.read)  # `read` drops what came before a fault
    pieces = []
    try:
        while n_bytes > 0 and (piece := read(n_bytes)):
            pieces.append(piece)
            n_bytes -= len(piece)
    except (OSError, EOFError, zlib.error, lzma.LZMAError, CannotRead) as fault:
        return b"".join(pieces), fault
    return b"".join(pieces), None


def _as_bytes(value: Any) -> bytes:
    if value is None:
        return b""
    if isinstance(value, bytes):
        return value
    if isinstance(value, float):
        return str(int(value)).encode() if value.is_integer() else b""
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "replace")
    return str(value).encode("utf-8", "surrogateescape")


def is_id_name(name: str) -> bool:
    """Whether a column or key of this name holds ids or names of patients."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.strip())
    return bool(_ID_NAME.fullmatch(re.sub(r"[\s.-]+", "_", spaced.lower())))
