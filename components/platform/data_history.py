"""The history of a study's data: which versions there were, since when, and why.

A version is DVC's md5 of the folder. It is remembered in two places: a ledger in the ARMWISE home,
one line a version, which `armwise data add` and every run write; and git's log of `data.dvc`, where
the study's folder is in a repository. What no ledger knows, git may.
"""

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pandas as pd
import yaml
from pydantic import Field

from components.errors import UsageError
from components.study.lines import add_line, read_lines
from components.study.results import Record

FOUND = "no message"
"""The message of a version that nobody wrote one for."""

_LEDGER = "data_versions.jsonl"
_GIT_FIELDS = "%H%x09%cI%x09%s"
_SHORT = 12
_SHORTEST = 4


class LedgerEntry(Record):
    """A line of the ledger: a version that came, or one that nobody can have again.

    Counts are by arm; empty where the tables could not be read.
    """

    when: str
    what: Literal["version", "lost"]
    md5: str
    message: str
    n_files: int | None = None
    n_bytes: int | None = None
    patients: dict[str, int] = Field(default_factory=dict)
    deaths: dict[str, int] = Field(default_factory=dict)


class KnownVersion(Record):
    """A version of the history; `lost` says why it is no longer reproducible, if it is not."""

    number: int
    md5: str
    when: str
    message: str
    n_files: int | None = None
    n_bytes: int | None = None
    patients: dict[str, int] = Field(default_factory=dict)
    deaths: dict[str, int] = Field(default_factory=dict)
    lost: str | None = None

    @property
    def short(self) -> str:
        """The beginning of the md5, enough to name the version."""
        return self.md5[:_SHORT]

    @property
    def title(self) -> str:
        """How messages call it."""
        return f"version {self.number} ({self.short})"


def note_version(
    home: Path,
    md5: str,
    *,
    message: str = FOUND,
    n_files: int | None = None,
    n_bytes: int | None = None,
    clinical: pd.DataFrame | None = None,
) -> bool:
    """Write a version into the ledger, unless it stands there; whether it was written.

    A version that was noted without a message is noted again with one, and keeps its time.

    Args:
        home: The ARMWISE home folder; it exists.
        md5: The version.
        message: What is new in it, in a person's words.
        n_files: How many files it has.
        n_bytes: How large it is.
        clinical: Its clinical table, to be counted.
    """
    noted = [line for line in _ledger(home) if line.what == "version" and line.md5 == md5]
    if noted and (message == FOUND or any(line.message != FOUND for line in noted)):
        return False
    patients, deaths = counts_by_arm(clinical) if clinical is not None else ({}, {})
    entry = LedgerEntry(
        when=_now(),
        what="version",
        md5=md5,
        message=message,
        n_files=n_files,
        n_bytes=n_bytes,
        patients=patients,
        deaths=deaths,
    )
    add_line(home / _LEDGER, entry)
    return True


def mark_lost(home: Path, md5: str, *, why: str, clinical: pd.DataFrame | None = None) -> None:
    """Write down that a version can no longer be had, once, its patients counted a last time."""
    if any(entry.what == "lost" and entry.md5 == md5 for entry in _ledger(home)):
        return
    patients, deaths = counts_by_arm(clinical) if clinical is not None else ({}, {})
    entry = LedgerEntry(
        when=_now(), what="lost", md5=md5, message=why, patients=patients, deaths=deaths
    )
    add_line(home / _LEDGER, entry)


def known_versions(study_dir: Path, home: Path, *, data_dir: str = "data") -> list[KnownVersion]:
    """Every version that the ledger or git knows of, oldest first, numbered from 1."""
    lines = _ledger(home)
    lost = {line.md5: line for line in lines if line.what == "lost"}
    first: dict[str, LedgerEntry] = {}
    for line in (*lines, *_in_git(study_dir, data_dir)):
        if line.what == "version":
            noted = first.setdefault(line.md5, line)
            if noted.message == FOUND:
                first[line.md5] = noted.model_copy(update={"message": line.message})
    unseen = [line for md5, line in lost.items() if md5 not in first]
    ordered = sorted(first.values(), key=lambda line: datetime.fromisoformat(line.when))
    return [_known(n, line, lost.get(line.md5)) for n, line in enumerate((*unseen, *ordered), 1)]


