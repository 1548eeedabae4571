"""How a command runs a flow: one display, one log, one message for what nobody foresaw."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console

from components.errors import ArmwiseError
from components.platform.faults import explained
from flows.leftovers import take_over
from flows.settings import Settings
from flows.terminal import RunDisplay, log_to_file_only, quiet_streams

Start = Callable[[], dict[str, Any]]


def run_flow(command: str, settings: Settings, console: Console, load: Callable[[], Start]) -> None:
    """Runs a flow to its closing summary.

    Args:
        command: The command's name, for its first line and its log.
        settings: The place.
        console: The terminal.
        load: Imports the flow, which takes seconds, and answers with what starts it.

    Raises:
        ArmwiseError: As the flow raises it.
        typer.Exit: Something unexpected stopped the flow; the log has the rest.
    """
    log = settings.home_path / "logs" / f"{command}-{os.getpid()}.log"
    console.print(f"[bold]armwise {command}[/bold]  protocol {settings.protocol}  log {log}")
    try:
        with understood(settings), quiet_streams(log) as terminal:
            log_to_file_only()
            if ended := take_over(settings.home_path):
                terminal.print(f"  ended {ended} processes that a killed run had left")
            with RunDisplay(terminal) as display:
                with display.step("Starting the platforms"), display.platform("imports"):
                    start = load()
                display.starting("Prefect")
                facts = start()
        console.print(str(facts["summary"]), markup=False, soft_wrap=True)
    except ArmwiseError:
        raise
    except Exception as error:
        console.print(
            f"armwise: an unexpected {type(error).__name__} stopped {command}; what led to it "
            f"is in {log}. `armwise {command}` goes on where it stopped.",
            markup=False,
        )
        raise typer.Exit(1) from error


@contextmanager
def understood(settings: Settings) -> Iterator[None]:
    """A full disk or a locked database, however a library says it, as one message.

    Raises:
        PlatformError: With the place and what to do.
    """
    try:
        yield
    except ArmwiseError:
        raise
    except Exception as error:
        known = explained(error, home=settings.home_path, study=settings.study_path)
        if known is None:
            raise
        raise known from error
