"""`armwise data`: versions of the study's data, made, moved, compared and listed."""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Annotated

import typer

from components.errors import CohortRejected, IntegrityError, PlatformError
from flows.alone import alone
from flows.cli.options import StudyDir, settings_of, table_console
from flows.environment import prepare_environment
from flows.settings import Settings

if TYPE_CHECKING:
    from components.platform.data_history import KnownVersion
    from components.platform.data_stores import Stores
    from components.platform.trained_models import TrainedModel

_WHICH = "A number of the history, current, latest, previous, how its md5 begins, a git revision."
_FOLDER = "data"

Quick = Annotated[bool, typer.Option("--quick", help="See that files are there; read none.")]


def status(quick: Quick = False, study_dir: StudyDir = None) -> None:  # noqa: FBT002  an option
    """Which version stands in data.dvc, whether data/ differs from it, what the remotes hold."""
    settings = _settings(study_dir)
    from components.platform.data_diff import compare_versions
    from components.platform.data_transfer import data_state
    from flows.cli.data_tables import tell_diff, tell_held

    console = table_console()
    state = data_state(settings.study_path, read=not quick)
    if state.recorded is None:
        console.print("data/ holds data that are no version yet: armwise data add -m MESSAGE")
        return
    title = _title(_known(settings), state.recorded)
    console.print(f"data.dvc holds {title}.", markup=False)
    if state.current is None:
        console.print("data/ is not there: `armwise data pull` fetches it.", markup=False)
    elif state.current == state.recorded:
        console.print("data/ is that version, unchanged.")
    else:
        console.print("data/ has changes that are no version yet (`armwise data add`):")
        diff = compare_versions(settings.study_path, state.recorded, None)
        tell_diff(console, diff, values=False)
    for name, held in state.held.items():
        tell_held(console, name, held, read=not quick)
    damaged = [name for name, held in state.held.items() if held.damaged]
    if damaged:
        msg = f"{', '.join(damaged)} holds damaged files; `armwise data push` replaces them"
        raise IntegrityError(msg)


def add(
    message: Annotated[str, typer.Option("--message", "-m", help="What is new, in your words.")],
    accept_moved_split: Annotated[  # noqa: FBT002  an option
        bool, typer.Option("--accept-moved-split", help="Although patients changed place.")
    ] = False,
    study_dir: StudyDir = None,
) -> None:
    """Makes data/ as it stands a new version, with a message; `push` sends it to the remote."""
    settings = _settings(study_dir)
    from components.platform.data_diff import compare_versions
    from components.platform.data_transfer import add_version
    from components.platform.data_version import recorded_md5
    from flows.cli.data_tables import counted, tell_diff
    from flows.data_versions import refuse_withdrawn, remember, remember_recorded

    console = table_console()
    with _alone(settings):
        refuse_withdrawn(settings)
        remember_recorded(settings)
        before = recorded_md5(settings.study_path)
        if before is not None and settings.data_path.is_dir():
            diff = compare_versions(settings.study_path, before, None)
            tell_diff(console, diff, values=False)
            if diff.moved and not accept_moved_split:
                msg = (
                    f"{counted(len(diff.moved), 'patient')} changed place in split.parquet; "
                    "nothing was added: put the split of the version before back (newcomers get "
                    "their place by themselves), or give --accept-moved-split"
                )
                raise CohortRejected(msg)
        version = add_version(settings.study_path)
        remember(settings, version, message=message)
    title = _title(_known(settings), version.md5)
    if not version.differs:
        console.print(f"data/ is {title} already; nothing was added.", markup=False)
        return
    console.print(
        f"data/ is now {title}: {version.n_files} files, {version.n_bytes / 2**20:.1f} MiB. "
        "Commit data.dvc to keep it in git; `armwise data push` sends it to the remote.",
        markup=False,
    )


def push(study_dir: StudyDir = None) -> None:
    """Sends the version in data.dvc to the remote and reads every file of it back."""
    settings = _settings(study_dir)
    from components.platform.data_transfer import push_version
    from components.platform.data_version import recorded_md5
    from flows.cli.data_tables import counted
    from flows.data_versions import refuse_withdrawn

    refuse_withdrawn(settings)
    replaced = push_version(settings.study_path)
    recorded = recorded_md5(settings.study_path) or ""
    said = f"The remote holds {_title(_known(settings), recorded)} whole, every byte read and right"
    if replaced:
        said += f"; {counted(replaced, 'file')} that were damaged or gone there were replaced"
    table_console().print(f"{said}.", markup=False)


