"""Which data versions hold a patient, and their removal from DVC's cache and the remotes."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from components.errors import DataError, IntegrityError
from components.platform.data_stores import Stores, stores_of
from components.platform.data_version import holds_files, recorded_md5
from components.platform.data_workspace import opened, site_cache_dir
from components.platform.withdrawal_files import (
    content_names,
    erase,
    files_below,
    is_rewritable,
    named_paths,
    names,
    remove,
)
from components.platform.withdrawal_name import PatientName

_IMAGES = "images"
"""Below it each patient has a folder of his own name; only other files are read."""


def patients_known(stores: Stores, folder: Path) -> set[str]:
    """Whoever has a folder of images in any version, or in the data folder."""
    found = {path.name for path in (folder / _IMAGES).glob("*")}
    for md5 in stores.versions():
        paths = (path.split("/") for path in stores.files(md5) or {})
        found |= {parts[1] for parts in paths if parts[0] == _IMAGES and len(parts) > 2}
    return found


def versions_with(stores: Stores, name: PatientName) -> tuple[str, ...]:
    """Every version, known to a history or not, a file or table of which names the patient."""
    asked: dict[str, bool] = {}
    return tuple(md5 for md5 in sorted(stores.versions()) if _is_in(stores, md5, name, asked))


def _is_in(stores: Stores, md5: str, name: PatientName, asked: dict[str, bool]) -> bool:
    files = stores.files(md5)
    if files is None:  # damaged: what can be read of it is looked at
        return any(name.in_bytes(place.read_unchecked(md5)) for place in stores.places)
    if any(name.in_text(path) for path in files):
        return True
    for digest in (one for path, one in files.items() if not path.startswith(f"{_IMAGES}/")):
        if digest not in asked:
            asked[digest] = _object_names(stores, digest, name)
        if asked[digest]:
            return True
    return False


def _object_names(stores: Stores, digest: str, name: PatientName) -> bool:
    try:
        content = stores.read(digest)
    except IntegrityError:
        return any(name.in_bytes(place.read_unchecked(digest)) for place in stores.places)
    return content is not None and content_names(content, name)


def require_erasable(study_dir: Path, name: PatientName, *, data_dir: str = "data") -> None:
    """Nothing, once each file of the data folder that names the patient can be rid of him.

    Raises:
        DataError: A file that others share names him and is neither a table nor a text.
    """
    folder = study_dir / data_dir
    for path in _shared_files(folder):
        if names(path, name) and not is_rewritable(path):
            msg = (
                f"{data_dir}/{path.relative_to(folder)} names the patient and is neither Parquet "
                "nor a text; take him out of it by hand, then withdraw him"
            )
            raise DataError(msg)


def erase_from_data(study_dir: Path, name: PatientName, *, data_dir: str = "data") -> None:
    """Take a patient out of the data folder. Nobody else moves.

    His folder of images goes, his rows of every table, his lines of every log.
    """
    folder = study_dir / data_dir
    for path in list(named_paths(folder, name)):
        remove(path)
    for path in [one for one in _shared_files(folder) if names(one, name)]:
        erase(path, name)


def _shared_files(folder: Path) -> Iterator[Path]:
    return files_below(folder, beside=[folder / _IMAGES])


def purge(
    study_dir: Path, versions: tuple[str, ...], *, say: Callable[[str], None] | None = None
) -> int:
    """Delete versions from the cache and every remote; what other versions use stays.

    Besides the patient's own files their tables and lists go, which name him, and what only these
    versions held of others: nothing could find it any more.

    Args:
        study_dir: The study's folder.
        versions: The versions that go; the one in `data.dvc` is not among them.
        say: Told what becomes of each place.

    Returns:
        How many objects were deleted.

    Raises:
        DataError: The version in `data.dvc` would go too.
        PlatformError: A remote does not answer.
    """
    if recorded_md5(study_dir) in versions:
        msg = "the version in data.dvc still holds the patient; nothing was deleted"
        raise DataError(msg)
    with stores_of(study_dir) as stores:
        kept: set[str] = set()
        for md5 in stores.versions() - {*versions}:
            kept |= {md5, *(stores.files(md5) or {}).values()}
        gone = {*versions}
        for md5 in versions:
            gone |= {*(stores.files(md5) or {}).values()}
        gone -= kept
        total = 0
        for place in stores.places:
            here = place.held(gone)
            # Lists last: cut off before, the next attempt still finds what belongs to them.
            for digest in sorted(here, key=lambda one: (one.endswith(".dir"), one)):
                place.remove(digest)
            total += len(here)
            if say is not None:
                say(f"{place.name}: {len(here)} objects deleted")
    return total


def forget_paths(study_dir: Path) -> None:
    """Clear DVC's memory of paths and digests, which names patients; it fills up by itself."""
    shutil.rmtree(site_cache_dir(study_dir), ignore_errors=True)


def is_in_data(study_dir: Path, name: PatientName, *, data_dir: str = "data") -> bool:
    """Whether the data folder names the patient."""
    folder = study_dir / data_dir
    if not holds_files(folder):
        return False
    return any(named_paths(folder, name)) or any(
        names(path, name) for path in _shared_files(folder)
    )


def record_without(study_dir: Path, *, data_dir: str = "data") -> tuple[str, int, int]:
    """Make the folder as it stands the version in `data.dvc`, pushed; md5, files and bytes.

    Raises:
        PlatformError: DVC or the remote did not do its part.
    """
    with opened(study_dir, data_dir=data_dir) as workspace:
        workspace.add()
        workspace.push()
        return workspace.recorded()
