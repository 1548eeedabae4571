"""Which data a run reads: resolved, verified and versioned.

`data.dvc` beside the `data/` folder holds the version. Where the folder is missing it is fetched;
where it was changed it becomes a new version, and that is said.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import yaml

from components.errors import ArmwiseError, DataError, IntegrityError
from components.platform.data_stores import named_files
from components.platform.data_workspace import DataWorkspace, fetching_mark, initialize, opened
from components.study.results import Adaptation, Record

_TABLES = ("dataset.json", "clinical.parquet", "manifest.parquet", "split.parquet")


class DataVersion(Record):
    """The version of the data that stands in the workspace.

    `md5` is DVC's for the folder (ends in `.dir`). `differs` says that it is not the version that
    `data.dvc` held before; `adaptation` then says why, unless there was none before.
    """

    md5: str
    n_files: int
    n_bytes: int
    source: Literal["workspace", "remote", "made again", "tables"]
    differs: bool = False
    adaptation: Adaptation | None = None


def init_study(study_dir: Path, *, remote: Path, data_dir: str = "data") -> DataVersion | None:
    """Make a folder a DVC workspace with a verifying local remote, and track its data if there.

    Args:
        study_dir: The study's folder; inside or outside a git repository.
        remote: Folder of the remote; below `study_dir` it is written relative to it.
        data_dir: Name of the data folder in `study_dir`.

    Returns:
        The data's version, or None where there are no data yet.
    """
    initialize(study_dir, remote=remote)
    return resolve(study_dir, data_dir=data_dir) if holds_files(study_dir / data_dir) else None


def resolve(
    study_dir: Path,
    *,
    data_dir: str = "data",
    make_again: Callable[[Path], None] | None = None,
    demo_md5: str | None = None,
) -> DataVersion:
    """The data version to go on with: in the workspace, verified, and held by the remote.

    Args:
        study_dir: The folder with `.dvc/` and `data.dvc`.
        data_dir: Name of the data folder in it.
        make_again: Writes the demo cohort into the empty folder that it is given.
        demo_md5: The version that `make_again` makes; no other version is ever made again.

    Raises:
        DataError: No data and no version, or the remote lacks files of the version.
        IntegrityError: The remote holds files of the version damaged.
        PlatformError: DVC or the remote did not do its part.
    """
    expected = require_data(study_dir, data_dir=data_dir)
    _drop_interrupted(study_dir, study_dir / data_dir)
    with opened(study_dir, data_dir=data_dir) as workspace:
        if expected is None or holds_files(workspace.folder):
            version = _from_workspace(workspace, expected)
        elif workspace.fetch():
            version = _describe(workspace, source="remote")
        elif make_again is not None and expected == demo_md5:
            version = _made_again(workspace, expected, make_again)
        else:
            raise _lost(workspace, expected)
        workspace.push()
    return version


def require_data(study_dir: Path, *, data_dir: str = "data") -> str | None:
    """The version in `data.dvc`, if any, once there is that or a data folder; read without DVC.

    Raises:
        DataError: There is neither, so that no run can begin.
    """
    expected = recorded_md5(study_dir, data_dir=data_dir)
    if expected is None and not holds_files(study_dir / data_dir):
        msg = (
            f"expected a cohort in {study_dir / data_dir} or a data version in {data_dir}.dvc, "
            f"found neither; put {', '.join(_TABLES)} and images/ there, as the README.md that "
            "`armwise init DIR` writes says"
        )
        raise DataError(msg)
    return expected


def recorded_md5(study_dir: Path, *, data_dir: str = "data") -> str | None:
    """The version that `data.dvc` holds, read without DVC; None where there is no such file.

    Raises:
        DataError: The file is there and is no DVC file.
    """
    path = study_dir / f"{data_dir}.dvc"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return str(content["outs"][0]["md5"])
    except FileNotFoundError:
        return None
    except (yaml.YAMLError, KeyError, IndexError, TypeError, UnicodeDecodeError):
        msg = f"{path}: expected a file that `dvc add` wrote; restore it from git or add it again"
        raise DataError(msg) from None


def quick_version(study_dir: Path, *, data_dir: str = "data") -> str | None:
    """The md5 of the data as they stand, from DVC's memory of unchanged files; None if missing.

    Nothing is written: this only asks whether anything changed.
    """
    if not holds_files(study_dir / data_dir) or fetching_mark(study_dir).exists():
        return None
    if recorded_md5(study_dir, data_dir=data_dir) is None:
        return None
    with opened(study_dir, data_dir=data_dir) as workspace:
        return workspace.current_md5()


def file_md5s(study_dir: Path, *, data_dir: str = "data") -> dict[str, str]:
    """The md5 of each file of the version in `data.dvc`, by its path below the data folder.

    Raises:
        DataError: The list of the version's files is not in the cache; resolve the data first.
    """
    with opened(study_dir, data_dir=data_dir) as workspace:
        return workspace.file_md5s()


def _from_workspace(workspace: DataWorkspace, expected: str | None) -> DataVersion:
    if expected is None:
        workspace.add()
        return _describe(workspace, source="workspace", differs=True)
    if workspace.current_md5() == expected:
        workspace.fill_cache()
        return _describe(workspace, source="workspace")
    workspace.add()
    folder = workspace.folder.name
    why = f"the files in {folder}/ were changed since {folder}.dvc was written"
    return _differing(_describe(workspace, source="workspace"), expected, why=why)


def _made_again(
    workspace: DataWorkspace, expected: str, make_again: Callable[[Path], None]
) -> DataVersion:
    folder = workspace.folder
    # Beside the folder and renamed at the end: a kill leaves no half-made cohort behind.
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    make_again(partial)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    workspace.add()
    workspace.drop_damaged()
    version = _describe(workspace, source="made again")
    if version.md5 == expected:
        return version
    why = "this machine's libraries write other bytes from the same seed"
    return _differing(version, expected, why=why)


def _lost(workspace: DataWorkspace, expected: str) -> ArmwiseError:
    """A version that could not be fetched: a damaged object is another error than a missing one."""
    folder = workspace.folder
    found = workspace.not_whole()
    missing, damaged = found if found is not None else (["the list of its files"], [])
    held = [f"lacks {named_files(missing)}"] if missing else []
    held += [f"holds {named_files(damaged)} damaged"] if damaged else []
    msg = (
        f"the data version {expected} of {folder.name}.dvc is not in {folder} and not whole in the "
        f"remote, which {' and '.join(held) or 'does not give it'}; put the data back into the "
        "folder, or run `dvc push` where they still are, or check out a "
        f"{folder.name}.dvc whose version exists"
    )
    if not damaged:
        return DataError(msg)
    return IntegrityError(f"{msg}; damaged objects have to be deleted before a push")


def _differing(version: DataVersion, expected: str, *, why: str) -> DataVersion:
    adaptation = Adaptation(
        step="data", asked=f"data version {expected}", done=f"data version {version.md5}", why=why
    )
    return version.model_copy(update={"differs": True, "adaptation": adaptation})


def _describe(
    workspace: DataWorkspace,
    *,
    source: Literal["workspace", "remote", "made again"],
    differs: bool = False,
) -> DataVersion:
    md5, n_files, n_bytes = workspace.recorded()
    return DataVersion(md5=md5, n_files=n_files, n_bytes=n_bytes, source=source, differs=differs)


def holds_files(folder: Path) -> bool:
    """Whether there is any file in a folder, however deep."""
    return folder.is_dir() and any(path.is_file() for path in folder.rglob("*"))


def _drop_interrupted(study_dir: Path, folder: Path) -> None:
    mark = fetching_mark(study_dir)
    if mark.exists():
        shutil.rmtree(folder, ignore_errors=True)
        mark.unlink()
