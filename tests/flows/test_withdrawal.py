"""A patient's withdrawal from a study with versions, caches, records and databases."""

import gzip
import io
import json
import os
import shutil
import sqlite3
import zipfile

import numpy as np
import pandas as pd
import pytest

from components.errors import DataError, UsageError
from components.platform.data_version import recorded_md5
from components.platform.data_workspace import site_cache_dir
from components.platform.tracking import Tracking
from components.platform.trained_models import WITHDRAWN_TAG
from components.platform.withdrawal_ledger import is_withdrawn
from components.study.results import ArtifactRef
from flows import withdrawal
from flows.step_journal import note_step
from tests.flows.commands import command
from tests.platform.small_study import HIM, PATIENTS, change_cell, make_study

# The configuration library below DVC asks its own parser in a way that it will give up.
pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value will soon:DeprecationWarning")
KEY = "a study key of some length"
OTHERS = [patient for patient in PATIENTS if patient != HIM]


@pytest.fixture(autouse=True)
def own_environment():
    """The study's key, and what the commands set for the platforms goes again."""
    before = dict(os.environ)
    os.environ["ARMWISE_STUDY_KEY"] = KEY
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def retrained(tmp_path_factory):
    """A study with two versions and a home as a retraining on the first one leaves it."""
    study = make_study(tmp_path_factory.mktemp("withdrawal") / "study")
    home = study / ".armwise"
    write_home(study, home)
    before = dict(os.environ)
    os.environ["ARMWISE_STUDY_KEY"] = KEY
    change_cell(study, PATIENTS[0], age_years=90.0)
    command(study, "data", "add", "-m", f"A correction, not of {HIM}")
    command(study, "data", "push")
    os.environ.clear()
    os.environ.update(before)
    return study


@pytest.fixture
def study(retrained):
    """Its own copy in the same place: results of steps hold absolute paths."""
    kept = retrained.with_name("kept")
    shutil.copytree(retrained, kept)
    yield retrained
    shutil.rmtree(retrained)
    kept.rename(retrained)


def write_home(study, home):
    """Steps of a run with him and of one without, MLflow and Prefect, records and logs."""
    crops = {patient: crop(home, patient) for patient in PATIENTS}
    result(home, "crops-aaaa", {"crops": crops, "quarantined": []})
    result(home, "cohort-aaaa", {"scores": [1, 2]})  # positions alone, but of his run
    result(home, "crops-bbbb", {"crops": {PATIENTS[0]: crops[PATIENTS[0]]}})
    for step, key, run in (("crops", "aaaa", "1"), ("cohort", "aaaa", "1"), ("crops", "bbbb", "2")):
        note_step(home, run_id=run, step=step, key=key, known=False, seconds=1)
    folder = home / "steps" / "cohort-aaaa"
    folder.mkdir(parents=True)
    pd.DataFrame({"arm": "tace"}, index=pd.Index(PATIENTS)).to_parquet(folder / "cohort.parquet")
    for name, text in (
        ("import_key.csv", "pseudonym,patient_id\r\n" + "".join(f"{p},x\r\n" for p in PATIENTS)),
        (f"imported/{HIM}/record.json", "{}"),
        (f"imported/{PATIENTS[0]}/record.json", "{}"),
        ("logs/retrain-1.log", f"patient {HIM}: late\nanother line\n"),
        ("finished/1.json", json.dumps({"facts": {"summary": f"{HIM}: late\nall else"}})),
    ):
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (home / "import_key.csv").chmod(0o600)
    (home / "prefect").mkdir()
    with sqlite3.connect(home / "prefect/prefect.db") as connection:
        connection.execute("CREATE TABLE artifact (data TEXT)")
        rows = [(json.dumps([{"patient": patient, "reason": "late"}]),) for patient in PATIENTS]
        connection.executemany("INSERT INTO artifact VALUES (?)", rows)
    connection.close()
    record_in_mlflow(study, home)


