"""`armwise init`: a new study in a folder of its own."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from flows.environment import quiet_libraries
from flows.settings import PROTOCOLS


def init(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder for the study.")],
    protocol: Annotated[
        str, typer.Option("--protocol", help="Copied for the study: a name, or a YAML file.")
    ] = "sound",
    study_id: Annotated[
        str | None, typer.Option("--study-id", help="Letters, digits, hyphens. Default: of DIR.")
    ] = None,
    title: Annotated[
        str | None, typer.Option("--title", help="The report's title. Default: the id.")
    ] = None,
) -> None:
    """Lays out a new study: settings, protocol, empty data folder, DVC, and a README."""
    quiet_libraries()

    from flows.new_study import PROTOCOL_FILE, lay_out

    own = PROTOCOLS / f"{protocol}.yaml"
    source = own if own.is_file() else Path(protocol)
    laid_out = lay_out(folder, source=source, study_id=study_id, title=title)
    console = Console(highlight=False, soft_wrap=True)
    said = (
        f"A new study in {folder}: {laid_out.study.study_id}, {PROTOCOL_FILE} copied from "
        f"{source.stem}, DVC set up with a remote that is checked.\n"
        f"Next: cd {folder}, read README.md there, then `armwise columns` and `armwise import`, or "
        "put a dataset into data/; then `armwise doctor`."
    )
    console.print(said, markup=False)
