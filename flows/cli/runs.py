"""`armwise runs`, `armwise compare`: what was retrained, and what changed between two of them."""

from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.options import StudyDir, require_store, settings_of, table_console
from flows.environment import prepare_environment
from flows.settings import Settings

if TYPE_CHECKING:
    from components.platform.tracking import Store

_RUN = "A run: how its id begins, its name, `latest` or `previous`."


def runs(
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many, newest first.")] = 20,
    study_dir: StudyDir = None,
) -> None:
    """Lists the retrainings of this study's MLflow, newest first."""
    store, _ = _open(study_dir)
    from components.platform.champion import champion_version
    from components.platform.past_runs import past_runs
    from components.reporting.run_comparison import render_runs

    found = past_runs(store, limit=limit)
    console = table_console()
    if not found:
        console.print("No retraining stands in this study's MLflow yet: `armwise retrain`.")
        return
    console.print(render_runs(found, champion=champion_version(store)))


def compare(
    old: Annotated[str, typer.Argument(metavar="RUN", help=_RUN)],
    new: Annotated[str, typer.Argument(metavar="RUN", help=_RUN)],
    *,
    everything: Annotated[bool, typer.Option("--all", help="Every figure.")] = False,
    study_dir: StudyDir = None,
) -> None:
    """Prints what changed from the first run to the second: data, protocol, code, figures."""
    store, settings = _open(study_dir)
    from components.platform.past_runs import choose_run, past_runs, with_files
    from components.promotion.retrainings import compare as compare_runs
    from components.reporting.run_comparison import render_comparison
    from flows.past_cohorts import patients_of

    known = past_runs(store)
    first, second = (with_files(store, choose_run(known, wanted)) for wanted in (old, new))
    comparison = compare_runs(
        first,
        second,
        old_patients=patients_of(settings.home_path, first.run_id),
        new_patients=patients_of(settings.home_path, second.run_id),
    )
    table_console().print(render_comparison(comparison, first, second, everything=everything))


def _open(study_dir: StudyDir) -> "tuple[Store, Settings]":
    settings = settings_of(study_dir=study_dir)
    prepare_environment(settings)
    require_store(settings)
    from components.platform.tracking import Store

    return Store(settings.mlflow_uri), settings
