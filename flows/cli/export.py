"""`armwise export`: a run's patients, models and nomograms for R and other programs."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.options import StudyDir, require_store, settings_of, table_console
from flows.environment import prepare_environment


def export(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new or empty folder.")],
    run: Annotated[
        str, typer.Option(help="How a run's id begins, its name, `latest` or `previous`.")
    ] = "latest",
    study_dir: StudyDir = None,
) -> None:
    """Writes what another program needs to fit the models again, and an R script that does it.

    Patients stand there by pseudonym, with their outcome and predictors: treat the folder as data.
    """
    settings = settings_of(study_dir=study_dir)
    prepare_environment(settings)
    require_store(settings)
    from flows.export import export_run, finished_run

    found = finished_run(settings, run)
    files = export_run(found, folder)
    console = table_console()
    console.print(f"Run {found.run_id[:8]}: {len(files)} files in {folder}", soft_wrap=True)
    console.print(f"Fit the models again in R: Rscript {folder / 'refit.R'}", soft_wrap=True)
