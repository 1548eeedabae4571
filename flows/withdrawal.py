"""A patient's withdrawal: found out what it means, then carried out, resumable at every step."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from components.errors import IntegrityError, UsageError
from components.platform.data_diff import stored_clinical
from components.platform.data_history import mark_lost, note_version
from components.platform.data_stores import stores_of
from components.platform.data_transfer import pull_version
from components.platform.data_version import holds_files, quick_version, recorded_md5
from components.platform.withdrawal_files import (
    erase,
    files_below,
    named_paths,
    names,
    naming_files,
    remove,
)
from components.platform.withdrawal_ledger import (
    UnderWay,
    begin,
    end,
    journal_path,
    note_withdrawal,
)
from components.platform.withdrawal_name import PatientName
from components.platform.withdrawal_versions import (
    erase_from_data,
    forget_paths,
    is_in_data,
    patients_known,
    purge,
    record_without,
    require_erasable,
    versions_with,
)
from flows.data_versions import remember_recorded
from flows.model_list import mark_withdrawn, registered_models
from flows.settings import Settings
from flows.step_journal import StepEntry, done_steps
from flows.withdrawal_caches import CACHES, caches_with

if TYPE_CHECKING:
    from components.platform.trained_models import TrainedModel

WHY_LOST = "a patient who was in it withdrew"
_MESSAGE = "a patient withdrew"
_USERS_FILES_AT_MOST = 64 << 20

Say = Callable[[str], None]


@dataclass(frozen=True)
class Traces:
    """Where a patient is found before anything is done.

    `versions` are the data versions with him, `runs` the MLflow runs, `caches` what can be made
    again, `files` what else of armwise's names him, `elsewhere` files that are the user's own.
    """

    in_data: bool
    versions: tuple[str, ...]
    runs: frozenset[str]
    caches: tuple[Path, ...]
    files: tuple[Path, ...]
    elsewhere: tuple[Path, ...]

    @property
    def is_empty(self) -> bool:
        """Whether he is found nowhere."""
        return not (self.in_data or self.versions or self.runs or self.files or self.elsewhere)


def find_traces(settings: Settings, pseudonym: str) -> tuple[PatientName, Traces]:
    """Where a patient is found; nothing is changed, but data that are not here are fetched.

    Raises:
        UsageError: The data folder holds changes that are no version yet.
        DataError: The data cannot be had, or hold a file that cannot be rid of him.
    """
    study, home = settings.study_path, settings.home_path
    _require_recorded(study)
    remember_recorded(settings)
    name, versions, stored = _in_versions(settings, pseudonym)
    if recorded_md5(study) in versions and not holds_files(settings.data_path):
        pull_version(study)
    require_erasable(study, name)
    caches = caches_with(home, name)
    return name, Traces(
        in_data=is_in_data(study, name),
        versions=versions,
        runs=caches.runs,
        caches=caches.paths,
        files=tuple(_of_armwise(settings, name, stored, with_caches=False)),
        elsewhere=tuple(_of_the_user(settings, name, stored)),
    )


def carry_out(settings: Settings, under_way: UnderWay, *, study_key: str, say: Say) -> list[Path]:
    """Take the patient out everywhere; what of armwise's still names him, which is nothing.

    Each step can be done twice, and the journal stands until the last: what a crash cuts off is
    done by the next call.

    Raises:
        IntegrityError: A version that was to be purged can still be had.
        PlatformError: DVC, a remote or a database did not do its part; call it again.
    """
    study, home = settings.study_path, settings.home_path
    name = PatientName(under_way.pseudonym, under_way.others)
    begin(home, under_way)
    _data(settings, under_way, name, say)
    if under_way.purge_history:
        _purge(settings, under_way, name, say)
    for cache in under_way.caches:
        remove(Path(cache))
    say(f"caches: {len(under_way.caches)} files and folders removed")
    mark_withdrawn(settings, under_way.models)
    stored = _folders(study)
    for path in list(named_paths(home, name, beside=stored)):
        remove(path)
    for path in _of_armwise(settings, name, stored, with_caches=True):
        # A database's log of writes goes with the database's own turn.
        if path.exists() and not _is_a_model_s(settings, path):
            erase(path, name)
            say(f"rid of him: {path.relative_to(study) if path.is_relative_to(study) else path}")
    if _has_versions(study):
        forget_paths(study)
    note_withdrawal(home, under_way, study_key=study_key)
    left = _of_armwise(settings, name, stored, with_caches=True)
    end(home)
    return left


def _require_recorded(study: Path) -> None:
    if quick_version(study) not in {None, recorded_md5(study)}:
        msg = (
            "data/ holds changes that are no version yet; `armwise data diff` shows them, "
            "`armwise data add` keeps them; then withdraw the patient"
        )
        raise UsageError(msg)


def _data(settings: Settings, under_way: UnderWay, name: PatientName, say: Say) -> None:
    study = settings.study_path
    if not holds_files(settings.data_path):
        return
    erase_from_data(study, name)
    if recorded_md5(study) in under_way.versions:
        md5, n_files, n_bytes = record_without(study)
        note_version(settings.home_path, md5, message=_MESSAGE, n_files=n_files, n_bytes=n_bytes)
        say(f"data/: without him, data version {md5[:12]}, pushed")


def _purge(settings: Settings, under_way: UnderWay, name: PatientName, say: Say) -> None:
    study = settings.study_path
    with stores_of(study) as stores:
        for md5 in under_way.versions:
            clinical = stored_clinical(stores, md5)
            mark_lost(settings.home_path, md5, why=WHY_LOST, clinical=clinical)
    purge(study, under_way.versions, say=say)
    with stores_of(study) as stores:
        left = versions_with(stores, name)
    if left:
        msg = f"the data versions {', '.join(left)} still name the patient after the purge"
        raise IntegrityError(msg)


def _in_versions(
    settings: Settings, pseudonym: str
) -> tuple[PatientName, tuple[str, ...], tuple[Path, ...]]:
    """The name, the data versions that hold it, and where these lie on this machine."""
    study = settings.study_path
    if not _has_versions(study):
        return PatientName(pseudonym), (), ()
    with stores_of(study) as stores:
        name = PatientName(pseudonym, patients_known(stores, settings.data_path))
        return name, versions_with(stores, name), _folders(study)


def _has_versions(study: Path) -> bool:
    """Whether DVC is set up; a folder of tables alone needs none."""
    return (study / ".dvc").is_dir()


def _folders(study: Path) -> tuple[Path, ...]:
    """Folders of data versions on this machine: what they hold of him is the purge's part."""
    if not _has_versions(study):
        return ()
    with stores_of(study) as stores:
        return tuple(place.folder for place in stores.places if place.folder is not None)


