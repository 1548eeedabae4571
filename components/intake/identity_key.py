"""The import key: which patient stands behind a pseudonym. One file, its owner's alone.

A CSV file in UTF-8 for people who look a patient up, in a spreadsheet if they like: a cell that a
spreadsheet would take for a formula begins with an apostrophe there, as its own text cells do.
"""

import csv
import io
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from components.errors import IntegrityError, UsageError
from components.intake.cells import compared
from components.study.files import written_whole

_HEADER = ("pseudonym", "patient_id", "row", "files")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "'")
_OWNER_ALONE = 0o600
_LONGEST_CELL = 2**24  # the names of a patient's thousands of DICOM files
_DATASET_CARD = "dataset.json"


@dataclass(frozen=True)
class KeyRow:
    """A patient: the id as the hospital has it, the sheet's row, the files of the source."""

    pseudonym: str
    patient_id: str
    row: int | None
    files: tuple[str, ...]


def write_import_key(path: Path, rows: Sequence[KeyRow]) -> None:
    """Adds patients to an import key; the file is there as a whole or not at all, mode 0600.

    A patient who stands there already keeps the place; row and files become the new ones, where
    new ones are given.

    Raises:
        UsageError: The file would lie inside a dataset.
        IntegrityError: A pseudonym stands for another id than before, or an id has another
            pseudonym: the study key has changed. Nothing is written.
    """
    _require_outside_data(path)
    merged = {row.pseudonym: row for row in read_import_key(path)}
    for row in rows:
        before = merged.get(row.pseudonym)
        merged[row.pseudonym] = row if before is None else _joined(before, row)
    _require_one_to_one(path, merged.values())
    text = _as_text(merged.values())
    with written_whole(path) as partial:
        partial.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with os.fdopen(os.open(partial, flags, _OWNER_ALONE), "wb") as file:
            file.write(text.encode("utf-8-sig"))  # with the mark Excel shows Chinese as such
            file.flush()
            os.fsync(file.fileno())


def read_import_key(path: Path) -> tuple[KeyRow, ...]:
    """The patients of an import key; none where there is no file yet.

    Raises:
        IntegrityError: The file is no import key, or was damaged.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return ()
    except UnicodeDecodeError:
        raise _damaged(path, "is no text in UTF-8") from None
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_CELL))
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        if tuple(next(lines, ())) != _HEADER:
            raise _damaged(path, f"does not begin with {','.join(_HEADER)}")
        rows = tuple(_row(cells) for cells in lines)
    except (csv.Error, ValueError):
        raise _damaged(path, f"line {lines.line_num} is not as it was written") from None
    if len({row.pseudonym for row in rows}) < len(rows):
        raise _damaged(path, "a pseudonym stands there twice")
    return rows


def _row(cells: list[str]) -> KeyRow:
    pseudonym, patient_id, row, files = cells
    listed = json.loads(files)
    if not pseudonym or not isinstance(listed, list):
        raise ValueError
    names = tuple(str(name) for name in listed)
    return KeyRow(pseudonym, _from_cell(patient_id), int(row) if row else None, names)


def _as_text(rows: Iterable[KeyRow]) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(_HEADER)
    for row in rows:
        number = "" if row.row is None else str(row.row)
        # A file name that is no text in any encoding is written in JSON's escapes.
        is_text = all(name.isprintable() for name in row.files)
        files = json.dumps(row.files, ensure_ascii=not is_text)
        writer.writerow((row.pseudonym, _as_cell(row.patient_id), number, files))
    return out.getvalue()


def _as_cell(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _from_cell(cell: str) -> str:
    return cell.removeprefix("'")


def _joined(before: KeyRow, row: KeyRow) -> KeyRow:
    if compared(before.patient_id) != compared(row.patient_id):
        msg = (
            f"the pseudonym {row.pseudonym} stands for another patient in the import key than in "
            "this import; nothing was written. Is ARMWISE_STUDY_KEY the key of the earlier imports?"
        )
        raise IntegrityError(msg)
    number = before.row if row.row is None else row.row
    return KeyRow(row.pseudonym, row.patient_id, number, row.files or before.files)


def _require_one_to_one(path: Path, rows: Iterable[KeyRow]) -> None:
    whose: dict[str, str] = {}
    for row in rows:
        first = whose.setdefault(compared(row.patient_id), row.pseudonym)
        if first != row.pseudonym:
            msg = (
                f"the patient of {first} in {path} would get the pseudonym {row.pseudonym}: "
                "ARMWISE_STUDY_KEY is not the key of the earlier imports; nothing was written. Set "
                "the earlier key"
            )
            raise IntegrityError(msg)


def _require_outside_data(path: Path) -> None:
    place = path.resolve()
    for folder in place.parents:
        is_dataset = (
            (folder / _DATASET_CARD).exists()
            or (folder.parent / f"{folder.name}.dvc").is_file()
            or (folder.name == "data" and _is_study(folder, place))
        )
        if is_dataset:
            msg = (
                f"{path}: the key to the patients' identities must lie outside the dataset "
                f"{folder}, which is versioned and passed on; name a place beside it"
            )
            raise UsageError(msg)


def _is_study(data: Path, place: Path) -> bool:
    """Whether a folder called `data` is a study's, whose dataset is still to be made."""
    beside = (data.parent / name for name in ("armwise.toml", ".armwise"))
    return place.parent == data or any(one.exists() for one in beside)


def _damaged(path: Path, what: str) -> IntegrityError:
    msg = (
        f"{path}: {what}; expected the import key as armwise wrote it. Restore it from a copy, and "
        "do not save it from a spreadsheet, which changes long numbers and leading zeros"
    )
    return IntegrityError(msg)
