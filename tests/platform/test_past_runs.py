"""Retrainings found again in a real MLflow."""

import time

import pytest

from components.errors import UsageError
from components.platform.past_runs import choose_run, past_runs, with_files

STUDY = {"armwise.level": "study"}


@pytest.fixture
def three(tracking):
    """Two finished runs, a failed one last, and a trial that is no run of a study."""
    made = []
    for number in (1, 2, 3):
        made.append(
            tracking.study_run(
                f"key {number}", name=f"retrain {number}", tags=STUDY, params={"n_patients": number}
            )
        )
        tracking.finish(made[-1], "FAILED" if number == 3 else "FINISHED")
        time.sleep(0.002)  # MLflow orders by the millisecond
    tracking.child_run(made[0], "key 1/trial", name="trial", tags={"armwise.level": "trial"})
    tracking.log_metrics(made[1], {"test/tace/nomogram/c_harrell": 0.7})
    tracking.log_text(made[1], "study: {seed: 7}", "protocol.yaml")
    tracking.log_text(made[1], '{"torch": "2.15.0"}', "software.json")
    return made


def test_runs_of_studies_newest_first(tracking, three):
    runs = past_runs(tracking)

    assert [run.run_id for run in runs] == three[::-1]
    assert [run.status for run in runs] == ["FAILED", "FINISHED", "FINISHED"]
    assert runs[1].metrics == {"test/tace/nomogram/c_harrell": 0.7}
    assert runs[0].params["n_patients"] == "3"
    assert [run.run_id for run in past_runs(tracking, limit=1)] == [three[2]]


def test_a_run_by_age_name_or_id(tracking, three):
    runs = past_runs(tracking)

    assert choose_run(runs, "latest").run_id == three[1]
    assert choose_run(runs, "previous").run_id == three[0]
    assert choose_run(runs, "retrain 3").run_id == three[2]
    assert choose_run(runs, three[0][:12]).run_id == three[0]


def test_what_fits_none_or_several_is_refused_with_the_candidates(tracking, three):
    runs = past_runs(tracking)
    twice = [*runs, runs[0].model_copy(update={"run_id": "0" * 32})]

    with pytest.raises(UsageError, match="no run fits") as none:
        choose_run(runs, "zebra")
    with pytest.raises(UsageError, match="several runs fit") as several:
        choose_run(twice, "retrain 3")
    with pytest.raises(UsageError, match="expected 2 finished retrainings, found 0"):
        choose_run(runs[:1], "previous")
    with pytest.raises(UsageError, match="armwise retrain"):
        choose_run([], "zebra")

    assert all(run_id[:8] in str(none.value) for run_id in three)
    assert "00000000" in str(several.value)
    assert three[0][:8] not in str(several.value)


def test_protocol_and_software_are_read_where_they_are(tracking, three):
    runs = past_runs(tracking)
    known, bare = with_files(tracking, runs[1]), with_files(tracking, runs[2])

    assert known.protocol == {"study": {"seed": 7}}
    assert known.software == {"torch": "2.15.0"}
    assert (bare.protocol, bare.software) == (None, None)
