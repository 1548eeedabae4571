"""The chain of moves: what is changed or missing is found and named."""

import pytest

from components.errors import IntegrityError, UsageError
from components.promotion.history import (
    Head,
    champion_before,
    check_chain,
    check_pointer,
    moved_outside,
    next_entry,
    once_champions,
)

UNDISTURBED = "1 2 3 r2 r1 4"


def chain(moves: str):
    """`1 2 r1`: two promotions, then a rollback to version 1."""
    entries = []
    for move in moves.split():
        entry = next_entry(
            entries,
            kind="rollback" if move.startswith("r") else "promotion",
            from_version=entries[-1].to_version if entries else None,
            to_version=move.removeprefix("r"),
            reason=f"because of {move}",
            by="gate",
        )
        entries.append(entry)
    return entries


def head_of(entries):
    return Head(number=len(entries), sha256=entries[-1].sha256)


def test_an_undisturbed_chain_is_whole():
    entries = chain(UNDISTURBED)

    check_chain(entries, head_of(entries))
    check_pointer(entries, "4")
    check_chain([], None)
    check_pointer([], None)
    assert entries[0].from_version is None
    assert moved_outside(entries) == ()


@pytest.mark.parametrize("number", range(1, 7))
@pytest.mark.parametrize(
    "change", [{"reason": "another"}, {"by": "nobody"}, {"when": "2020-01-01"}, {"to_version": "9"}]
)
def test_a_changed_entry_is_named(number, change):
    entries = chain(UNDISTURBED)
    head = head_of(entries)
    entries[number - 1] = entries[number - 1].model_copy(update=change)

    with pytest.raises(IntegrityError, match=f"entry {number} .* not what was written"):
        check_chain(entries, head)


@pytest.mark.parametrize("number", range(1, 7))
def test_a_missing_entry_is_named(number):
    entries = chain(UNDISTURBED)
    head = head_of(entries)
    del entries[number - 1]

    with pytest.raises(IntegrityError, match=f"entry {number} .* missing"):
        check_chain(entries, head)


def test_a_chain_cannot_begin_with_another_first_entry_or_lose_its_head():
    entries = chain("1 2")
    moved = entries[0].model_copy(update={"from_version": "0"})

    with pytest.raises(IntegrityError, match="entry 1 "):
        check_chain([moved], head_of([moved]))
    with pytest.raises(IntegrityError, match="entry 2 "):
        check_chain(entries, None)


def test_a_pointer_elsewhere_is_found_and_the_next_entry_says_where_it_was():
    entries = chain("1 2")
    with pytest.raises(IntegrityError, match=r"entry 2 .*version 2, but .*version 7"):
        check_pointer(entries, "7")

    entries.append(
        next_entry(
            entries, kind="rollback", from_version="7", to_version="1", reason="r", by="operator"
        )
    )

    check_chain(entries, head_of(entries))
    assert moved_outside(entries) == (
        "Between entries 2 and 3 the pointer was moved by other means than armwise, from version "
        "2 to version 7.",
    )


def test_a_pointer_without_a_history_is_no_beginning():
    with pytest.raises(IntegrityError, match="entry 1 is missing"):
        check_pointer([], "1")
    with pytest.raises(IntegrityError, match="entry 1 is missing"):
        next_entry([], kind="promotion", from_version="1", to_version="2", reason="r", by="gate")


@pytest.mark.parametrize(
    ("moves", "champion", "before"),
    [
        ("1", "1", None),
        ("1 2", "2", "1"),
        ("1 2 3", "3", "2"),
        ("1 2 3 r2", "2", "1"),
        ("1 2 3 r2 r1", "1", None),
        ("1 2 3 r1", "1", None),
        ("1 2 r1 3", "3", "1"),
        ("1 2 r1 2", "2", "1"),
        ("1 2", "7", "2"),
    ],
)
def test_the_version_before(moves, champion, before):
    assert champion_before(chain(moves), champion) == before


def test_every_champion_once_the_latest_first():
    assert once_champions(chain("1 2 r1 3")) == ("3", "1", "2")


@pytest.mark.parametrize("change", [{"reason": " "}, {"reason": "x" * 2001}, {"by": ""}])
def test_a_move_has_a_reason_and_a_name(change):
    move = {"kind": "approval", "from_version": None, "to_version": "1", "reason": "r", "by": "b"}
    with pytest.raises(UsageError, match="expected a"):
        next_entry([], **{**move, **change})
