"""The `data/` folder as DVC sees it: the only home of DVC's import, quiet and lazily loaded."""

import contextlib
import errno
import logging
import os
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from components.errors import DataError, PlatformError
from components.platform.faults import is_disk_full

REMOTE = "local"
"""Name of the default remote."""

_log = logging.getLogger(__name__)


class DataWorkspace:
    """A study's folder with `.dvc/`, opened by `opened`; each method asks DVC afresh."""

    def __init__(self, repo: Any, study_dir: Path, data_dir: str) -> None:
        self._repo = repo
        self.folder = study_dir.resolve() / data_dir
        # Absolute, else DVC looks for it in the current folder.
        self._target = str(self.folder.with_name(f"{data_dir}.dvc"))

    def current_md5(self) -> str:
        """The md5 of the folder as it stands, unchanged files from DVC's memory."""
        with _translated("hash the data"):
            return str(self._output().get_hash().value)

    def recorded(self) -> tuple[str, int, int]:
        """The md5, number of files and bytes of the version in `data.dvc`."""
        output = self._output()
        return str(output.hash_info.value), int(output.meta.nfiles or 0), int(output.meta.size or 0)

    def file_md5s(self) -> dict[str, str]:
        """The md5 of each file of the version, by its path below the folder.

        Raises:
            DataError: The cache lacks the version's list of files.
        """
        tree = self._output().get_obj()
        if tree is None:
            msg = f"the cache lacks the list of files of {self._target}; run `dvc fetch` first"
            raise DataError(msg)
        return {"/".join(key): str(digest.value) for key, _, digest in tree}

    def current_files(self) -> dict[str, str]:
        """The md5 of each file of the folder as it stands, by its path below the folder."""
        from dvc_data.hashfile.build import build

        output = self._output()
        with _translated("hash the data"):
            _, _, tree = build(
                output.cache, output.fs_path, output.fs, output.hash_name, ignore=output.dvcignore
            )
        return {"/".join(key): str(digest.value) for key, _, digest in tree}  # type: ignore[attr-defined]

    def add(self) -> None:
        """Make the folder as it stands the version in `data.dvc`."""
        with _translated(f"add {self.folder} as a data version"):
            self._repo.add(str(self.folder))

    def fill_cache(self) -> None:
        """A cache that was cleared is filled again, so that the version can be pushed."""
        with _translated("read DVC's cache"):
            if self._output().changed_cache():
                self._repo.commit(self._target, force=True)

    def push(self) -> None:
        """See that the remote holds the version."""
        with _translated("push the data to the remote"):
            self._repo.push(targets=[self._target])

    def fetch(self) -> bool:
        """Whether an intact copy of the version came from the cache or the remote.

        The folder is removed where it did not; a mark stands while it is incomplete.

        Raises:
            OSError: The disk is full.
            PlatformError: DVC did not do its part.
        """
        from dvc.exceptions import CheckoutError, FileTransferError

        expected = self.recorded()[0]
        mark = fetching_mark(self.folder.parent)
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
        with _translated(f"fetch the data version {expected}"):
            try:
                self._repo.pull(targets=[self._target], force=True)
                # DVC ends well where the list of files itself was damaged.
                intact = str(self._output().get_hash().value) == expected
            except (CheckoutError, FileTransferError, FileNotFoundError) as error:
                _log.debug("the remote lacks an intact copy of %s: %s", expected, error)
                intact = False
        if not intact:
            self._require_room()
            shutil.rmtree(self.folder, ignore_errors=True)
        mark.unlink()
        return intact

    def _require_room(self) -> None:
        """DVC only counts the files that it could not fetch; a full disk is seen by what is free.

        Raises:
            OSError: There is no room for the version.
        """
        n_bytes = self.recorded()[2]
        for place in (Path(self._repo.cache.local.path), self.folder):
            there = next(folder for folder in (place, *place.parents) if folder.is_dir())
            if shutil.disk_usage(there).free < max(1, n_bytes // 100):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(there / "data"))

    def not_whole(self) -> tuple[list[str], list[str]] | None:
        """The version's files that the remote lacks, and those that it holds damaged.

        Asked after a fetch that failed: what came whole lies in the cache and is not read again.
        None where the list of the version's files is itself missing or damaged.
        """
        from dvc_data.hashfile.tree import Tree
        from dvc_objects.errors import ObjectFormatError

        output = self._output()
        with _translated("ask the remote"):
            remote = self._repo.cloud.get_remote_odb(hash_name=output.hash_name)
            try:
                files = list(Tree.load(remote, output.hash_info))
            except (FileNotFoundError, ObjectFormatError):
                return None
            cache = self._repo.cache.local
            absent = [("/".join(k), str(d.value)) for k, _, d in files if not cache.exists(d.value)]
            missing = [name for name, digest in absent if not remote.exists(digest)]
            return missing, [name for name, _ in absent if name not in missing]

    def drop_damaged(self) -> None:
        """Remove damaged objects of the version from the remote: a push skips what is there."""
        from dvc_objects.errors import ObjectFormatError

        output = self._output()
        with _translated("check the remote"):
            remote = self._repo.cloud.get_remote_odb(hash_name=output.hash_name)
            for digest in self.file_md5s().values():
                with contextlib.suppress(ObjectFormatError, FileNotFoundError):
                    remote.check(digest)  # DVC itself removes an object that fails
            # While the list of files stands there, DVC takes the files for present.
            with contextlib.suppress(FileNotFoundError):
                remote.delete(output.hash_info.value)

    def _output(self) -> Any:
        self._repo._reset()  # noqa: SLF001  data.dvc may have been rewritten since DVC read it
        return self._repo.stage.load_one(self._target).outs[0]


@contextlib.contextmanager
def opened(study_dir: Path, *, data_dir: str) -> Iterator[DataWorkspace]:
    """The study's workspace, with or without git (an unpacked archive has none)."""
    with _repo(study_dir) as repo:
        yield DataWorkspace(repo, study_dir, data_dir)


@contextlib.contextmanager
def remote_of(study_dir: Path) -> Iterator[tuple[str, dict[str, Any], Any]]:
    """The default remote's name, its settings and its store of objects.

    Raises:
        PlatformError: There is no default remote, or DVC cannot open it.
    """
    with _repo(study_dir) as repo:
        name = repo.config["core"].get("remote")
        if name is None:
            msg = f"expected a default remote in {study_dir / '.dvc/config'}, found none"
            raise PlatformError(msg)
        with _translated(f"open the remote '{name}'"):
            store = repo.cloud.get_remote_odb(name=name, hash_name="md5")
        yield str(name), dict(repo.config["remote"][name]), store


@contextlib.contextmanager
def cached_objects(
    study_dir: Path, versions: Collection[str]
) -> Iterator[tuple[list[tuple[str, Path]], set[str], Any]]:
    """All objects of DVC's cache, the digests that some versions use, and the remote.

    Raises:
        PlatformError: The list of a version's files is not in the cache: nothing can be said.
    """
    from dvc_data.hashfile.hash_info import HashInfo
    from dvc_data.hashfile.tree import Tree

    with remote_of(study_dir) as (_, _, remote), _repo(study_dir) as repo:
        cache = repo.cache.local
        with _translated("read DVC's cache"):
            objects = [(digest, Path(cache.oid_to_path(digest))) for digest in cache.all()]
            used = set(versions)
            for md5 in versions:
                holder = cache if cache.exists(md5) else remote
                used |= {str(d.value) for _, _, d in Tree.load(holder, HashInfo("md5", md5))}
        yield objects, used, remote


@contextlib.contextmanager
def open_stores(study_dir: Path) -> Iterator[tuple[Any, dict[str, Any]]]:
    """DVC's cache, and the store of each remote by its name, the default one first.

    Raises:
        PlatformError: DVC cannot open one of them.
    """
    with _repo(study_dir) as repo:
        default = repo.config["core"].get("remote")
        names = sorted(repo.config["remote"], key=lambda name: (name != default, name))
        stores = {}
        for name in names:
            with _translated(f"open the remote '{name}'"):
                stores[str(name)] = repo.cloud.get_remote_odb(name=name, hash_name="md5")
        yield repo.cache.local, stores


def site_cache_dir(study_dir: Path) -> Path:
    """Where DVC remembers this workspace's paths and digests, outside of the study's folder."""
    with _repo(study_dir) as repo:
        return Path(repo.site_cache_dir)


def initialize(study_dir: Path, *, remote: Path) -> None:
    """Make a folder a DVC workspace whose default remote is a folder that is verified."""
    dvc = _dvc()
    if not (study_dir / ".dvc").is_dir():
        with _translated("set up DVC"):
            dvc.Repo.init(str(study_dir), no_scm=not (study_dir / ".git").exists()).close()
    remote.mkdir(parents=True, exist_ok=True)
    inside = remote.resolve().is_relative_to(study_dir.resolve())
    # DVC turns a path relative to the current folder into one relative to its configuration.
    url = os.path.relpath(remote) if inside else str(remote.resolve())
    with _repo(study_dir) as repo, repo.config.edit(level="repo") as settings:
        settings.setdefault("core", {}).update(remote=REMOTE, analytics=False)
        # Without "verify" a damaged object is pulled as if it were whole.
        settings.setdefault("remote", {})[REMOTE] = {"url": url, "verify": True}


def fetching_mark(study_dir: Path) -> Path:
    """Stands while data are being fetched; a data folder found beside it is incomplete."""
    return study_dir / ".dvc" / "tmp" / "armwise-fetching"


@contextlib.contextmanager
def _repo(study_dir: Path) -> Iterator[Any]:
    dvc = _dvc()
    plain = None if (study_dir / ".git").exists() else {"core": {"no_scm": True}}
    with _translated(f"open the DVC workspace {study_dir}"):
        repo = dvc.Repo(str(study_dir), config=plain)
    try:
        yield repo
    finally:
        repo.close()


def _dvc() -> Any:
    """The module `dvc.repo`, imported late (0.5 s), with DVC's own messages and bars off."""
    os.environ.setdefault("DVC_NO_ANALYTICS", "1")
    import dvc.repo

    for name in ("dvc", "dvc_data", "dvc_objects"):  # importing DVC sets these levels itself
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return dvc.repo


@contextlib.contextmanager
def _translated(doing: str) -> Iterator[None]:
    """DVC's and the disk's errors as one of ours that says what was being done."""
    from dvc.exceptions import DvcException

    try:
        yield
    except (DvcException, OSError) as error:
        if is_disk_full(error):
            raise  # the command that was typed says so, with the place
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        msg = f"could not {doing}: {reason}"
        raise PlatformError(msg) from error
