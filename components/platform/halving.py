"""Synchronous successive halving by group, as a pure function of what the trials have reported.

Nothing is remembered between decisions: whatever was killed or restarted, the same reports give
the same decision (Jamieson and Talwalkar 2016, 10.48550/arXiv.1502.07943; each backbone is a group
and its configurations compete only among themselves).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class TrialRow:
    """What a trial has reported: the tuning target after each epoch, None where it diverged."""

    key: str
    group: str
    number: int
    targets: tuple[float | None, ...]


@dataclass(frozen=True)
class Standing:
    """What is due: training until epoch `until`, or nothing more because the trial is out."""

    until: int
    is_out: bool


def standing(
    rows: Iterable[TrialRow], *, rungs: Sequence[int], reduction: int
) -> dict[str, Standing]:
    """The standing of every trial, by its key.

    All trials of a group reach a rung before any goes on. Then one in `reduction` of them, at least
    one, goes on to the next: those with the highest tuning target at the rung, of equal ones those
    with the lower number; a diverged trial comes last.
    """
    groups: dict[str, list[TrialRow]] = defaultdict(list)
    for row in rows:
        groups[row.group].append(row)
    return {
        key: found
        for members in groups.values()
        for key, found in _group_standing(members, rungs=rungs, reduction=reduction).items()
    }


def _group_standing(
    rows: list[TrialRow], *, rungs: Sequence[int], reduction: int
) -> dict[str, Standing]:
    out = {row.key: Standing(len(row.targets), is_out=True) for row in rows}
    members = rows
    for rung in rungs:
        due = {row.key: Standing(rung, is_out=False) for row in members}
        if rung == rungs[-1] or any(len(row.targets) < rung for row in members):
            return out | due
        members = sorted(members, key=lambda row: _rank(row, rung))
        members = members[: max(1, len(members) // reduction)]
    return out


def epochs_of_group(n: int, *, rungs: Sequence[int], reduction: int) -> int:
    """Epochs that a group of `n` trials needs in all."""
    epochs, before = 0, 0
    for rung in rungs:
        epochs += n * (rung - before)
        n, before = max(1, n // reduction), rung
    return epochs


def _rank(row: TrialRow, rung: int) -> tuple[float, int]:
    target = row.targets[rung - 1]
    return (float("inf") if target is None else -target, row.number)