def _of_armwise(
    settings: Settings, name: PatientName, stored: tuple[Path, ...], *, with_caches: bool
) -> list[Path]:
    """Files of the home and of DVC's settings that name him, the journal and versions left out."""
    home = settings.home_path
    beside = {*stored, journal_path(home), *(() if with_caches else (home / c for c in CACHES))}
    found = naming_files(home, name, beside=beside)
    return found + naming_files(settings.study_path / ".dvc", name, beside=beside)


def _of_the_user(settings: Settings, name: PatientName, stored: tuple[Path, ...]) -> list[Path]:
    """Files beside data and home that name him, by name or content, if not all too large."""
    study = settings.study_path
    ours = (settings.home_path, settings.data_path, study / ".dvc", study / ".git", *stored)
    found = list(named_paths(study, name, beside=ours))
    small = [
        path
        for path in files_below(study, beside=ours)
        if path.stat().st_size <= _USERS_FILES_AT_MOST and path not in found
    ]
    return found + [path for path in small if names(path, name)]


def _is_a_model_s(settings: Settings, path: Path) -> bool:
    """Whether a file belongs to a registered model, whose digest would no longer fit it."""
    root = settings.local_artifacts
    return root is not None and path.is_relative_to(root / "models")


def models_with(
    settings: Settings, traces: Traces
) -> "tuple[tuple[TrainedModel, ...], tuple[TrainedModel, ...]]":
    """The models that were trained with him, and those of which it cannot be told.

    Raises:
        PlatformError: MLflow does not answer.
    """
    models = registered_models(settings)
    there: set[str] = set()
    if _has_versions(settings.study_path):
        with stores_of(settings.study_path) as stores:
            there = stores.versions()
    with_him = tuple(
        one for one in models if one.data_md5 in traces.versions or one.run_id in traces.runs
    )
    # Of a run from tables, which are no data version, the kept results tell.
    told = {entry.run_id for entry in done_steps(settings.home_path) if _is_kept(settings, entry)}
    unknown = tuple(
        one
        for one in models
        if one not in with_him and one.data_md5 not in there and one.run_id not in told
    )
    return with_him, unknown


def _is_kept(settings: Settings, entry: StepEntry) -> bool:
    return (settings.home_path / "results" / f"armwise-{entry.step}-{entry.key}").is_file()