def pull(
    version: Annotated[str | None, typer.Argument(metavar="[VERSION]", help=_WHICH)] = None,
    force: Annotated[  # noqa: FBT002  an option
        bool, typer.Option("--force", help="Drop changes in data/ that are no version.")
    ] = False,
    study_dir: StudyDir = None,
) -> None:
    """Puts a version into data/, verified to the byte: the one in data.dvc, or another one."""
    settings = _settings(study_dir)
    from components.platform.data_diff import stored_clinical
    from components.platform.data_history import choose_version
    from components.platform.data_stores import stores_of
    from components.platform.data_transfer import pull_version
    from components.platform.data_version import recorded_md5
    from flows.data_versions import refuse_withdrawn, remember

    study = settings.study_path
    with _alone(settings):
        known = _known(settings)
        wanted = recorded_md5(study)
        if version is not None:
            wanted = choose_version(known, version, current=wanted, study_dir=study)
        if wanted is not None:
            with stores_of(study) as stores:
                refuse_withdrawn(settings, clinical=stored_clinical(stores, wanted))
        pulled = pull_version(study, wanted, force=force)
        remember(settings, pulled)
    source = "fetched" if pulled.source == "remote" else "there already"
    table_console().print(
        f"data/ is {_title(known, pulled.md5)}: {pulled.n_files} files, {source}, every byte of "
        "the remote's copy read and right.",
        markup=False,
    )


def diff(
    old: Annotated[str, typer.Argument(help=_WHICH)] = "current",
    new: Annotated[str | None, typer.Argument(help=f"{_WHICH} Default: data/ as it is.")] = None,
    *,
    values: Annotated[bool, typer.Option("--values", help="Show cells, before and after.")] = False,
    study_dir: StudyDir = None,
) -> None:
    """What changed from one version to another: who joined, left, died, was corrected, redrawn."""
    settings = _settings(study_dir)
    from components.platform.data_diff import compare_versions
    from components.platform.data_history import choose_version
    from components.platform.data_version import recorded_md5
    from flows.cli.data_tables import tell_diff

    study, known = settings.study_path, _known(settings)
    current = recorded_md5(study)
    first, second = (
        choose_version(known, one, current=current, study_dir=study)
        if one not in {None, _FOLDER}
        else None
        for one in (old, new)
    )
    if first is None:
        msg = "the first version: expected one of the history; data/ can only be the second"
        raise typer.BadParameter(msg)
    console = table_console()
    to = _title(known, second) if second is not None else "data/ as it stands"
    console.print(f"From {_title(known, first)} to {to}:", markup=False)
    tell_diff(console, compare_versions(study, first, second), values=values)


def history(study_dir: StudyDir = None) -> None:
    """Every version: when, why, how many patients, where it is held, what was trained on it."""
    settings = _settings(study_dir)
    from components.platform.data_stores import stores_of
    from components.platform.data_version import recorded_md5
    from flows.cli.data_tables import held_in_words, render_history

    known = _known(settings)
    if not known:
        table_console().print("No version yet: `armwise data add -m MESSAGE` makes the first.")
        return
    with stores_of(settings.study_path) as stores:
        known = [_counted(stores, one) for one in known]
        held = {
            one.md5: held_in_words(
                {
                    place.name: place.check(one.md5, stores.files(one.md5) or {}, read=False)
                    for place in stores.places
                }
            )
            for one in known
        }
    current = recorded_md5(settings.study_path)
    models = _models(settings)
    table_console().print(render_history(known, current=current, held=held, models=models))


def _settings(study_dir: StudyDir) -> Settings:
    settings = settings_of(study_dir=study_dir)
    prepare_environment(settings)
    return settings


def _alone(settings: Settings) -> AbstractContextManager[None]:
    def refuse(said: str) -> None:
        msg = f"{said.split(';')[0]}; data/ is not touched beside it: try again afterwards"
        raise PlatformError(msg)

    return alone(settings.home_path, say=refuse)


def _known(settings: Settings) -> "list[KnownVersion]":
    """The history, with the version in `data.dvc` in it."""
    from components.platform.data_history import known_versions
    from flows.data_versions import remember_recorded

    remember_recorded(settings)
    return known_versions(settings.study_path, settings.home_path)


def _title(known: "list[KnownVersion]", md5: str) -> str:
    return next((one.title for one in known if one.md5 == md5), f"version {md5[:12]}")


def _counted(stores: "Stores", version: "KnownVersion") -> "KnownVersion":
    """The version with its patients counted, where the ledger has not and its table can be had."""
    from components.platform.data_diff import stored_clinical
    from components.platform.data_history import counts_by_arm

    if version.patients:
        return version
    table = stored_clinical(stores, version.md5)
    if table is None:
        return version
    patients, deaths = counts_by_arm(table)
    return version.model_copy(update={"patients": patients, "deaths": deaths})


def _models(settings: Settings) -> "dict[str, list[TrainedModel]]":
    """Registered models by data version; none where nothing was ever recorded."""
    from flows.model_list import registered_models

    found: dict[str, list[TrainedModel]] = {}
    for model in registered_models(settings):
        found.setdefault(model.data_md5, []).append(model)
    return found
