import io
import os
import subprocess
import sys

import pytest
from rich.console import Console

from flows.terminal import RunDisplay, current_display


def test_only_the_display_reaches_the_terminal(tmp_path):
    log = tmp_path / "run.log"
    code = f"""
import os, sys
from pathlib import Path
from flows.terminal import quiet_streams
print("before")
with quiet_streams(Path({str(log)!r})) as console:
    console.print("shown")
    print("a library speaks")
    os.system("echo a child speaks; echo and complains >&2")
    sys.stderr.write("a warning\\n")
print("after")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["before", "shown", "after"]
    assert done.stderr == ""
    kept = log.read_text()
    for words in ("a library speaks", "a child speaks", "and complains", "a warning"):
        assert words in kept


def shown(interactive):
    stream = io.StringIO()
    return stream, Console(file=stream, force_terminal=interactive, width=100, highlight=False)


@pytest.mark.parametrize("interactive", [True, False])
def test_a_step_says_what_it_found_and_how_long_it_took(interactive):
    stream, console = shown(interactive)
    with RunDisplay(console) as display:
        assert current_display() is display
        with display.step("Search") as step:
            step.update(1, 3, "epochs")
            step.note = "6 trials"
    assert "Search" in stream.getvalue()
    assert "6 trials" in stream.getvalue()
    assert display.seconds["Search"] >= 0
    assert current_display() is not display


def test_a_failed_step_is_marked_and_the_error_goes_on():
    stream, console = shown(interactive=False)
    with (
        pytest.raises(ValueError, match="broken"),
        RunDisplay(console) as display,
        display.step("Search"),
    ):
        raise ValueError("broken")
    assert "✗ Search" in stream.getvalue()


def test_platform_seconds_add_up():
    _, console = shown(interactive=False)
    with RunDisplay(console) as display:
        for _ in range(2):
            with display.platform("MLflow"):
                os.getpid()
    assert set(display.platform_seconds) == {"MLflow"}
