"""One clean display: what the libraries write goes to the log, what the user needs stays."""

import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

_SECONDS_BETWEEN_LINES = 15.0
STOPPED = 130
"""Exit code of a command that was stopped by its user, as shells count it."""


@contextmanager
def quiet_streams(log: Path) -> Iterator[Console]:
    """A console on the terminal while everything else written to it goes to `log`.

    Works on file descriptors, so that compiled code and child processes are quiet as well.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    with (
        log.open("a", encoding="utf-8") as sink,
        os.fdopen(os.dup(1), "w", encoding="utf-8") as terminal,
    ):
        os.dup2(sink.fileno(), 1)
        os.dup2(sink.fileno(), 2)
        try:
            yield Console(file=terminal, highlight=False)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, stream in zip((1, 2), saved, strict=True):
                os.dup2(stream, number)
                os.close(stream)


class StepProgress:
    """The step under way; `update` may be called as often as one likes."""

    def __init__(self, display: "RunDisplay", title: str, bar: TaskID | None) -> None:
        self._display, self._title, self._bar = display, title, bar
        self._last_line = time.monotonic()
        self.note = ""

    def update(self, done: int, total: int, note: str = "") -> None:
        """Shows that `done` of `total` parts of the step are done."""
        if self._bar is not None:
            said = f"{done}/{total} {note}"
            self._display.progress.update(self._bar, completed=done, total=total, note=said)
            return
        now = time.monotonic()
        if now - self._last_line >= _SECONDS_BETWEEN_LINES:
            self._last_line = now
            self._display.console.print(f"    {self._title}: {done} of {total}  {note}")


class RunDisplay:
    """Progress of a run, step by step, with the seconds of each step and of each platform.

    On a terminal a bar for the step under way; elsewhere a line now and then.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.seconds: dict[str, float] = {}
        self.platform_seconds: dict[str, float] = {}
        self.begun = time.monotonic()
        self._starting: tuple[str, float] | None = None
        self.progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> "RunDisplay":
        global _current  # the flow's tasks run in this process and find the display here
        self.progress.start()
        _current = self
        return self

    def __exit__(self, *exception: object) -> None:
        global _current
        self.progress.stop()
        _current = None

    @contextmanager
    def step(self, title: str) -> Iterator[StepProgress]:
        """Shows a step while it runs, and how long it took and what it found when it is done."""
        bar = None
        if self.console.is_terminal:
            bar = self.progress.add_task(title, total=None, completed=0, note="")
        else:
            self.console.print(f"  … {title}")
        step = StepProgress(self, title, bar)
        start = time.monotonic()
        done = False
        try:
            yield step
            done = True
        finally:
            self.seconds[title] = time.monotonic() - start
            if bar is not None:
                self.progress.remove_task(bar)
            mark = "[green]✓[/green]" if done else "[red]✗[/red]"
            self.console.print(f"  {mark} {title:<34}{self.seconds[title]:7.1f} s  {step.note}")

    @contextmanager
    def platform(self, name: str) -> Iterator[None]:
        """Counts what is spent on a platform itself: its start, its bookkeeping."""
        start = time.monotonic()
        try:
            yield
        finally:
            spent = time.monotonic() - start
            self.platform_seconds[name] = self.platform_seconds.get(name, 0.0) + spent

    def starting(self, platform: str) -> None:
        """Counts on a platform what passes until it has `started`."""
        self._starting = (platform, time.monotonic())

    def started(self) -> None:
        """The platform that was `starting` is there; nothing where none was."""
        if self._starting is not None:
            name, since = self._starting
            self.platform_seconds[name] = time.monotonic() - since
            self._starting = None


_current: RunDisplay | None = None


def current_display() -> RunDisplay:
    """The display of the run under way; a plain one where the flow runs without the command."""
    return _current or RunDisplay(Console(file=sys.stdout, highlight=False, no_color=True))


@contextmanager
def display_of_run() -> Iterator[RunDisplay]:
    """The command's display; where a worker runs the flow, a plain one as long as the run lasts."""
    if _current is not None:
        yield _current
        return
    with current_display() as display:
        yield display


def log_to_file_only() -> None:
    """Sends Python's warnings the way of the log; the root logger keeps what matters later."""
    logging.captureWarnings(capture=True)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)  # a line for each of Prefect's requests


def leave_stopped() -> NoReturn:
    """Ends the process after Ctrl+C, once everything of ours is closed.

    Prefect's server has got the same signal and is gone; Prefect itself would go on asking it for
    minutes.
    """
    current_display().console.print(
        "Stopped. What is done is kept: the same command goes on where it stopped."
    )
    os._exit(STOPPED)
