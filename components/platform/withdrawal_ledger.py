"""Who has withdrawn, remembered without saying who: keyed digests beside the date.

A re-import of a withdrawn patient is refused by asking for the digest of his pseudonym. While a
withdrawal is under way a file names the patient, so that it can be finished after a crash; it goes
with the last step.
"""

import hashlib
import hmac
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from components.errors import DataError, IntegrityError, UsageError
from components.study.files import written_whole
from components.study.lines import add_line, read_lines
from components.study.results import Record

_LEDGER = "withdrawn.jsonl"
_JOURNAL = "withdrawal.json"
_OF_PATIENT, _OF_KEY = b"armwise withdrawn\0", b"armwise key of withdrawals\0"
_OWNER_ALONE = 0o600


class Withdrawal(Record):
    """A line of the ledger: a patient gone, the versions and models that had him.

    `digest` is the pseudonym's under the study key, `key_check` tells whether a key is the same.
    """

    when: str
    digest: str
    key_check: str
    history_purged: bool
    versions: tuple[str, ...]
    models: tuple[str, ...]


class UnderWay(Record):
    """What a withdrawal needs to be finished after a crash, found out before it began.

    `others` are longer pseudonyms that his is a part of; `models` are names with versions, as in
    `armwise-backbone/3`; `caches` are absolute paths that go.
    """

    pseudonym: str
    others: tuple[str, ...]
    purge_history: bool
    versions: tuple[str, ...]
    models: tuple[str, ...]
    caches: tuple[str, ...]


def note_withdrawal(home: Path, under_way: UnderWay, *, study_key: str) -> None:
    """Write a withdrawal down, once."""
    digest = _digest(study_key, under_way.pseudonym)
    if any(
        one.digest == digest and one.history_purged >= under_way.purge_history
        for one in withdrawals(home)
    ):
        return
    entry = Withdrawal(
        when=datetime.now(UTC).isoformat(timespec="seconds"),
        digest=digest,
        key_check=_key_check(study_key),
        history_purged=under_way.purge_history,
        versions=under_way.versions,
        models=under_way.models,
    )
    add_line(home / _LEDGER, entry)


def withdrawals(home: Path) -> tuple[Withdrawal, ...]:
    """All withdrawals of a study, in order."""
    return read_lines(home / _LEDGER, Withdrawal)


def withdrawn(home: Path, *, study_key: str | None) -> Callable[[str], bool]:
    """The question whether a pseudonym is that of a patient who has withdrawn.

    Args:
        home: The ARMWISE home folder.
        study_key: The study's key; needed once anybody has withdrawn.

    Raises:
        UsageError: Patients have withdrawn and there is no key to know them by.
        IntegrityError: The key is not the one under which they withdrew.
    """
    known = withdrawals(home)
    if not known:
        return lambda _: False
    if not study_key:
        msg = (
            f"{len(known)} patients have withdrawn from this study; set ARMWISE_STUDY_KEY, so that "
            "they are known if they come again"
        )
        raise UsageError(msg)
    key = study_key
    if any(one.key_check != _key_check(key) for one in known):
        msg = (
            "ARMWISE_STUDY_KEY is another key than that under which patients withdrew: they would "
            "not be known if they came again. Set the study's key"
        )
        raise IntegrityError(msg)
    digests = {one.digest for one in known}
    return lambda pseudonym: _digest(key, pseudonym) in digests


def is_withdrawn(home: Path, pseudonym: str, *, study_key: str | None) -> bool:
    """Whether a patient has withdrawn from the study; `withdrawn` asks for many.

    Raises:
        UsageError: Patients have withdrawn and there is no key to know them by.
        IntegrityError: The key is not the one under which they withdrew.
    """
    return withdrawn(home, study_key=study_key)(pseudonym)


def begin(home: Path, under_way: UnderWay) -> None:
    """Write down what is about to be done, for its owner's eyes alone."""
    path = home / _JOURNAL
    with written_whole(path) as partial:
        partial.touch(mode=_OWNER_ALONE)
        with partial.open("w", encoding="utf-8") as file:
            file.write(under_way.to_json())
            file.flush()
            os.fsync(file.fileno())


def under_way(home: Path) -> UnderWay | None:
    """The withdrawal that was begun and not finished; None where there is none.

    Raises:
        IntegrityError: It was begun, and what it was is not readable any more.
    """
    path = home / _JOURNAL
    try:
        return UnderWay.from_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError:
        msg = f"{path} cannot be read; remove it and withdraw the patient again"
        raise IntegrityError(msg) from None


def end(home: Path) -> None:
    """Nothing of the withdrawal is left to be done."""
    (home / _JOURNAL).unlink(missing_ok=True)


def require_finished(home: Path) -> None:
    """Nothing, unless a withdrawal was cut short: nobody works on data that are half rid of him.

    Raises:
        DataError: A withdrawal was begun and not finished.
    """
    if (home / _JOURNAL).exists():
        msg = (
            "the withdrawal of a patient was cut short; `armwise withdraw --resume` finishes it, "
            "then run this again"
        )
        raise DataError(msg)


def journal_path(home: Path) -> Path:
    """The file that names the patient while he is being withdrawn."""
    return home / _JOURNAL


def _digest(study_key: str, pseudonym: str) -> str:
    message = _OF_PATIENT + pseudonym.encode()
    return hmac.new(study_key.strip().encode(), message, hashlib.sha256).hexdigest()


def _key_check(study_key: str) -> str:
    return hmac.new(study_key.strip().encode(), _OF_KEY, hashlib.sha256).hexdigest()[:16]
