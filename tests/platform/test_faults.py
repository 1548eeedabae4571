"""What stands behind an error of a library, however deep, whatever it calls a cause."""

import errno

import pytest

from components.platform import search
from components.platform.faults import explained, is_disk_full


class OfRay(RuntimeError):
    """As Ray's errors, with a `cause` that is an error or text."""

    def __init__(self, cause):
        super().__init__(f"a task failed: {cause}")
        self.cause = cause


def chained(outer, inner):
    outer.__cause__ = inner
    return outer


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (chained(RuntimeError("search"), OfRay(OSError(errno.EDQUOT, "quota"))), True),
        (OfRay("database or disk is full"), True),
        (OfRay("reset_config() returned False"), False),
        (ValueError("a number"), False),
    ],
)
def test_a_full_disk_is_found_behind_an_error(error, full):
    assert is_disk_full(error) is full


def test_a_circle_of_causes_ends():
    first, second = RuntimeError("one"), RuntimeError("two")
    first.__context__, second.__context__ = second, first

    assert not is_disk_full(first)


def test_what_is_known_becomes_one_message(tmp_path):
    locked = chained(RuntimeError("log_batch"), OfRay("(sqlite3) database is locked"))
    full = OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "crops" / "a.npy"))
    (tmp_path / "crops").mkdir()

    assert "was locked by another process" in str(explained(locked, home=tmp_path, study=tmp_path))
    told = str(explained(full, home=tmp_path, study=tmp_path))
    assert f"the disk of {tmp_path / 'crops'} is full" in told
    assert explained(ValueError("a number"), home=tmp_path, study=tmp_path) is None


def test_a_trial_that_takes_long_to_end_is_waited_for(monkeypatch):
    """Ray asks the trial's process, and gives a thread two seconds where it says nothing else."""
    monkeypatch.setenv("TUNE_FUNCTION_THREAD_TIMEOUT_S", "2")
    monkeypatch.setattr(search, "run_trial", lambda *_, **__: None)
    configuration = {
        "backbone": "resnet18",
        "number": 0,
        "learning_rate": 1e-3,
        "weight_decay": 1e-3,
        "dropout": 0.2,
        "label_smoothing": 0.0,
    }

    search._trial({"configuration": configuration}, task=None)

    assert int(search.os.environ["TUNE_FUNCTION_THREAD_TIMEOUT_S"]) >= 60
