"""Where the files of data versions lie, DVC's cache and the remotes, read and checked one by one.

DVC names a file by the md5 of its content. Here each byte that is read is held against its name,
whatever the settings of a remote say, and nothing is removed because it was looked at.
"""

import contextlib
import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.errors import IntegrityError
from components.platform.data_workspace import open_stores

_CHUNK = 1 << 20
LIST_OF_FILES = "the list of its files"
_SHOWN = 5


@dataclass(frozen=True)
class Held:
    """What a place has of a version: paths below `data/` that are missing there, or damaged.

    The list of the version's files counts as one of them, under `LIST_OF_FILES`.
    """

    missing: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing and nothing damaged."""
        return not self.missing and not self.damaged


class Place:
    """The cache or a remote; `name` is how a message calls it."""

    def __init__(self, name: str, store: Any) -> None:
        self.name = name
        self._store = store

    @property
    def folder(self) -> Path | None:
        """Where it is on this machine; None for a place elsewhere."""
        return Path(self._store.path) if self._store.fs.protocol == "local" else None

    def versions(self) -> set[str]:
        """The versions whose list of files lies here, whatever a history knows of them."""
        return {str(digest) for digest in self._store.all() if str(digest).endswith(".dir")}

    def held(self, digests: Collection[str]) -> set[str]:
        """Those of some objects that are here, read or not."""
        # DVC's `oids_exist` deletes the damaged ones.
        return set(self._store.list_oids_exists(list(digests)))

    def read(self, digest: str) -> bytes | None:
        """An object's bytes; None where it is not here.

        Raises:
            IntegrityError: It is here and has other bytes than its name says.
        """
        try:
            with self._open(digest) as file:
                content: bytes = file.read()
        except FileNotFoundError:
            return None
        if hashlib.md5(content, usedforsecurity=False).hexdigest() != digest.removesuffix(".dir"):
            msg = f"the object {digest} of {self.name} is damaged"
            raise IntegrityError(msg)
        return content

    def read_unchecked(self, digest: str) -> bytes:
        """An object's bytes, whole or damaged; empty where it is not here."""
        with contextlib.suppress(FileNotFoundError), self._open(digest) as file:
            content: bytes = file.read()
            return content
        return b""

    def is_intact(self, digest: str) -> bool:
        """Whether an object has the bytes that its name says; read piece by piece.

        Raises:
            FileNotFoundError: It is not here.
        """
        found = hashlib.md5(usedforsecurity=False)
        with self._open(digest) as file:
            while piece := file.read(_CHUNK):
                found.update(piece)
        return found.hexdigest() == digest.removesuffix(".dir")

    def check(self, md5: str, files: Mapping[str, str], *, read: bool = True) -> Held:
        """What is here of a version.

        Args:
            md5: The version.
            files: The digest of each of its files by path.
            read: Whether to read every byte; else only presence is looked at.
        """
        named = {**files, LIST_OF_FILES: md5}
        here = self.held(set(named.values()))
        damaged = {one for one in here if read and not self.is_intact(one)}
        return Held(
            missing=tuple(path for path, digest in named.items() if digest not in here),
            damaged=tuple(path for path, digest in named.items() if digest in damaged),
        )

    def size(self, digest: str) -> int:
        """An object's bytes.

        Raises:
            FileNotFoundError: It is not here.
        """
        return int(self._store.fs.info(self._store.oid_to_path(digest))["size"])

    def remove(self, digest: str) -> None:
        """Deletes an object, if it is here."""
        with contextlib.suppress(FileNotFoundError):
            self._store.delete(digest)

    def _open(self, digest: str) -> Any:
        return self._store.fs.open(self._store.oid_to_path(digest), "rb")


class Stores:
    """The cache and every remote of a study, the default one first."""

    def __init__(self, cache: Place, remotes: tuple[Place, ...]) -> None:
        self.cache, self.remotes = cache, remotes
        self._lists: dict[str, dict[str, str] | None] = {}

    @property
    def places(self) -> tuple[Place, ...]:
        """The cache first: it is the nearest."""
        return (self.cache, *self.remotes)

    def files(self, md5: str) -> dict[str, str] | None:
        """The digest of each file of a version by its path; None where no list of it is whole."""
        if md5 not in self._lists:
            with contextlib.suppress(IntegrityError):
                self._lists[md5] = None
                content = self.read(md5)
                if content is not None:
                    entries = json.loads(content)
                    self._lists[md5] = {str(one["relpath"]): str(one["md5"]) for one in entries}
        return self._lists[md5]

    def read(self, digest: str) -> bytes | None:
        """An object from the nearest place that has it whole; None where no place has it.

        Raises:
            IntegrityError: Whoever has it has it damaged.
        """
        fault: IntegrityError | None = None
        for place in self.places:
            try:
                content = place.read(digest)
            except IntegrityError as error:
                fault = error
                continue
            if content is not None:
                return content
        if fault is not None:
            raise fault
        return None

    def size(self, digest: str) -> int:
        """An object's bytes, in the nearest place that has it; 0 where none has."""
        for place in self.places:
            with contextlib.suppress(FileNotFoundError):
                return place.size(digest)
        return 0

    def versions(self) -> set[str]:
        """Every version whose list of files lies in some place."""
        return set().union(*(place.versions() for place in self.places))


@contextlib.contextmanager
def stores_of(study_dir: Path) -> Iterator[Stores]:
    """The places of a study's data versions.

    Raises:
        PlatformError: DVC cannot open a remote.
    """
    with open_stores(study_dir) as (cache, remotes):
        yield Stores(
            Place("the cache", cache),
            tuple(Place(f"the remote '{name}'", store) for name, store in remotes.items()),
        )


def named_files(paths: Collection[str]) -> str:
    """Files as a user knows them, the first few: by patient where they are a patient's."""
    said = []
    for name in sorted(paths)[:_SHOWN]:
        parts = name.split("/")
        is_a_patient_s = parts[0] == "images" and len(parts) > 2
        said.append(f"{parts[-1]} of patient {parts[1]}" if is_a_patient_s else name)
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return ", ".join(said) + more
