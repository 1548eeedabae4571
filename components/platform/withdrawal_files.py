"""Files that name a patient, found by their content, and rid of the patient or removed."""

import gzip
import io
import json
import shutil
import zipfile
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa

from components.platform.withdrawal_content import (
    names_in_table,
    without_in_json,
    without_in_lines,
    without_in_page,
    without_in_table,
    without_in_text,
)
from components.platform.withdrawal_databases import erase_from_database, names_in_database
from components.platform.withdrawal_name import PatientName, is_text
from components.study.files import written_whole

_PARQUET, _GZIP, _ZIP, _SQLITE = b"PAR1", b"\x1f\x8b", b"PK\x03\x04", b"SQLite format 3\0"
_NUMPY = b"\x93NUMPY"
_NIFTI = slice(344, 347)
_INFLATED_AT_MOST = 1 << 28
_PIECE = 1 << 20
_PAGES = {".html", ".htm", ".svg"}
_LINES = {".jsonl", ".ndjson"}

Outcome = Literal["deleted", "rewritten", "kept"]


def named_paths(root: Path, name: PatientName, *, beside: Collection[Path] = ()) -> Iterator[Path]:
    """The outermost files and folders below a folder whose own name is the patient's.

    Args:
        root: The folder.
        name: The patient.
        beside: Folders that are left out.
    """
    for path in sorted(root.iterdir()) if root.is_dir() else ():
        if path in beside:
            continue
        if name.in_text(path.name):
            yield path
        elif path.is_dir() and not path.is_symlink():
            yield from named_paths(path, name, beside=beside)


def naming_files(root: Path, name: PatientName, *, beside: Collection[Path] = ()) -> list[Path]:
    """Every file below a folder whose content names the patient, in any of the kinds we write."""
    return [path for path in files_below(root, beside=beside) if names(path, name)]


def files_below(root: Path, *, beside: Collection[Path] = ()) -> Iterator[Path]:
    """Plain files below a folder, links and other folders' files left out."""
    for path in sorted(root.iterdir()) if root.is_dir() else ():
        if path in beside or path.is_symlink():
            continue
        if path.is_dir():
            yield from files_below(path, beside=beside)
        elif path.is_file():
            yield path


def names(path: Path, name: PatientName) -> bool:
    """Whether a file's content names the patient: read as it is, unpacked, or as a table."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:  # another process's, gone meanwhile
        return False
    if content.startswith(_SQLITE):
        return names_in_database(path, name)
    return content_names(content, name)


def content_names(content: bytes, name: PatientName) -> bool:
    """Whether bytes name the patient; gzip, ZIP, NumPy and Parquet are looked into."""
    if content.startswith(_GZIP):
        return name.in_bytes(_inflated(content))
    if content.startswith(_NUMPY):
        return _array_names(content, name)
    if name.in_bytes(content):
        return True
    if content.startswith(_PARQUET):
        try:
            return names_in_table(content, name)
        except (OSError, pa.ArrowException):
            return False
    return content.startswith(_ZIP) and _zip_names(content, name)


def _array_names(content: bytes, name: PatientName) -> bool:
    """Whether a cell of a NumPy array names the patient; its texts stand side by side in it."""
    try:
        array = np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError, OSError):
        return name.in_bytes(content)
    if array.dtype.kind in "US":
        return any(name.in_text(str(text)) for text in np.unique(array.astype(str)))
    return name.in_bytes(content)


def _inflated(content: bytes) -> bytes:
    """What gzip packs, up to a limit; of a NIfTI volume the header, the rest being voxels."""
    out = bytearray()
    try:
        with gzip.open(io.BytesIO(content)) as file:
            while len(out) < _INFLATED_AT_MOST and (piece := file.read(_PIECE)):
                out += piece
                if bytes(out[_NIFTI]) in {b"n+1", b"ni1"}:
                    break
    except (OSError, EOFError, zlib.error):
        pass  # what could be inflated is looked at
    return bytes(out)


def _zip_names(content: bytes, name: PatientName) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for entry in archive.infolist():
                if name.in_text(entry.filename):
                    return True
                if entry.file_size <= _INFLATED_AT_MOST and content_names(
                    archive.read(entry), name
                ):
                    return True
    except (zipfile.BadZipFile, OSError, zlib.error, RuntimeError, NotImplementedError):
        return False
    return False


def is_rewritable(path: Path) -> bool:
    """Whether a file can be rid of a patient: a table, a text or a database, and no other."""
    content = path.read_bytes()
    return content.startswith((_PARQUET, _SQLITE)) or is_text(content)


def erase(path: Path, name: PatientName) -> Outcome:
    """Rid a file that names the patient of him: a table, page or text is rewritten, else it goes.

    Its permissions stay. What follows a crash is the old file or the new one.
    """
    content = path.read_bytes()
    if content.startswith(_SQLITE):
        erase_from_database(path, name)
        return "rewritten"
    left = _without(path, content, name)
    if left is None:
        path.unlink()
        return "deleted"
    with written_whole(path) as partial:
        partial.write_bytes(left)
        shutil.copymode(path, partial)
    return "rewritten"


def _without(path: Path, content: bytes, name: PatientName) -> bytes | None:
    """The content without the patient; None where the file has to go."""
    if content.startswith(_PARQUET):
        return without_in_table(content, name)
    if not is_text(content):
        return None
    text = content.decode("utf-8")
    kind = path.suffix.lower()
    if kind in _PAGES:
        return without_in_page(text, name).encode()
    if kind in _LINES:
        return without_in_lines(text, name).encode()
    try:
        value = json.loads(text)
    except ValueError:
        return without_in_text(text, name).encode()
    left = without_in_json(value, name)
    indent = 1 if "\n" in text.strip() else None
    return None if left is None else json.dumps(left, ensure_ascii=False, indent=indent).encode()


def remove(path: Path) -> None:
    """Removes a file or a folder with all that is in it, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
