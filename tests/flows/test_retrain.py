"""The whole job on a tiny cohort, as a user runs it, and everything that it must leave behind."""

import json
import os
import re
import sqlite3
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient

from components.nomogram.nomogram import Nomogram
from tests.flows.conftest import ARMWISE, armwise
from tests.flows.served_model import a_patient, ask, serving

pytestmark = pytest.mark.slow

BACKBONES = ("resnet18", "resnet50", "densenet121")


@pytest.fixture(scope="module")
def client(smoke_study):
    uri = f"sqlite:///{smoke_study.folder / '.armwise' / 'mlflow.db'}"
    mlflow.set_tracking_uri(uri)
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


@pytest.fixture(scope="module")
def record(smoke_study):
    (path,) = (smoke_study.folder / ".armwise" / "finished").glob("*.json")
    return json.loads(path.read_text())


def runs_by_level(client):
    (experiment,) = [e for e in client.search_experiments() if e.name == "hcc-smoke"]
    runs = client.search_runs([experiment.experiment_id], max_results=1000)
    return {
        level: [run for run in runs if run.data.tags.get("armwise.level") == level]
        for level in ("study", "backbone", "trial")
    }


def test_bad_patients_are_named_in_summary_run_and_report(smoke_study, client, record):
    run = client.get_run(record["run_id"])
    report = Path(record["facts"]["report"]).read_text()
    for patient, word in smoke_study.bad.items():
        assert patient in smoke_study.output
        assert patient in run.data.tags["armwise.quarantined"]
        assert patient in report
        (reason,) = re.findall(rf"{patient}: ([^;]+)", run.data.tags["armwise.quarantined"])
        assert word in reason, reason


def test_runs_are_nested_finished_and_none_is_doubled(client):
    levels = runs_by_level(client)
    assert [len(levels[level]) for level in ("study", "backbone", "trial")] == [1, 3, 6]
    (study,) = levels["study"]
    assert all(run.info.status == "FINISHED" for runs in levels.values() for run in runs)
    parents = {run.info.run_id: run.data.params["backbone"] for run in levels["backbone"]}
    assert set(parents.values()) == set(BACKBONES)
    for run in levels["backbone"]:
        assert run.data.tags["mlflow.parentRunId"] == study.info.run_id
    for run in levels["trial"]:
        assert parents[run.data.tags["mlflow.parentRunId"]] == run.data.params["backbone"]


def test_the_backbones_can_be_compared_metric_by_metric(client):
    # Scores that say nothing of the label, as after two epochs, have no finite temperature.
    at_times = {"oof/pooled/dl_probability/temperature"}
    names = [set(run.data.metrics) - at_times for run in runs_by_level(client)["backbone"]]
    assert names[0] == names[1] == names[2]
    assert "oof/mean_of_arms/dl_probability/tuning_target" in names[0]


def test_the_registry_holds_models_with_lineage_and_no_pickle(smoke_study, client, record):
    assert set(record["versions"]) == {
        "armwise-backbone",
        "armwise-nomogram-hepatectomy",
        "armwise-nomogram-tace",
        "armwise-recommender",
    }
    for name, version in record["versions"].items():
        tags = client.get_model_version(name, version).tags
        assert tags["data_origin"] == "synthetic"
        assert tags["data_md5"] == record["data_md5"]
        assert tags["protocol_hash"] == record["protocol_hash"]
        assert {"git_commit", "split_hash", "study_id"} <= set(tags)
    kept = [p for p in (smoke_study.folder / ".armwise" / "mlartifacts").rglob("*") if p.is_file()]
    assert any(path.name == "weights.safetensors" for path in kept)
    assert any(path.suffix == ".whl" for path in kept)
    assert not [path for path in kept if path.suffix in {".pkl", ".pickle", ".pt", ".pth"}]


def test_the_gate_gives_its_reasons(smoke_study, client, record):
    tags = client.get_run(record["run_id"]).data.tags
    assert tags["armwise.gate"] in {"promote", "cannot decide", "worse"}
    assert tags["armwise.gate_reasons"].count("calibration slope") == 2
    champion = "champion" in client.get_registered_model("armwise-recommender").aliases
    assert champion == (tags["armwise.gate"] == "promote")
    assert "Promotion: " + tags["armwise.gate"] in smoke_study.output


