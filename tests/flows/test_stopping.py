"""A run that a platform does not let go of ends all the same, and closes what is open."""

import signal
import sqlite3
import subprocess
import sys
import textwrap
import time

import pytest

SCRIPT = textwrap.dedent("""
    import os, signal, sys, time
    import flows.stopping as stopping

    stopping._PATIENCE_S = 2.0

    def close():
        print("closed", flush=True)
        os._exit(130)

    with stopping.closed_in_time(close):
        try:
            print("running", flush=True)
            time.sleep(60)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
            {then}
    print("left", flush=True)
    time.sleep(8.0 if {waits} else 0)
""")


def stopped(then, *, waits=False):
    script = SCRIPT.format(then=then, waits=waits)
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "running\n"
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=30)
    return process.returncode, rest.split()


def test_what_goes_on_waiting_is_closed_and_ended():
    assert stopped("time.sleep(60)") == (130, ["interrupted", "closed"])


def test_what_stops_by_itself_is_left_alone():
    assert stopped("pass") == (0, ["interrupted", "left"])


def test_what_hangs_after_the_run_is_ended_too():
    assert stopped("pass", waits=True) == (130, ["interrupted", "left", "closed"])


WRITING = textwrap.dedent("""
    import sys, time
    import sqlalchemy as sa
    from flows.stopping import closed_in_time

    engine = sa.create_engine("sqlite:///" + sys.argv[1])
    with engine.begin() as base:
        base.execute(sa.text("CREATE TABLE written (word TEXT)"))

    def write(word, seconds=0.0):
        with engine.begin() as base:
            base.execute(sa.text("INSERT INTO written VALUES (:word)"), {"word": word})
            print(word, flush=True)
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                time.sleep(0.01)

    try:
        with closed_in_time(lambda: None):
            write("first", 3.0)
            write("second")
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    write("after")
""")


def interrupt_a_write(database, *, times):
    process = subprocess.Popen(
        [sys.executable, "-c", WRITING, str(database)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "first\n"
    for _ in range(times):
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)  # two at once are one
    rest, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    with sqlite3.connect(database) as store:
        words = [word for (word,) in store.execute("SELECT word FROM written")]
    return rest.split(), words


def test_what_is_being_written_is_written_to_its_end(tmp_path):
    said, words = interrupt_a_write(tmp_path / "store.db", times=1)
    assert said == ["interrupted", "after"]
    assert words == ["first", "after"]


def test_who_interrupts_twice_waits_for_nothing(tmp_path):
    said, words = interrupt_a_write(tmp_path / "store.db", times=2)
    assert said == ["interrupted", "after"]
    assert words == ["after"]


@pytest.mark.parametrize("handler", [signal.SIG_IGN, lambda number, frame: None])
def test_a_handler_of_somebody_else_stays(handler):
    from flows.stopping import closed_in_time

    before = signal.signal(signal.SIGINT, handler)
    try:
        with closed_in_time(lambda: None):
            assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before)
