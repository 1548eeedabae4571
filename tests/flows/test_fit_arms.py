"""`armwise fit-arms`, as a user types it, on small tables."""

import json
import re
import sqlite3

import pandas as pd
import pytest

from components.nomogram.nomogram import Nomogram
from components.study.vocabulary import ModelKind
from flows.record import RunRecord
from tests.flows.conftest import armwise
from tests.flows.tables import write_tables

pytestmark = pytest.mark.slow


def options(paths, *names):
    return [part for name in names for part in (f"--{name}", str(paths[name]))]


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The tables with features, fitted and published; the folder, its files and the output."""
    folder = tmp_path_factory.mktemp("tables")
    paths = write_tables(folder)
    done = armwise(
        "fit-arms",
        *options(paths, "clinical", "features", "columns", "protocol"),
        "--publish",
        study=folder,
    )
    logs = "".join(path.read_text()[-3000:] for path in (folder / ".armwise/logs").glob("*.log"))
    assert done.returncode == 0, done.stdout + done.stderr + logs
    return folder, paths, done.stdout


def record_of(folder):
    (path,) = (folder / ".armwise" / "finished").glob("*.json")
    return RunRecord.from_json(path.read_bytes())


def test_the_summary_names_who_was_left_out_and_why(published):
    _, _, output = published
    said = re.sub(r"\s+", " ", output)
    assert "age 18 years or above: not met by T004" in said
    assert "features known: not met by T154, T155, T156, T157, T158, T159" in said
    assert "months" in said
    assert "synthetic" in said


def test_both_nomograms_have_the_signature_and_the_study_s_own_predictor(published):
    folder, _, _ = published
    files = sorted((folder / ".armwise/steps").glob("nomograms-*/nomogram-*.json"))
    found = [Nomogram.from_json(path.read_bytes()) for path in files]
    assert [one.arm.value for one in found] == ["hepatectomy", "tace"]
    for one in found:
        assert one.model_kind is ModelKind.COMBINED
        assert {"ascites", "dl_signature"} <= {axis.name for axis in one.model.predictors}


def test_what_was_published_stands_under_the_study_s_own_name(published):
    folder, _, _ = published
    record = record_of(folder)
    assert set(record.versions) == {
        "armwise-nomogram-hepatectomy",
        "armwise-nomogram-tace",
        "armwise-recommender",
    }
    with sqlite3.connect(folder / ".armwise/mlflow.db") as store:
        tags = store.execute(
            "SELECT DISTINCT value FROM model_version_tags WHERE key = 'study_id'"
        ).fetchall()
        running = store.execute("SELECT count(*) FROM runs WHERE status = 'RUNNING'").fetchone()
    assert tags == [("small-tables",)]
    assert running == (0,)


def test_diameters_came_in_millimetres_and_are_centimetres(published):
    folder, paths, _ = published
    sheet = pd.read_csv(paths["clinical"]).set_index("case")
    (path,) = (folder / ".armwise/steps").glob("cohort-*/cohort.parquet")
    cohort = pd.read_parquet(path)
    expected = sheet.loc[cohort.index, "size"] / 10
    assert cohort["tumor_diameter_cm"].to_list() == pytest.approx(expected.to_list())


def test_run_again_it_says_that_nothing_has_changed(published):
    folder, paths, _ = published
    done = armwise(
        "fit-arms",
        *options(paths, "clinical", "features", "columns", "protocol"),
        "--publish",
        study=folder,
    )
    assert done.returncode == 0
    assert "Nothing has changed" in done.stdout


def test_clinical_tables_alone_give_clinical_nomograms_and_register_nothing(tmp_path):
    paths = write_tables(tmp_path)
    done = armwise("fit-arms", *options(paths, "clinical", "columns", "protocol"), study=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    record = record_of(tmp_path)
    assert record.versions == {}
    report = (tmp_path / ".armwise/steps").glob("report-*/report.html")
    page = next(report).read_text()
    assert "no signature was given" in page
    assert "Backbones" not in page
    assert json.loads(record.to_json())["facts"]["verdict"] == "not published"


def test_a_column_that_is_not_there_is_one_message_and_registers_nothing(tmp_path):
    paths = write_tables(tmp_path)
    paths["columns"].write_text(paths["columns"].read_text().replace("column: size", "column: siz"))
    done = armwise(
        "fit-arms", *options(paths, "clinical", "columns", "protocol"), "--publish", study=tmp_path
    )
    assert done.returncode == 3
    assert "siz" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