def test_report_and_data_docs_are_logged_and_marked_synthetic(client, record):
    kept = {item.path for item in client.list_artifacts(record["run_id"])}
    assert {"report.html", "data_docs", "nomograms"} <= kept
    report = Path(record["facts"]["report"]).read_text()
    assert "synthetic" in report.lower()
    assert not re.findall(r'(?:src|href)="https?://', report.replace('href="https://doi.org', ""))


def test_a_nomogram_has_the_survival_of_its_model(smoke_study):
    found = list((smoke_study.folder / ".armwise" / "steps").glob("nomograms-*/*.json"))
    assert len(found) == 2
    for path in found:
        nomogram = Nomogram.from_json(path.read_bytes())
        lowest, highest = nomogram.total_points_range
        total = (lowest + highest) / 2
        for horizon in nomogram.horizons_days:
            lp = nomogram.linear_predictor([total])
            exact = nomogram.model.survival_at(lp, [horizon])[0, 0]
            assert nomogram.survival([total], horizon)[0] == pytest.approx(exact, abs=1e-9)
        assert path.with_suffix(".svg").is_file()
        assert path.with_suffix(".png").is_file()


def test_the_test_patients_were_read_once_and_judged_once(smoke_study):
    lines = (smoke_study.folder / ".armwise" / "test_readings.jsonl").read_text().splitlines()
    purposes = [json.loads(line)["purpose"] for line in lines]
    assert len(set(purposes)) == len(purposes)
    with_outcome = [purpose for purpose in purposes if "no outcome" not in purpose]
    assert len(with_outcome) == 2
    assert len(purposes) == 3


def test_nothing_changed_is_said_and_nothing_repeated(smoke_study):
    database = smoke_study.folder / ".armwise" / "mlflow.db"
    before = database.stat().st_mtime_ns
    done = armwise("retrain", "--protocol", "smoke", study=smoke_study.folder)
    assert done.returncode == 0, done.stderr
    assert "Nothing has changed" in done.stdout
    assert "Promotion: " in done.stdout
    assert database.stat().st_mtime_ns == before


def test_what_vanished_is_made_again_and_nothing_else(smoke_study, record):
    report = Path(record["facts"]["report"])
    report.unlink()
    done = armwise("retrain", "--protocol", "smoke", study=smoke_study.folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "vanished" in done.stdout
    assert report.is_file()
    for step in ("Backbone search", "Refit and features", "Registry and promotion"):
        assert re.search(rf"{step} +known, not repeated", done.stdout), done.stdout
    with sqlite3.connect(smoke_study.folder / ".armwise" / "mlflow.db") as database:
        (versions,) = database.execute("SELECT count(*) FROM model_versions").fetchone()
    assert versions == 4


@pytest.fixture(scope="module")
def served(smoke_study, record):
    """The hepatectomy nomogram, served by the command that the summary names."""
    version = record["versions"]["armwise-nomogram-hepatectomy"]
    model = f"models:/armwise-nomogram-hepatectomy/{version}"
    output = smoke_study.output.replace("@champion", f"/{version}")
    assert f"armwise serve {model}" in output
    assert f"models serve -m {model} --env-manager local" in output
    elsewhere = {**os.environ, "MLFLOW_REGISTRY_URI": f"sqlite:///{smoke_study.folder}/other.db"}
    with serving(ARMWISE, model, study=smoke_study.folder, environment=elsewhere) as port:
        yield port


def test_a_served_nomogram_answers_and_refuses_without_echo(smoke_study, served):
    (path,) = (smoke_study.folder / ".armwise" / "steps").glob("nomograms-*/*hepatectomy.json")
    nomogram = Nomogram.from_json(path.read_bytes())
    row = a_patient(nomogram)
    status, text = ask(served, row)
    assert status == 200, text
    (answer,) = json.loads(text)["predictions"]
    assert answer["total_points"] == pytest.approx(sum(answer["points"].values()))
    assert answer["data_origin"] == "synthetic"
    name = next(iter(row))
    status, text = ask(served, {k: v for k, v in row.items() if k != name})
    assert status == 400
    assert name in text
    status, text = ask(served, {**row, "bclc_stage": "Zebra"})
    assert status == 400
    assert "bclc_stage" in text
    assert "Zebra" not in text
