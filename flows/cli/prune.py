"""`armwise prune`: clears caches and abandoned runs, after showing what would go."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from components.errors import PlatformError
from flows.alone import alone
from flows.cli.options import StudyDir, settings_of
from flows.environment import prepare_environment
from flows.settings import Settings

if TYPE_CHECKING:
    from components.platform.tracking import Store
    from flows.pruning import Pruning

_SHOWN = 3
_LOG_WIDTH = 300


def prune(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,  # noqa: FBT002  an option
    older_than: Annotated[
        float, typer.Option("--older-than", min=0, help="Days; younger things stay.")
    ] = 7,
    data_cache: Annotated[  # noqa: FBT002  an option
        bool, typer.Option("--data-cache", help="Also old data versions that the remote holds.")
    ] = False,
    study_dir: StudyDir = None,
) -> None:
    """Shows which caches and abandoned runs may go, asks, and clears them."""
    settings = settings_of(study_dir=study_dir)
    prepare_environment(settings)
    # A table in a log is not folded: its paths can be copied.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _LOG_WIDTH)
    with alone(settings.home_path, say=_refuse):
        from flows.pruning import carry_out, plan_pruning

        store = _store(settings)
        pruning = plan_pruning(settings, store, older_than_days=older_than, data_cache=data_cache)
        if not pruning.files and not pruning.runs:
            console.print(f"Nothing older than {older_than:g} days can go.", markup=False)
            return
        _show(pruning, settings, console)
        if not yes and not _agreed():
            console.print("Nothing was removed.")
            return
        carry_out(pruning, store)
    console.print(f"Removed: {len(pruning.runs)} runs, {_size(pruning.n_bytes)}.", markup=False)


def _refuse(said: str) -> None:
    msg = f"{said.split(';')[0]}; nothing is cleared beside it: run `armwise prune` afterwards"
    raise PlatformError(msg)


def _store(settings: Settings) -> "Store | None":
    """MLflow with nothing half done in it; None where nothing was ever recorded."""
    from components.platform.store_state import database_path

    path = database_path(settings.mlflow_uri)
    if path is not None and not path.exists():
        return None
    from components.platform.journal import is_clear
    from components.platform.tracking import Store

    if not is_clear(settings.home_path):
        msg = (
            "a registration or promotion was cut short; the next `armwise retrain` finishes or "
            "undoes it, then run `armwise prune`"
        )
        raise PlatformError(msg)
    return Store(settings.mlflow_uri)


def _show(pruning: "Pruning", settings: Settings, console: Console) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("what", "number", "files", "size", "where"):
        table.add_column(name, justify="right" if name in {"number", "files", "size"} else "left")
    for kind in dict.fromkeys(candidate.kind for candidate in pruning.files):
        own = [candidate for candidate in pruning.files if candidate.kind == kind]
        places = [_shown(candidate.path, settings.study_path) for candidate in own]
        n_files = sum(candidate.n_files for candidate in own)
        size = _size(sum(candidate.n_bytes for candidate in own))
        table.add_row(kind, str(len(own)), str(n_files), size, _some(places))
    if pruning.runs:
        names = [f"{run.name} ({run.status})" for run in pruning.runs]
        table.add_row("MLflow runs", str(len(names)), "", "", _some(names))
    console.print(table)


def _agreed() -> bool:
    if not sys.stdin.isatty():
        return False
    return typer.confirm("Remove all of it?")


def _shown(path: str, study: Path) -> str:
    return str(Path(path).relative_to(study)) if Path(path).is_relative_to(study) else path


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = f", and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 2**20:.1f} MiB"
