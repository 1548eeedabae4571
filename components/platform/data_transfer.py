"""Versions made, pushed and pulled by a person's command, each transfer verified to the byte."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml

from components.errors import ArmwiseError, DataError, IntegrityError, PlatformError, UsageError
from components.platform.data_stores import (
    LIST_OF_FILES,
    Held,
    Place,
    Stores,
    named_files,
    stores_of,
)
from components.platform.data_version import DataVersion, holds_files, recorded_md5, require_data
from components.platform.data_workspace import fetching_mark, opened
from components.study.files import written_whole


@dataclass(frozen=True)
class DataState:
    """Where a study's data stand.

    `recorded` is the version in `data.dvc`, `current` that of the folder as it stands (None where
    there is none); `held` says of each remote what it has of the recorded version.
    """

    recorded: str | None
    current: str | None
    held: dict[str, Held]


def data_state(study_dir: Path, *, data_dir: str = "data", read: bool = True) -> DataState:
    """Where the data stand; nothing is changed.

    Args:
        study_dir: The study's folder.
        data_dir: Name of the data folder.
        read: Whether to read every file of each remote, or only to see that it is there.

    Raises:
        DataError: There are neither data nor a version.
        PlatformError: A remote cannot be asked.
    """
    recorded = require_data(study_dir, data_dir=data_dir)
    if recorded is None:
        return DataState(recorded=None, current=None, held={})
    current = _current(study_dir, data_dir)
    with stores_of(study_dir) as stores:
        files = _files(stores, recorded)
        held = {place.name: place.check(recorded, files, read=read) for place in stores.remotes}
    return DataState(recorded=recorded, current=current, held=held)


def add_version(study_dir: Path, *, data_dir: str = "data") -> DataVersion:
    """The folder as it stands as the version in `data.dvc`; it is not pushed.

    Raises:
        DataError: There is no data folder.
        PlatformError: DVC did not do its part.
    """
    before = require_data(study_dir, data_dir=data_dir)
    with opened(study_dir, data_dir=data_dir) as workspace:
        if not workspace.folder.is_dir():
            msg = f"expected the folder {workspace.folder}, found none; `armwise data pull` fetches"
            raise DataError(f"{msg} the version of {data_dir}.dvc")
        if before is None or workspace.current_md5() != before:
            workspace.add()
        md5, n_files, n_bytes = workspace.recorded()
    return DataVersion(
        md5=md5, n_files=n_files, n_bytes=n_bytes, source="workspace", differs=md5 != before
    )


def push_version(study_dir: Path, *, data_dir: str = "data") -> int:
    """See that the default remote holds the recorded version whole, every byte read back.

    Returns:
        How many damaged or missing files were replaced there that had been pushed before.

    Raises:
        DataError: There is no version, or its files are not here to be pushed.
        IntegrityError: The remote still holds a file damaged; it is named with its patient.
        PlatformError: DVC or the remote did not do its part.
    """
    recorded = _required(study_dir, data_dir)
    with stores_of(study_dir) as stores, opened(study_dir, data_dir=data_dir) as workspace:
        if workspace.folder.is_dir() and workspace.current_md5() == recorded:
            workspace.fill_cache()
        _require_here(stores, recorded, data_dir)
        remote, files = _remote(stores), _files(stores, recorded)
        known = recorded in remote.held([recorded])
        before = remote.check(recorded, files) if known else Held()
        if not before.is_whole:
            for path in before.damaged:
                remote.remove({**files, LIST_OF_FILES: recorded}[path])
            # While the list of files stands there, DVC takes the files for present.
            remote.remove(recorded)
        workspace.push()
        after = remote.check(recorded, files)
    if not after.is_whole:
        raise _not_whole(after, remote, data_dir=data_dir)
    return len({*before.missing, *before.damaged})


def pull_version(
    study_dir: Path, md5: str | None = None, *, data_dir: str = "data", force: bool = False
) -> DataVersion:
    """A version in the data folder, every byte of it read and held against its name.

    Files that do not come from the default remote now, since the cache has them, are read there
    all the same: a damaged remote is told while there still is another copy.

    Args:
        study_dir: The study's folder.
        md5: The version to go to, which `data.dvc` then holds; None for the one that it holds.
        data_dir: Name of the data folder.
        force: Whether changes in the folder that are no version may be lost.

    Raises:
        UsageError: The folder holds changes that are no version, and `force` does not allow it.
        DataError: The version is nowhere whole; missing files are named with their patients.
        IntegrityError: The remote holds a file damaged; it is named with its patient.
        PlatformError: DVC or the remote did not do its part.
    """
    recorded = _required(study_dir, data_dir)
    wanted = md5 or recorded
    current = _current(study_dir, data_dir)
    if current not in {None, recorded, wanted} and not force:
        msg = (
            f"{data_dir}/ was changed since {data_dir}.dvc was written, and pulling would undo "
            "that; `armwise data diff` shows the changes, `armwise data add` keeps them, "
            "`armwise data pull --force` drops them"
        )
        raise UsageError(msg)
    with stores_of(study_dir) as stores:
        files = _require_whole(stores, wanted, data_dir=data_dir)
        n_bytes = sum(stores.size(digest) for digest in files.values())
    if current != wanted:
        _fetch(study_dir, wanted, n_files=len(files), n_bytes=n_bytes, data_dir=data_dir)
    source: Literal["workspace", "remote"] = "workspace" if current == wanted else "remote"
    return DataVersion(
        md5=wanted,
        n_files=len(files),
        n_bytes=n_bytes,
        source=source,
        differs=wanted != recorded,
    )


def _current(study_dir: Path, data_dir: str) -> str | None:
    """The version that the folder is; None where it is empty, or a fetch was cut off in it."""
    if not holds_files(study_dir / data_dir) or fetching_mark(study_dir).exists():
        return None
    with opened(study_dir, data_dir=data_dir) as workspace:
        return workspace.current_md5()


def _fetch(study_dir: Path, md5: str, *, n_files: int, n_bytes: int, data_dir: str) -> None:
    mark = fetching_mark(study_dir)
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()  # cut off from here on, the folder is no changed version: it is fetched again
    if recorded_md5(study_dir, data_dir=data_dir) != md5:
        _record(study_dir, md5, n_files=n_files, n_bytes=n_bytes, data_dir=data_dir)
    with opened(study_dir, data_dir=data_dir) as workspace:
        if not workspace.fetch():
            msg = f"{data_dir}/ could not be fetched although every file of {md5} is there"
            raise PlatformError(msg)


def _required(study_dir: Path, data_dir: str) -> str:
    recorded = recorded_md5(study_dir, data_dir=data_dir)
    if recorded is None:
        msg = f"expected a data version in {data_dir}.dvc, found none; `armwise data add` makes one"
        raise DataError(msg)
    return recorded


def _remote(stores: Stores) -> Place:
    if not stores.remotes:
        msg = "expected a DVC remote for the data, none is set; `dvc remote add -d NAME URL`"
        raise UsageError(msg)
    return stores.remotes[0]


def _files(stores: Stores, md5: str) -> dict[str, str]:
    return stores.files(md5) or {}


def _require_here(stores: Stores, md5: str, data_dir: str) -> None:
    """Refuses to push what is not in the cache whole."""
    held = stores.cache.check(md5, _files(stores, md5))
    if held.damaged:
        msg = (
            f"the cache holds {named_files(held.damaged)} damaged; nothing was pushed: put the "
            f"intact files into {data_dir}/ and `armwise data add`"
        )
        raise IntegrityError(msg)
    if held.missing:
        msg = (
            f"expected the version of {data_dir}.dvc here to be pushed, the cache lacks "
            f"{named_files(held.missing)}; `armwise data pull` fetches it, or push it from where "
            "the data are"
        )
        raise DataError(msg)


def _require_whole(stores: Stores, md5: str, *, data_dir: str) -> dict[str, str]:
    """The version's files, once the cache and the default remote together have all of them intact.

    Raises:
        DataError: A file is in neither, or the list of files is.
        IntegrityError: The remote holds a file damaged.
    """
    remote = _remote(stores)
    files = stores.files(md5)
    if files is None:
        raise _not_whole(remote.check(md5, {}), remote, data_dir=data_dir)
    found = remote.check(md5, files)
    cached = stores.cache.check(md5, files)
    lacking = {*cached.missing, *cached.damaged}
    held = Held(missing=tuple(sorted(lacking & {*found.missing})), damaged=found.damaged)
    if not held.is_whole:
        raise _not_whole(held, remote, data_dir=data_dir, here=not lacking)
    return files


def _not_whole(held: Held, remote: Place, *, data_dir: str, here: bool = False) -> ArmwiseError:
    """What a place lacks or holds damaged: the second is another error than the first."""
    said = [f"lacks {named_files(held.missing)}"] if held.missing else []
    said += [f"holds {named_files(held.damaged)} damaged"] if held.damaged else []
    advice = (
        "the cache here has intact copies: `armwise data push` replaces them there"
        if here
        else "run `armwise data push` where the data still are, or take a version that is whole "
        "(`armwise data history`)"
    )
    msg = f"{remote.name} {' and '.join(said)}; nothing was changed in {data_dir}/: {advice}"
    return IntegrityError(msg) if held.damaged else DataError(msg)


def _record(study_dir: Path, md5: str, *, n_files: int, n_bytes: int, data_dir: str) -> None:
    """Writes another version into `data.dvc`, the rest of which stays as it is."""
    path = study_dir / f"{data_dir}.dvc"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    content["outs"][0].update(md5=md5, size=n_bytes, nfiles=n_files)
    with written_whole(path) as partial:
        partial.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
