"""Every move of the pointer, as a chain of hashes: an entry holds the digest of the one before.

An entry that was changed, or is missing, breaks the chain at a place that can be named.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Literal

from pydantic import Field

from components.errors import IntegrityError, UsageError
from components.study.results import Record

MoveKind = Literal["promotion", "approval", "rollback"]

REASON_LENGTH = 2000
"""Characters of a reason: an entry then fits a tag of a registry on PostgreSQL (5000)."""
NAME_LENGTH = 100


class HistoryEntry(Record):
    """One move of the pointer; `when` is UTC, `by` is "gate" or the name that a person gave."""

    schema_: Literal["armwise.history/1"] = Field(default="armwise.history/1", alias="schema")
    number: int = Field(ge=1)
    when: str
    kind: MoveKind
    from_version: str | None
    to_version: str
    reason: str
    by: str
    previous_sha256: str | None

    @property
    def sha256(self) -> str:
        """The digest that the next entry holds."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()


class Head(Record):
    """Where a chain ends: without it an entry missing at the end would not be missed."""

    number: int
    sha256: str


def next_entry(
    history: Sequence[HistoryEntry],
    *,
    kind: MoveKind,
    from_version: str | None,
    to_version: str,
    reason: str,
    by: str,
) -> HistoryEntry:
    """The entry that follows a history, made now.

    Raises:
        UsageError: The reason or the name is empty or too long.
        IntegrityError: The pointer stands somewhere, and no history says how it got there.
    """
    _check_text("a reason", reason, REASON_LENGTH)
    _check_text("a name", by, NAME_LENGTH)
    if not history and from_version is not None:
        raise IntegrityError(_without_history(from_version))
    return HistoryEntry(
        number=len(history) + 1,
        when=datetime.now(UTC).isoformat(timespec="seconds"),
        kind=kind,
        from_version=from_version,
        to_version=to_version,
        reason=reason.strip(),
        by=by.strip(),
        previous_sha256=history[-1].sha256 if history else None,
    )


def check_chain(history: Sequence[HistoryEntry], head: Head | None) -> None:
    """Nothing, once every entry is the one that was written.

    Args:
        history: The entries in the order of their numbers.
        head: Where the chain was last said to end; None where nothing was ever written.

    Raises:
        IntegrityError: An entry is missing or was changed; the message names it.
    """
    for position, entry in enumerate(history, start=1):
        if entry.number != position:
            msg = f"entry {position} of the promotion history is missing"
            raise IntegrityError(msg + _WHAT_NOW)
        before = history[position - 2] if position > 1 else None
        expected = before.sha256 if before else None
        if entry.previous_sha256 != expected:
            _changed(position - 1 if before else 1)
    if (history[0].from_version if history else None) is not None:
        _changed(1)
    last = head.number if head else 0
    if last > len(history):
        msg = f"entry {len(history) + 1} of the promotion history is missing"
        raise IntegrityError(msg + _WHAT_NOW)
    if history and (head is None or last < len(history) or head.sha256 != history[-1].sha256):
        _changed(len(history))


def check_pointer(history: Sequence[HistoryEntry], champion: str | None) -> None:
    """Nothing, once the pointer stands where the history says.

    Raises:
        IntegrityError: It was moved by other means than armwise.
    """
    if not history and champion is not None:
        raise IntegrityError(_without_history(champion))
    expected = history[-1].to_version if history else None
    if expected != champion:
        msg = (
            f"entry {len(history)} of the promotion history says that the champion is version "
            f"{expected}, but the pointer stands on {_version(champion)}: it was moved by other "
            "means than armwise. `armwise rollback --to` or `armwise approve` puts it where it "
            "belongs, and that is recorded"
        )
        raise IntegrityError(msg)


def champion_before(history: Sequence[HistoryEntry], champion: str) -> str | None:
    """The version that a rollback goes to: what stood there before the champion was put there.

    Versions that were rolled back from are not gone to again. None where nothing came before.
    """
    stack: list[str] = []
    for entry in history:
        if entry.kind == "rollback" and entry.to_version in stack:
            del stack[stack.index(entry.to_version) + 1 :]
        elif not stack or stack[-1] != entry.to_version:
            stack.append(entry.to_version)
    if champion in stack:
        del stack[stack.index(champion) :]
    return stack[-1] if stack else None


def once_champions(history: Sequence[HistoryEntry]) -> tuple[str, ...]:
    """Every version that the pointer ever stood on, the latest first."""
    return tuple(dict.fromkeys(entry.to_version for entry in reversed(history)))


def moved_outside(history: Sequence[HistoryEntry]) -> tuple[str, ...]:
    """Where an entry does not begin where the one before ended, in sentences."""
    return tuple(
        f"Between entries {before.number} and {entry.number} the pointer was moved by other means "
        f"than armwise, from version {before.to_version} to {_version(entry.from_version)}."
        for before, entry in pairwise(history)
        if entry.from_version != before.to_version
    )


_WHAT_NOW = (
    "; nothing is promoted or rolled back on a broken history. It stands in the tags "
    "armwise.history.* of armwise-recommender: restore them from a backup of the registry, or see "
    "the how-to on rolling back for beginning a new history"
)


def _changed(number: int) -> None:
    msg = f"entry {number} of the promotion history is not what was written"
    raise IntegrityError(msg + _WHAT_NOW)


def _without_history(champion: str) -> str:
    return (
        f"expected a history of promotions, found none, but the pointer stands on version "
        f"{champion}: entry 1 is missing, or the pointer was set by other means than armwise. "
        "Delete the alias 'champion' of armwise-recommender; `armwise approve` then begins a "
        "history"
    )


def _version(version: str | None) -> str:
    return f"version {version}" if version else "no version"


def _check_text(what: str, text: str, length: int) -> None:
    if not 0 < len(text.strip()) <= length:
        msg = f"expected {what} of 1 to {length} characters, came {len(text.strip())}"
        raise UsageError(msg)
