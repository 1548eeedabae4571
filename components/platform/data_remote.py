"""The remote that holds the versions of a study's data."""

import uuid
from collections.abc import Collection
from pathlib import Path
from typing import Any

from components.errors import PlatformError
from components.platform.data_version import recorded_md5
from components.platform.data_workspace import cached_objects, remote_of
from components.study.results import Record


class Remote(Record):
    """The default remote, and whether what is fetched from it is verified."""

    name: str
    url: str
    is_verified: bool


def probe_remote(study_dir: Path, *, home: Path) -> Remote:
    """The default remote, once a small file could be written there and removed again.

    A remote inside `home` is the embedded one: where it is missing, the first push makes it.

    Raises:
        PlatformError: There is none, it does not answer, or it cannot be written.
    """
    with remote_of(study_dir) as (name, settings, store):
        url = str(settings["url"])
        try:
            if not _is_made_later(url, home):
                _write_and_remove(store.fs, url)
        except Exception as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            msg = f"{url} cannot be written: {reason}"
            raise PlatformError(msg) from error
        return Remote(name=name, url=url, is_verified=bool(settings.get("verify", False)))


def _is_made_later(url: str, home: Path) -> bool:
    return Path(url).is_relative_to(home) and not Path(url).exists()


def _write_and_remove(fs: Any, folder: str) -> None:
    # A missing folder is not made: where a disk is not mounted, that would hide it.
    fs.ls(folder)
    probe = fs.join(folder, f"armwise-doctor-{uuid.uuid4().hex}")
    fs.pipe_file(probe, b"")
    fs.rm_file(probe)


def unused_cache(study_dir: Path, kept_md5s: Collection[str]) -> list[Path]:
    """Objects in DVC's cache of no version in use, each of which the remote holds.

    In use are the version in `data.dvc` and those of `kept_md5s`.

    Raises:
        PlatformError: DVC or the remote did not do its part, or a version's list is not here.
    """
    recorded = recorded_md5(study_dir)
    wanted = {*kept_md5s, *([recorded] if recorded else [])}
    with cached_objects(study_dir, wanted) as (objects, used, remote):
        return [path for digest, path in objects if digest not in used and remote.exists(digest)]
