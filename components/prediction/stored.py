"""A model's content read back: an unknown kind or version, or other bytes, are refused."""

import hashlib
import json
from pathlib import Path
from typing import TypeVar, get_args

from pydantic import ValidationError

from components.errors import IntegrityError
from components.study.results import Record

StoredRecord = TypeVar("StoredRecord", bound=Record)


def read_stored(path: Path, record: type[StoredRecord]) -> StoredRecord:
    """The record in a JSON file, whose `schema` must be the one that the record's class knows.

    Raises:
        IntegrityError: The file is missing, of an unknown schema, or not such a record.
    """
    known = get_args(record.model_fields["schema_"].annotation)[0]
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        found = content["schema"]
    except FileNotFoundError:
        msg = f"expected {path}, found none; the model is incomplete"
        raise IntegrityError(msg) from None
    except (ValueError, KeyError, TypeError):
        msg = f"{path}: expected JSON text with a schema; the file is damaged"
        raise IntegrityError(msg) from None
    if found != known:
        msg = (
            f"{path.name} is of schema {found!s}, this version of armwise reads {known}; "
            "install the wheel that is attached to the model"
        )
        raise IntegrityError(msg)
    try:
        return record.model_validate(content)
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, fault["loc"])) for fault in error.errors())
        msg = f"{path}: missing or wrong: {fields}"
        raise IntegrityError(msg) from None


def content_digest(folder: Path) -> str:
    """SHA-256 over the names and bytes of a content folder's files."""
    whole = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        whole.update(f"{digest}  {path.relative_to(folder).as_posix()}\n".encode())
    return whole.hexdigest()
