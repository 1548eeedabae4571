"""`armwise columns`: a draft of a column mapping from a sheet's header."""

from pathlib import Path
from typing import Annotated

import typer

from components.errors import UsageError


def columns(
    file: Annotated[Path, typer.Argument(help="The clinical sheet: CSV or XLSX.")],
    output: Annotated[
        Path | None, typer.Option("--output", help="A new YAML file. Default: the terminal.")
    ] = None,
    sheet: Annotated[str | None, typer.Option(help="Sheet of a workbook. Default: first.")] = None,
    header_row: Annotated[
        int | None, typer.Option(min=1, help="Row with the column names. Default: found.")
    ] = None,
) -> None:
    """Drafts a column mapping from a sheet's header: check its guesses, fill in its blanks."""
    if output is not None and output.exists():
        msg = f"{output} exists; name a new file, so that nothing of yours is lost"
        raise UsageError(msg)

    from components.intake.draft import draft_mapping

    text = draft_mapping(file, sheet=sheet, header_row=header_row)
    if output is None:
        typer.echo(text, nl=False)
        return
    output.write_text(text, encoding="utf-8")
    typer.echo(f"Draft in {output}. Check its guesses, fill in its blanks, then:")
    typer.echo(f"  armwise fit-arms --clinical {file} --columns {output}")
    typer.echo(f"  armwise feasibility --clinical {file} --columns {output}")
    typer.echo(f"  armwise import FOLDER --mapping {output}    # with clinical, images and dates")
