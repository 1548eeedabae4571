"""What stood behind an error that a library raised: a full disk, a locked database.

Libraries wrap what the system said in errors of their own, often as text alone; a user needs the
place and what to do.
"""

import errno
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from components.errors import PlatformError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_FULL_TEXTS = ("No space left on device", "database or disk is full", "Disk quota exceeded")
_LOCKED_TEXTS = ("database is locked", "database table is locked")


def explained(error: BaseException, *, home: Path, study: Path) -> PlatformError | None:
    """The message for an error with a cause that is known; None for any other.

    Args:
        error: As it came; its causes are looked at too.
        home: The ARMWISE home folder, whose own folders may lie on disks of their own.
        study: The study's folder, with DVC's cache.
    """
    if is_disk_full(error):
        inner = [place for place in home.glob("*") if place.is_dir()]
        return disk_full(error, places=(study, study / ".dvc" / "cache", home, *inner))
    if any(text in str(one) for one in _causes(error) for text in _LOCKED_TEXTS):
        msg = (
            f"MLflow's database in {home} was locked by another process while it was needed; end "
            "what holds it and run the same command again: it goes on where it stopped"
        )
        return PlatformError(msg)
    return None


def is_disk_full(error: BaseException) -> bool:
    """Whether a full disk stands behind an error."""
    return any(
        (isinstance(one, OSError) and one.errno in _FULL)
        or any(text in str(one) for text in _FULL_TEXTS)
        for one in _causes(error)
    )


def disk_full(error: BaseException, *, places: Iterable[Path]) -> PlatformError:
    """What to say of a full disk: where it is, how much is free, what to do.

    Args:
        error: Its file is the place, where it names one.
        places: Where else it may have been; the fullest is named.
    """
    files = [one.filename for one in _causes(error) if isinstance(one, OSError) and one.filename]
    named = [Path(str(file)).parent for file in files]
    there = [place for place in (named or (*places, Path(tempfile.gettempdir()))) if place.is_dir()]
    if not there:
        return PlatformError("the disk is full; free space and run the same command again")
    folder = min(there, key=lambda place: shutil.disk_usage(place).free)
    usage = shutil.disk_usage(folder)
    msg = (
        f"the disk of {folder} is full: {usage.free / 2**20:.1f} of {usage.total / 2**20:.0f} MiB "
        "are free; free space there (`armwise prune` shows what can go) and run the same command "
        "again: it goes on where it stopped"
    )
    return PlatformError(msg)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and all that stands behind it, each once."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, one.__context__]
        inner = getattr(one, "cause", None)  # Ray's; at times it is text, which `one` says too
        waiting += [inner] if isinstance(inner, BaseException) else []