def _known(number: int, line: LedgerEntry, lost: LedgerEntry | None) -> KnownVersion:
    counted = line if line.patients or lost is None else lost
    return KnownVersion(
        number=number,
        md5=line.md5,
        when=line.when,
        message=line.message if line.what == "version" else FOUND,
        n_files=line.n_files,
        n_bytes=line.n_bytes,
        patients=counted.patients,
        deaths=counted.deaths,
        lost=lost.message if lost is not None else None,
    )


def choose_version(
    known: Sequence[KnownVersion], wanted: str, *, current: str | None, study_dir: Path
) -> str:
    """The md5 of the version that is meant.

    Args:
        known: The history, oldest first.
        wanted: A number of the history, `current` (what `data.dvc` holds), `latest` or `previous`
            of the history, the beginning of an md5, or a git revision.
        current: The version in `data.dvc`.
        study_dir: The study's folder, for git.

    Raises:
        UsageError: None or several fit; the message names them.
    """
    if wanted == "current" and current is not None:
        return current
    position = {"latest": -1, "previous": -2}.get(wanted)
    if position is None and wanted.isdecimal() and 1 <= int(wanted) <= len(known):
        position = int(wanted) - 1
    if position is not None and -len(known) <= position:
        return known[position].md5
    fitting = [one.md5 for one in known if one.md5.startswith(wanted.lower())]
    if len(fitting) == 1 and len(wanted) >= _SHORTEST:
        return fitting[0]
    in_git = version_at(study_dir, wanted)
    if in_git is not None:
        return in_git
    listed = ", ".join(f"{one.number} ({one.short})" for one in known) or "none yet"
    what = "several versions fit" if len(fitting) > 1 else "no version fits"
    msg = (
        f"'{wanted}': {what}; expected a number of `armwise data history`, current, latest, "
        f"previous, how a version's md5 begins, or a git revision. There are: {listed}"
    )
    raise UsageError(msg)


def version_at(study_dir: Path, revision: str, *, data_dir: str = "data") -> str | None:
    """The version that `data.dvc` held at a git revision; None where there is no such."""
    if revision.startswith("-"):
        return None
    return _md5_in(_git(study_dir, "show", f"{revision}:./{data_dir}.dvc"))


def counts_by_arm(clinical: pd.DataFrame) -> tuple[dict[str, int], dict[str, int]]:
    """Patients and deaths of each arm of a clinical table; empty where its columns are not there.

    A patient who stands there twice counts once.
    """
    if not {"patient_id", "arm", "death"} <= set(clinical.columns):
        return {}, {}
    once = clinical.drop_duplicates("patient_id")
    arms = once.groupby(once["arm"].astype(str))
    dead = pd.to_numeric(once["death"], errors="coerce") == 1
    return (
        {str(arm): len(rows) for arm, rows in arms},
        {str(arm): int(dead[rows.index].sum()) for arm, rows in arms},
    )


def _ledger(home: Path) -> tuple[LedgerEntry, ...]:
    return read_lines(home / _LEDGER, LedgerEntry)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _in_git(study_dir: Path, data_dir: str) -> Iterator[LedgerEntry]:
    log = _git(study_dir, "log", f"--format={_GIT_FIELDS}", "--reverse", "--", f"{data_dir}.dvc")
    for line in (log or "").splitlines():
        commit, when, subject = line.split("\t", 2)
        md5 = version_at(study_dir, commit, data_dir=data_dir)
        if md5 is not None:
            utc = datetime.fromisoformat(when).astimezone(UTC).isoformat(timespec="seconds")
            yield LedgerEntry(when=utc, what="version", md5=md5, message=subject)


def _md5_in(text: str | None) -> str | None:
    try:
        content: Mapping[str, list[Mapping[str, str]]] = yaml.safe_load(text or "")
        return str(content["outs"][0]["md5"])
    except (yaml.YAMLError, KeyError, IndexError, TypeError):
        return None


def _git(folder: Path, *arguments: str) -> str | None:
    """What git answers; None where there is no git, no repository, or no such thing in it."""
    try:
        done = subprocess.run(  # noqa: S603  fixed arguments, and a revision as one word
            ["git", "-C", str(folder), *arguments],  # noqa: S607  the user's own git
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError, UnicodeDecodeError):
        return None
    return done.stdout
