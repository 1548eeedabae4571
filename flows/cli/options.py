"""Options that several commands share."""

from pathlib import Path
from typing import Annotated, Any

import typer

from flows.settings import Settings

StudyDir = Annotated[
    Path | None, typer.Option("--study-dir", help="Folder of the study. Default: this one.")
]
ProtocolName = Annotated[
    str | None,
    typer.Option("--protocol", help="sound, demo, smoke, or a YAML file. Default: demo."),
]


def settings_of(**given: Any) -> Settings:
    """The settings, with what the command line gives above everything else."""
    return Settings(**{name: value for name, value in given.items() if value is not None})
