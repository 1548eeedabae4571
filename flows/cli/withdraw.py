"""`armwise withdraw`: a patient leaves the study, from every place that armwise keeps."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from components.errors import IntegrityError, PlatformError, UsageError
from flows.alone import alone
from flows.cli.options import StudyDir, settings_of, table_console
from flows.environment import prepare_environment
from flows.settings import Settings

if TYPE_CHECKING:
    from components.platform.trained_models import TrainedModel
    from components.platform.withdrawal_ledger import UnderWay
    from flows.withdrawal import Traces

_SHOWN = 6

PurgeHistory = Annotated[
    bool, typer.Option("--purge-history", help="Also from every data version and remote.")
]


def withdraw(
    pseudonym: Annotated[str | None, typer.Argument(help="The patient's pseudonym.")] = None,
    purge_history: PurgeHistory = False,  # noqa: FBT002  an option of the command line
    resume: Annotated[  # noqa: FBT002  as above
        bool, typer.Option("--resume", help="Finish a withdrawal that was cut short.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,  # noqa: FBT002  as above
    study_dir: StudyDir = None,
) -> None:
    """Removes a patient from data, caches and logs, after showing what that means.

    Models that were trained with him are listed and stay; which to retire is for you to say.
    """
    settings = settings_of(study_dir=study_dir)
    prepare_environment(settings)
    key = _study_key(settings)
    console = table_console()
    with alone(settings.home_path, say=_refuse):
        task = _cut_short(settings, pseudonym, resume=resume)
        if task is None:
            task = _planned(settings, _required(pseudonym), console, purge_history=purge_history)
            if not yes and not _agreed():
                console.print("Nothing was removed.")
                return
        _carry_out(settings, task, key, console)


def _refuse(said: str) -> None:
    msg = f"{said.split(';')[0]}; nobody is withdrawn beside it: try again afterwards"
    raise PlatformError(msg)


def _study_key(settings: Settings) -> str:
    if settings.study_key is None:
        msg = (
            "expected the study's key in ARMWISE_STUDY_KEY, found none: under it the withdrawal is "
            "remembered without a name, so that the patient is known if he comes again"
        )
        raise UsageError(msg)
    return settings.study_key.get_secret_value()


def _required(pseudonym: str | None) -> str:
    if not pseudonym or not pseudonym.strip():
        msg = "expected the pseudonym of a patient; import_key.csv says which is whose"
        raise UsageError(msg)
    return pseudonym.strip()


def _cut_short(settings: Settings, pseudonym: str | None, *, resume: bool) -> "UnderWay | None":
    """The withdrawal to be finished, if there is one: no other begins before."""
    from components.platform.withdrawal_ledger import under_way

    found = under_way(settings.home_path)
    if found is None and resume:
        msg = "expected a withdrawal that was cut short, found none"
        raise UsageError(msg)
    if found is not None and not resume and pseudonym != found.pseudonym:
        msg = "another withdrawal was cut short; finish it first: `armwise withdraw --resume`"
        raise UsageError(msg)
    return found


def _planned(
    settings: Settings, pseudonym: str, console: Console, *, purge_history: bool
) -> "UnderWay":
    from components.platform.withdrawal_ledger import UnderWay
    from flows.withdrawal import find_traces, models_with

    name, traces = find_traces(settings, pseudonym)
    if traces.is_empty:
        msg = (
            f"no patient {pseudonym} is anywhere in this study; import_key.csv in "
            f"{settings.home_path} says which pseudonym is whose"
        )
        raise UsageError(msg)
    with_him, unknown = models_with(settings, traces)
    _show(console, settings, traces, purge_history=purge_history)
    _show_models(console, with_him, unknown)
    if settings.tracking_uri is not None:
        runs = ", ".join(sorted(traces.runs)) or "none that is known here"
        console.print(
            f"MLflow at {settings.mlflow_uri.split('@')[-1]} is not this folder's own: its runs "
            f"are not looked into. Delete there what names him; runs with him: {runs}.",
            markup=False,
        )
    return UnderWay(
        pseudonym=pseudonym,
        others=name.longer,
        purge_history=purge_history,
        versions=traces.versions,
        models=tuple(model.key for model in with_him),
        caches=tuple(str(path) for path in traces.caches),
    )


def _show(console: Console, settings: Settings, traces: "Traces", *, purge_history: bool) -> None:
    n_versions = len(traces.versions)
    kept = "stay as they are: he is still in them; --purge-history removes them"
    gone = "deleted from the cache and every remote, and marked as no longer reproducible"
    removed = "removed; nobody else moves; a new version is added and pushed"
    rows = [
        ("data/", "images, rows, place in the split" if traces.in_data else "not in it",
         removed if traces.in_data else "–"),
        ("data versions", str(n_versions), gone if purge_history else kept),
        ("caches", f"{len(traces.caches)} files and folders", "removed; made again when needed"),
        ("logs, records, databases", _some(traces.files, settings.study_path),
         "rid of him; what is no text or table is deleted"),
        ("files of yours", _some(traces.elsewhere, settings.study_path),
         "left alone: remove him there yourself"),
    ]  # fmt: skip
    table = Table(box=None, title="What the withdrawal means", title_justify="left")
    for head in ("Where", "What", "What happens"):
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _show_models(
    console: Console, with_him: "tuple[TrainedModel, ...]", unknown: "tuple[TrainedModel, ...]"
) -> None:
    if not with_him:
        console.print("Models trained on data with him: none.")
    else:
        console.print("Models trained on data with him, which stay until you retire them:")
        for model in with_him:
            console.print(f"  {model.title}", markup=False)
        console.print(
            "Train again without him (`armwise retrain`). To take one out of use: `armwise "
            "rollback` to one trained without him; to delete one: the registry of `armwise ui`.",
            markup=False,
        )
    if unknown:
        names = ", ".join(model.title for model in unknown)
        console.print(
            f"Of these it cannot be told, their data version is nowhere to be had: {names}.",
            markup=False,
        )


def _carry_out(settings: Settings, task: "UnderWay", key: str, console: Console) -> None:
    from flows.withdrawal import carry_out

    left = carry_out(
        settings, task, study_key=key, say=lambda said: console.print(f"  {said}", markup=False)
    )
    if left:
        msg = (
            f"he is withdrawn, but {_some(left, settings.study_path)} still names him and was not "
            "changed, because a digest is recorded of it (a registered model, the promotion "
            "history); delete the model's version, or leave the entry and say so"
        )
        raise IntegrityError(msg)
    said = "in no data version, cache, log or database of this study any more"
    if task.versions and not task.purge_history:
        said = (
            "in data/, caches, logs and databases no more; "
            f"{len(task.versions)} older data versions still hold him (--purge-history)"
        )
    console.print(f"The patient is {said}. A re-import of him is refused.", markup=False)
    console.print(
        "Backups, the hospital's folder that was imported, git's own history and what was exported "
        "are not looked at: see to them."
    )


def _agreed() -> bool:
    if not sys.stdin.isatty():
        return False
    return typer.confirm("Withdraw the patient?")


def _some(paths: "tuple[Path, ...] | list[Path]", study: Path) -> str:
    shown = [
        str(path.relative_to(study)) if path.is_relative_to(study) else str(path) for path in paths
    ]
    more = f", and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return (", ".join(shown[:_SHOWN]) + more) or "none"
