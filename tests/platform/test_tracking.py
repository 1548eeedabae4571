"""Runs in a real MLflow."""

import socket

import pytest

from components.errors import PlatformError
from components.platform.tracking import PROCESS_TAG, Tracking


def test_a_key_has_one_run_that_is_reopened_unless_finished(tracking):
    first = tracking.study_run("k", name="study", tags={"stage": "one"})
    tracking.finish(first, "KILLED")

    again = tracking.study_run("k", name="study", tags={"stage": "two"})
    run = tracking.client.get_run(again)

    assert again == first
    assert (run.info.status, run.data.tags["stage"]) == ("RUNNING", "two")
    assert tracking.study_run("other", name="study", tags={}) != first


def test_a_finished_run_stays_finished(tracking):
    first = tracking.study_run("k", name="study", tags={})
    tracking.finish(first)

    assert tracking.study_run("k", name="study", tags={}) == first
    assert tracking.client.get_run(first).info.status == "FINISHED"


def test_a_deleted_run_is_not_found_again(tracking):
    first = tracking.study_run("k", name="study", tags={})
    tracking.client.delete_run(first)

    assert tracking.study_run("k", name="study", tags={}) != first
    assert not tracking.has_run(first)


def test_trials_are_nested_below_backbones_below_the_study(tracking):
    study = tracking.study_run("k", name="study", tags={})
    backbone = tracking.child_run(study, "k/resnet18", name="resnet18", params={"width": 512})
    trial = tracking.child_run(backbone, "k/resnet18-0", name="resnet18-0", tags={"level": "trial"})
    same = tracking.child_run(study, "k/resnet18", name="resnet18", params={"width": 512})

    run = tracking.client.get_run(trial)
    assert run.data.tags["mlflow.parentRunId"] == backbone == same
    assert run.data.tags["level"] == "trial"
    assert tracking.client.get_run(backbone).data.tags["mlflow.parentRunId"] == study
    assert tracking.client.get_run(backbone).data.params == {"width": "512"}


def test_metrics_are_stored_with_their_step_and_none_is_left_out(tracking, run_id):
    many = {f"test/tace/combined/m{number}": float(number) for number in range(1200)}

    tracking.log_metrics(run_id, {**many, "test/tace/combined/c_uno": None}, step=3)
    tracking.log_metrics(run_id, {"test/tace/combined/m7": 70.0}, step=4)

    assert len(tracking.client.get_run(run_id).data.metrics) == 1200
    history = tracking.client.get_metric_history(run_id, "test/tace/combined/m7")
    assert [(point.step, point.value) for point in history] == [(3, 7.0), (4, 70.0)]


def test_files_texts_and_folders_are_stored(tracking, run_id, tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "page.html").write_text("<p>")

    tracking.log_text(run_id, "hello", "summary/first.md")
    tracking.log_file(run_id, tmp_path / "docs" / "page.html", folder="quality")
    tracking.log_folder(run_id, tmp_path / "docs", folder="docs")

    assert set(tracking.artifacts(run_id)) == {"summary", "quality", "docs"}
    assert tracking.artifacts(run_id, "docs") == ("docs/page.html",)


def test_the_data_version_is_an_input_without_any_cell(tracking, run_id):
    tracking.log_data(
        run_id,
        ["arm", "os_days"],
        data_md5="d41d8cd98f00b204e9800998ecf8427e.dir",
        source="data.dvc",
        n_patients=409,
    )

    (entry,) = tracking.client.get_run(run_id).inputs.dataset_inputs
    assert entry.dataset.digest == "d41d8cd98f00b204e9800998ecf8427e.dir"
    assert "os_days" in entry.dataset.schema
    assert entry.dataset.profile == '{"n_patients": 409}'


def test_addresses_of_pages(tracking, run_id):
    assert f"/runs/{run_id}?" in tracking.run_url(run_id)
    assert tracking.comparison_url(["a", "b"]).startswith('/#/compare-runs?runs=["a","b"]')


def test_a_server_that_does_not_answer_is_named_without_its_password():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    with pytest.raises(PlatformError, match="expected an MLflow server") as error:
        Tracking(f"http://user:secret@127.0.0.1:{port}", "hcc-demo")

    assert "secret" not in str(error.value)
    assert error.value.exit_code == 4


def test_a_file_that_is_no_database_is_a_platform_error(tmp_path):
    (tmp_path / "mlflow.db").write_text("this is no database, only text\n" * 100)

    with pytest.raises(PlatformError, match="file is not a database"):
        Tracking(f"sqlite:///{tmp_path / 'mlflow.db'}", "hcc-demo")


def test_opening_the_store_prints_nothing(tmp_path, capfd):
    Tracking(f"sqlite:///{tmp_path / 'new' / 'mlflow.db'}", "hcc-demo")

    assert capfd.readouterr() == ("", "")


def test_the_open_runs_of_a_process_are_found_and_closed_with_all_below(tracking):
    study = tracking.study_run("k", name="study", tags={PROCESS_TAG: "host 1 2.00"})
    backbone = tracking.child_run(study, "k/resnet18", name="resnet18")
    done = tracking.child_run(backbone, "k/resnet18-0", name="resnet18-0")
    trial = tracking.child_run(backbone, "k/resnet18-1", name="resnet18-1")
    other = tracking.study_run("other", name="other", tags={})
    tracking.finish(done)
    assert tracking.running_by() == {study: "host 1 2.00"}

    tracking.finish_nested(study, "KILLED")

    found = {run: tracking.client.get_run(run).info.status for run in (study, backbone, trial)}
    assert set(found.values()) == {"KILLED"}
    assert tracking.client.get_run(done).info.status == "FINISHED"
    assert tracking.client.get_run(other).info.status == "RUNNING"
    assert tracking.running_by() == {}
