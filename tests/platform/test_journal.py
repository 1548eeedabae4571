"""Intentions on disk, across real processes."""

import signal
import subprocess
import sys

import pytest

from components.platform.journal import Intention, abandoned, intending, is_clear
from components.promotion.history import next_entry

HOLD = """
import pathlib, sys, time
from components.platform.journal import Intention, intending
intention = Intention(kind="registration", identity="other")
with intending(pathlib.Path(sys.argv[1]), intention):
    print("held", flush=True)
    time.sleep(60)
"""


def test_what_was_carried_out_leaves_nothing(tmp_path):
    with intending(tmp_path, Intention(kind="registration", identity="a")):
        assert not is_clear(tmp_path)

    assert is_clear(tmp_path)


def test_what_failed_is_given_to_the_repair_once(tmp_path):
    entry = next_entry(
        [], kind="promotion", from_version=None, to_version="3", reason="r", by="gate"
    )
    intention = Intention(kind="move", identity="a", entry=entry)
    with pytest.raises(KeyboardInterrupt), intending(tmp_path, intention):
        raise KeyboardInterrupt

    with abandoned(tmp_path) as found:
        assert found == [intention]
    with abandoned(tmp_path) as found:
        assert found == []


def test_a_failed_repair_is_tried_again(tmp_path):
    with (
        pytest.raises(OSError, match="first"),
        intending(tmp_path, Intention(kind="registration", identity="a")),
    ):
        raise OSError("first")
    with pytest.raises(OSError, match="second"), abandoned(tmp_path):
        raise OSError("second")

    assert not is_clear(tmp_path)


def test_a_living_process_is_left_alone_and_a_killed_one_is_not(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout.readline() == "held\n"
        with abandoned(tmp_path) as living:
            pass
        process.send_signal(signal.SIGKILL)
    with abandoned(tmp_path) as dead:
        pass

    assert living == []
    assert [intention.identity for intention in dead] == ["other"]
