"""The text of an NRRD header: its fields, and the keys that 3D Slicer adds for segments.

The format: https://teem.sourceforge.net/nrrd/format.html. ITK hands over keys that are not UTF-8 in
pieces, follows a header to any other file that it names, and says nothing of a missing geometry;
hence a reading of our own.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from components.errors import PatientRejected

_MAX_HEADER = 4 * 1024**2
_END = re.compile(rb"\r?\n\r?\n")
_ENCODINGS = ("utf-8", "gb18030", "latin-1")  # the last decodes anything


@dataclass(frozen=True)
class NrrdHeader:
    """`fields` by lower-case name, `texts` the key/value pairs; the data begin at `data_at`."""

    fields: dict[str, str]
    texts: dict[str, str]
    data_at: int


def read_nrrd_header(path: Path, *, patient_id: str, role: str) -> NrrdHeader:
    """The header of an NRRD file that holds its own data.

    Raises:
        PatientRejected: The header has no end, or names another file for its data.
    """
    with path.open("rb") as file:
        start = file.read(_MAX_HEADER)
    end = _END.search(start)
    # A header that names another file for the data may end with its own file.
    lines = _decoded(start[: end.start()] if end else start).splitlines()[1:]
    texts: dict[str, str] = {}
    fields: dict[str, str] = {}
    for line in lines:
        if line.startswith("#"):
            continue
        key, is_text, value = line.partition(":=")
        if is_text:
            texts[key] = value
            continue
        field, _, value = line.partition(":")
        fields[field.strip().lower()] = value.strip()
    if {"data file", "datafile"} & set(fields):
        reason = (
            f"{role}: its header names another file for the data; expected one file with both, "
            "save it as .nrrd"
        )
        raise PatientRejected(patient_id, reason)
    if end is None:
        raise PatientRejected(patient_id, f"{role}: its NRRD header has no end; export it again")
    return NrrdHeader(fields, texts, end.end())


def _decoded(raw: bytes) -> str:
    for encoding in _ENCODINGS[:-1]:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode(_ENCODINGS[-1])