def crop(home, patient):
    path = home / "crops" / patient[-3:] / f"{patient[::-1]}.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.zeros(3))
    return ArtifactRef.of(path).model_dump()


def result(home, name, content):
    path = home / "results" / f"armwise-{name}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"metadata": {}, "result": json.dumps(content)}))


def record_in_mlflow(study, home):
    root = home / "mlartifacts"
    tracking = Tracking(f"sqlite:///{home / 'mlflow.db'}", "study", artifact_root=root)
    md5 = recorded_md5(study)
    tags = {"armwise.quarantined": f"{HIM}: late; {PATIENTS[0]}: early", "data_md5": md5}
    run = tracking.study_run("key", name="retrain", tags=tags)
    tracking.log_text(run, f"<tr><td>{HIM}</td></tr><tr><td>others</td></tr>", "report.html")
    for name, version_md5 in (("with-him", md5), ("without", "f" * 32 + ".dir")):
        tracking.client.create_registered_model(name)
        source = tracking.client.get_run(run).info.artifact_uri
        tracking.client.create_model_version(name, source, tags={"data_md5": version_md5})
    tracking.finish(run)


def traces(folder, word):
    """Everything below a folder that holds a word: as it is, unpacked, or in a table's cell.

    Written apart from what is tested.
    """
    return [
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if word in path.name or (path.is_file() and word.encode() in unpacked(path.read_bytes()))
    ]


def unpacked(content):
    if content[:2] == b"\x1f\x8b":
        content += gzip.decompress(content)
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            content += b"".join(archive.read(name) for name in archive.namelist())
    if content[:4] == b"PAR1":
        table = pd.read_parquet(io.BytesIO(content)).reset_index()
        content += table.to_csv().encode()
    return content


def others_of(study):
    """All that is known of the others in the data folder."""
    data = study / "data"
    tables = {
        path.name: pd.read_parquet(path).set_index("patient_id").loc[OTHERS].to_json()
        for path in data.glob("*.parquet")
    }
    files = {
        one: [p.read_bytes() for p in sorted((data / "images" / one).iterdir())] for one in OTHERS
    }
    changes = (data / "changes.jsonl").read_text().splitlines()
    return tables, files, [line for line in changes if HIM not in line]


def test_purging_leaves_no_byte_of_him_and_everything_of_the_others(study):
    assert len(traces(study, HIM)) > 20
    remembered = site_cache_dir(study)  # DVC's, outside of the study's folder
    assert traces(remembered, HIM)
    before = others_of(study)

    said = command(study, "withdraw", HIM, "--purge-history", "--yes")

    assert traces(study, HIM) == traces(remembered, HIM) == []
    assert others_of(study) == before
    assert "with-him 1" in said
    assert "cannot be told, their data version is nowhere to be had: without 1" in said
    assert (study / ".armwise/import_key.csv").stat().st_mode & 0o777 == 0o600
    assert is_withdrawn(study / ".armwise", HIM, study_key=KEY)
    assert not is_withdrawn(study / ".armwise", PATIENTS[0], study_key=KEY)


def test_caches_of_his_runs_go_and_what_others_need_stays(study):
    home = study / ".armwise"
    command(study, "withdraw", HIM, "--yes")

    assert [path.name for path in (home / "results").iterdir()] == ["armwise-crops-bbbb"]
    assert list((home / "steps").iterdir()) == []
    crops = {path.stem[::-1] for path in (home / "crops").rglob("*.npy")}
    assert crops == {*OTHERS}
    assert [path.name for path in (home / "imported").iterdir()] == [PATIENTS[0]]
    assert (home / "logs/retrain-1.log").read_text() == "another line\n"
    facts = json.loads((home / "finished/1.json").read_text())["facts"]
    assert facts["summary"] == "all else"


