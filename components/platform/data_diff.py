"""Two versions of a study's data, or a version and the folder as it stands, read to be compared."""

import io
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from components.cohort.table_diff import CohortDiff, CohortVersion, compare_cohorts
from components.errors import CohortRejected, DataError, IntegrityError
from components.platform.data_stores import Stores, stores_of
from components.platform.data_version import recorded_md5
from components.platform.data_workspace import opened

CLINICAL, MANIFEST, SPLIT = "clinical.parquet", "manifest.parquet", "split.parquet"


def compare_versions(
    study_dir: Path, old: str, new: str | None, *, data_dir: str = "data"
) -> CohortDiff:
    """What changed from one version to another.

    Args:
        study_dir: The study's folder.
        old: The md5 of the earlier version.
        new: That of the later one; None for the folder as it stands.
        data_dir: Name of the data folder.

    Raises:
        DataError: A version's tables are in no cache and no remote, or cannot be read.
        IntegrityError: Every copy of a table is damaged.
    """
    with stores_of(study_dir) as stores:
        before = stored_cohort(stores, old)
        after = stored_cohort(stores, new) if new is not None else None
    return compare_cohorts(before, after or cohort_in_folder(study_dir, data_dir=data_dir))


def stored_cohort(stores: Stores, md5: str) -> CohortVersion:
    """The tables of a version, each byte checked, from the nearest place that has them.

    Raises:
        DataError: No place has its tables.
        IntegrityError: Every copy of a table is damaged.
    """
    files = stores.files(md5)
    if files is None:
        msg = (
            f"expected the data version {md5} in the cache or a remote, no whole list of its files "
            "is there; `armwise data history` says which versions can still be had"
        )
        raise DataError(msg)
    return _cohort({name: _stored(stores, md5, name, files) for name in _tables(files)}, files)


def stored_clinical(stores: Stores, md5: str) -> pd.DataFrame | None:
    """The clinical table of a version; None where it cannot be had."""
    files = stores.files(md5) or {}
    if CLINICAL not in files:
        return None
    try:
        return _table(_stored(stores, md5, CLINICAL, files), CLINICAL)
    except (DataError, IntegrityError):
        return None


def cohort_in_folder(study_dir: Path, *, data_dir: str = "data") -> CohortVersion:
    """The tables of the folder as it stands.

    Raises:
        DataError: There is no folder, or a table cannot be read.
    """
    folder = study_dir / data_dir
    if not folder.is_dir():
        msg = f"expected the folder {folder}, found none; `armwise data pull` fetches it"
        raise DataError(msg)
    if recorded_md5(study_dir, data_dir=data_dir) is None:
        paths = [path for path in folder.rglob("*") if path.is_file()]
        files = {path.relative_to(folder).as_posix(): "" for path in paths}
    else:
        with opened(study_dir, data_dir=data_dir) as workspace:
            files = workspace.current_files()
    return _cohort({name: (folder / name).read_bytes() for name in _tables(files)}, files)


def _tables(files: Mapping[str, str]) -> list[str]:
    return [name for name in (CLINICAL, MANIFEST, SPLIT) if name in files]


def _stored(stores: Stores, md5: str, name: str, files: Mapping[str, str]) -> bytes:
    try:
        content = stores.read(files[name])
    except IntegrityError as error:
        msg = f"{name} of the data version {md5}: {error}, and no other place has it whole"
        raise IntegrityError(msg) from None
    if content is None:
        msg = (
            f"expected {name} of the data version {md5} in the cache or a remote, found it in none;"
            " `armwise data history` says which versions can still be had"
        )
        raise DataError(msg)
    return content


def _cohort(tables: Mapping[str, bytes], files: Mapping[str, str]) -> CohortVersion:
    read = {name: _table(content, name) for name, content in tables.items()}
    split = read.get(SPLIT, pd.DataFrame())
    places = (
        dict(zip(split["patient_id"].astype(str), split["split"].astype(str), strict=True))
        if {"patient_id", "split"} <= set(split.columns)
        else {}
    )
    return CohortVersion(
        clinical=read.get(CLINICAL, pd.DataFrame()),
        manifest=read.get(MANIFEST, pd.DataFrame()),
        split=places,
        files=files,
    )


def _table(content: bytes, name: str) -> pd.DataFrame:
    try:
        return pd.read_parquet(io.BytesIO(content))
    except (OSError, ValueError, KeyError, NotImplementedError) as error:  # what pyarrow raises
        msg = f"{name} cannot be read as a Parquet table ({type(error).__name__}); export it again"
        raise CohortRejected(msg) from None
