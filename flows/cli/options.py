"""Options that several commands share."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from components.errors import UsageError
from flows.settings import Settings

_TABLE_WIDTH = 110

StudyDir = Annotated[
    Path | None, typer.Option("--study-dir", help="Folder of the study. Default: this one.")
]
ProtocolName = Annotated[
    str | None,
    typer.Option("--protocol", help="sound, paper, demo, smoke, or a YAML file. Default: demo."),
]
SoundProtocolName = Annotated[
    str | None,
    typer.Option("--protocol", help="sound, paper, demo, smoke, or a YAML file. Default: sound."),
]
Fresh = Annotated[
    bool, typer.Option("--fresh", help="Compute every step again, whatever is known.")
]


def settings_of(**given: Any) -> Settings:
    """The settings, with what the command line gives above everything else."""
    return Settings(**{name: value for name, value in given.items() if value is not None})


def require_store(settings: Settings) -> None:
    """Nothing, once there is a store to look at.

    Raises:
        UsageError: The embedded store was never made.
    """
    path = settings.home_path / "mlflow.db"
    if settings.tracking_uri is None and not path.is_file():
        msg = f"expected an MLflow store at {path}, found none; run `armwise retrain` first"
        raise UsageError(msg)


def table_console() -> Console:
    """A console for tables: as wide as they are made for, where no terminal says otherwise."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _TABLE_WIDTH
    return console
