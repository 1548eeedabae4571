"""`armwise prune`: what is removed is what was shown, and nothing kept misses anything."""

import os
import time

import mlflow
import pytest

from components.platform.champion import repair
from components.platform.tracking import Tracking
from components.study.results import ArtifactRef
from flows.pruning import carry_out, plan_pruning
from flows.record import RunRecord, write_record
from flows.settings import Settings
from tests.flows.conftest import armwise

DAY_S = 86_400


def write(path, text="something"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def files_of(folder):
    return {str(path) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def home(tmp_path):
    """A home with one finished run of a kept step, and debris beside all that it names."""
    folder = tmp_path / ".armwise"
    kept = write(folder / "steps/cohort-new/cohort.parquet")
    crop = write(folder / "crops/ab/abc.npy")
    network = write(folder / "search/one/trials/best/epoch-0002/fold-0.safetensors")
    named = [ArtifactRef.of(path).to_json() for path in (crop, network)]
    write(folder / "results/armwise-crops-new", f'{{"result": {{"crops": [{", ".join(named)}]}}}}')
    record = RunRecord(
        key="k",
        data_md5="d.dir",
        protocol_hash="p",
        run_id="none",
        files=(ArtifactRef.of(kept),),
        versions={},
        facts={},
        steps={"cohort": "new", "crops": "new"},
    )
    write_record(folder, record)
    write(folder / "test_readings.jsonl")
    write(folder / "dvc-remote/files/md5/aa/bb")
    return folder


def debris(home):
    return [
        write(home / "steps/cohort-old/cohort.parquet"),
        write(home / "crops/ab/abd.npy"),
        write(home / "crops/ab/abd.npy.77.part"),
        write(home / "radiomics/ab/abd.json"),
        write(home / "search/one/trials/lost/state.json"),
        write(home / "results/armwise-crops-old", "{}"),
        write(home / "logs/retrain-1.log"),
    ]


def test_what_a_kept_record_names_stays_and_the_rest_goes(home, tmp_path):
    kept = files_of(home)
    gone = debris(home)
    plan = plan_pruning(Settings(study_dir=tmp_path), None, older_than_days=0, data_cache=False)
    assert plan.n_bytes == sum(path.stat().st_size for path in gone)
    carry_out(plan, None)
    assert files_of(home) == kept


def test_what_is_young_stays(home, tmp_path):
    gone = debris(home)
    old = time.time() - 10 * DAY_S
    for path in (gone[0], gone[0].parent):
        os.utime(path, (old, old))
    before = files_of(home)
    plan = plan_pruning(Settings(study_dir=tmp_path), None, older_than_days=7, data_cache=False)
    carry_out(plan, None)
    assert before - files_of(home) == {str(gone[0])}


@pytest.mark.slow
def test_a_retrained_study_loses_only_what_was_shown(smoke_study):
    folder, home = smoke_study.folder, smoke_study.folder / ".armwise"
    tracking = Tracking(
        f"sqlite:///{home / 'mlflow.db'}", "hcc-smoke", artifact_root=home / "mlartifacts"
    )
    assert repair(tracking, home=home) == ()
    failed = tracking.study_run("abandoned", name="a failed one", tags={})
    child = tracking.child_run(failed, "abandoned/child", name="its child")
    tracking.log_text(failed, "half a report", "report.html")
    tracking.finish(child)
    tracking.finish(failed, "FAILED")
    stale = tracking.study_run("stale", name="a stale one", tags={})
    orphan = write(home / "mlartifacts" / "0123abc" / "artifacts" / "lost.txt")
    old = debris(home)
    versions = tracking.client.search_model_versions()
    before = files_of(folder)

    shown = armwise("prune", "--older-than", "0", study=folder)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "Nothing was removed" in shown.stdout
    for said in ("a failed one (FAILED)", "its child", "a stale one (RUNNING)", "0123abc"):
        assert said in shown.stdout, shown.stdout
    assert {str(path) for path in (*old, orphan)} <= files_of(folder)

    done = armwise("prune", "--older-than", "0", "--yes", study=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Removed: 3 runs" in done.stdout
    gone = before - files_of(folder)
    assert {str(path) for path in (*old, orphan)} <= gone
    assert not any("dvc-remote" in path or "/finished/" in path for path in gone)
    assert not [run for run in (failed, child, stale) if tracking.has_run(run)]
    assert not (home / "mlartifacts" / failed).exists()

    again = armwise("retrain", "--protocol", "smoke", study=folder)
    assert "Nothing has changed" in again.stdout, again.stdout + again.stderr
    for version in versions:
        assert mlflow.pyfunc.load_model(f"models:/{version.name}/{version.version}")
    empty = armwise("prune", study=folder)
    assert "can go" in empty.stdout


def test_nothing_is_cleared_beside_a_running_retraining(home, tmp_path):
    from flows.alone import alone

    with alone(home, say=pytest.fail):
        done = armwise("prune", "--yes", "--older-than", "0", study=tmp_path)
    assert done.returncode == 4
    assert "nothing is cleared beside it" in done.stderr