def test_mlflow_and_prefect_keep_what_is_not_his_and_mark_the_models(study):
    command(study, "withdraw", HIM, "--yes")

    home = study / ".armwise"
    tracking = Tracking(f"sqlite:///{home / 'mlflow.db'}", "study")
    run = tracking.find_run("key")
    assert run.data.tags["armwise.quarantined"] == f"(withdrawn): late; {PATIENTS[0]}: early"
    assert tracking.client.get_model_version("with-him", "1").tags[WITHDRAWN_TAG] == "yes"
    assert WITHDRAWN_TAG not in tracking.client.get_model_version("without", "1").tags
    (report,) = (home / "mlartifacts").rglob("report.html")
    assert report.read_text() == "<tr><td>others</td></tr>"
    with sqlite3.connect(home / "prefect/prefect.db") as connection:
        rows = [json.loads(row[0]) for row in connection.execute("SELECT data FROM artifact")]
    connection.close()
    assert sorted(row[0]["patient"] for row in rows if row) == OTHERS


def test_versions_with_him_are_marked_and_the_new_one_is_whole(study):
    command(study, "withdraw", HIM, "--purge-history", "--yes")

    history = command(study, "data", "history")
    assert history.count("reproducible: a") == 2
    assert "a patient withdrew" in history
    assert "Hepatectomy 3" in history
    assert "holds it whole, every byte read and right" in command(study, "data", "status")
    with pytest.raises(DataError, match="armwise data history"):
        command(study, "data", "diff", "1", "2")
    shutil.rmtree(study / "data")
    shutil.rmtree(study / ".dvc" / "cache")
    command(study, "data", "pull")
    assert traces(study, HIM) == []


def test_without_purging_the_older_versions_stay_and_are_not_let_back_in(study):
    said = command(study, "withdraw", HIM, "--yes")

    assert "2 older data versions still hold him (--purge-history)" in said
    beside = {".armwise/dvc-remote", ".dvc/cache"}
    assert all(any(found.startswith(one) for one in beside) for found in traces(study, HIM))
    with pytest.raises(DataError, match=f"patient {HIM} withdrew"):
        command(study, "data", "pull", "1")
    command(study, "withdraw", HIM, "--purge-history", "--yes")
    assert traces(study, HIM) == []


@pytest.mark.parametrize(
    "cut_off_in",
    ["record_without", "purge", "erase", "end"],
)
def test_a_withdrawal_that_was_killed_is_finished_and_keeps_others_waiting(
    study, monkeypatch, cut_off_in
):
    def killed(*arguments, **named):
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(withdrawal, cut_off_in, killed)
        with pytest.raises(AssertionError):
            command(study, "withdraw", HIM, "--purge-history", "--yes")
    with pytest.raises(DataError, match="--resume"):
        command(study, "data", "add", "-m", "x")
    with pytest.raises(UsageError, match="finish it first"):
        command(study, "withdraw", PATIENTS[0], "--yes")
    command(study, "withdraw", "--resume", "--yes")

    assert traces(study, HIM) == []
    assert command(study, "data", "history").count("reproducible: a") == 2
    with pytest.raises(UsageError, match="found none"):
        command(study, "withdraw", "--resume")


def test_nothing_goes_before_it_was_agreed_to_and_files_of_the_user_never(study):
    (study / "notes.txt").write_text(f"ask about {HIM}")
    before = traces(study, HIM)
    assert "Nothing was removed." in command(study, "withdraw", HIM)
    assert traces(study, HIM) == before

    said = command(study, "withdraw", HIM, "--purge-history", "--yes")

    assert "files of yours notes.txt" in said
    assert traces(study, HIM) == ["notes.txt"]


def test_who_is_nowhere_or_of_an_unversioned_folder_is_refused(study, monkeypatch):
    with pytest.raises(UsageError, match="no patient NOBODY is anywhere"):
        command(study, "withdraw", "NOBODY", "--yes")
    change_cell(study, PATIENTS[0], age_years=20.0)
    with pytest.raises(UsageError, match="changes that are no version yet"):
        command(study, "withdraw", HIM, "--yes")
    monkeypatch.delenv("ARMWISE_STUDY_KEY")
    with pytest.raises(UsageError, match="ARMWISE_STUDY_KEY"):
        command(study, "withdraw", HIM, "--yes")
