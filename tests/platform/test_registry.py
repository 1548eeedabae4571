"""Versions in a real MLflow registry."""

from pathlib import Path

import mlflow
import pandas as pd
import pytest
import yaml

from components.platform.registry import registering
from components.prediction.row import predict_row
from components.study.vocabulary import TreatmentArm

ROW = pd.DataFrame({"bclc_stage": ["B"], "tumor_diameter_cm": [7.3], "dl_signature": [0.4]})


def register(tracking, home, run_id, lineage, nomograms):
    with registering(tracking, home=home, run_id=run_id, lineage=lineage) as registration:
        versions = {
            arm: registration.nomogram(nomogram, card=f"# {arm.label}")
            for arm, nomogram in nomograms.items()
        }
        pairs = {arm: (versions[arm], nomograms[arm]) for arm in nomograms}
        recommender = registration.recommender(pairs, backbone=None, card="# Both")
    return versions, recommender


def all_versions(tracking):
    return tracking.client.search_model_versions()


def test_a_nomogram_is_served_by_number_with_the_same_survival(
    tracking, home, run_id, lineage, nomograms
):
    versions, _ = register(tracking, home, run_id, lineage, nomograms)
    arm = TreatmentArm.HEPATECTOMY

    model = mlflow.pyfunc.load_model(versions[arm].model_uri)
    (said,) = model.predict(ROW)

    expected = predict_row(nomograms[arm], ROW.iloc[0].to_dict())
    assert versions[arm].model_uri == "models:/armwise-nomogram-hepatectomy/1"
    assert said["survival"] == {str(k): v for k, v in expected.survival.items()}
    assert said["notice"].startswith("data_origin: synthetic")


def test_a_version_says_where_it_comes_from(tracking, home, run_id, lineage, nomograms):
    versions, _ = register(tracking, home, run_id, lineage, nomograms)
    version = versions[TreatmentArm.TACE]

    found = tracking.client.get_model_version(version.name, version.version)

    assert found.run_id == run_id
    assert found.description == "# TACE"
    for key, value in lineage.model_dump(mode="json").items():
        assert found.tags[key] == value
    assert (found.tags["arm"], found.tags["nomogram_kind"]) == ("tace", "combined")
    assert found.tags["armwise.sha256"] == version.sha256
    assert found.tags["run_id"] == run_id


def test_nothing_in_a_model_is_a_pickle_and_the_wheel_lies_beside_it(
    tracking, home, run_id, lineage, nomograms
):
    versions, _ = register(tracking, home, run_id, lineage, nomograms)
    folder = Path(mlflow.artifacts.download_artifacts(versions[TreatmentArm.TACE].model_uri))
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}

    assert "artifacts/content/nomogram.json" in files
    assert "artifacts/attached/card.md" in files
    assert [name for name in files if name.endswith(".whl")]
    assert not [name for name in files if name.endswith((".pkl", ".pickle", ".pt", ".pth"))]
    described = yaml.safe_load((folder / "MLmodel").read_text())
    assert described["flavors"]["python_function"]["model_code_path"].endswith("/model.py")
    assert described["flavors"]["python_function"].get("code") is None
    assert "components.serving.mlflow_model" in (folder / "model.py").read_text()
    assert "numpy==" in (folder / "requirements.txt").read_text()


def test_inputs_are_typed_and_carry_their_units(tracking, home, run_id, lineage, nomograms):
    versions, _ = register(tracking, home, run_id, lineage, nomograms)

    signature = mlflow.models.get_model_info(versions[TreatmentArm.TACE].model_uri).signature

    assert {column.name: column.type.name for column in signature.inputs} == {
        "bclc_stage": "string",
        "tumor_diameter_cm": "double",
        "dl_signature": "double",
    }


def test_metrics_are_linked_to_the_model(tracking, home, run_id, lineage, nomograms):
    name = "test/tace/combined/c_uno"
    with registering(tracking, home=home, run_id=run_id, lineage=lineage) as registration:
        made = registration.nomogram(nomograms[TreatmentArm.TACE], card="#", metrics={name: 0.7})

    (logged,) = tracking.client.search_logged_models([tracking.experiment_id])
    assert logged.name == made.name
    assert {metric.key: metric.value for metric in logged.metrics} == {name: 0.7}


def test_a_failure_midway_leaves_nothing(tracking, home, run_id, lineage, nomograms):
    def fail_midway():
        with registering(tracking, home=home, run_id=run_id, lineage=lineage) as registration:
            registration.nomogram(nomograms[TreatmentArm.TACE], card="#")
            assert len(all_versions(tracking)) == 1
            raise RuntimeError("midway")

    with pytest.raises(RuntimeError, match="midway"):
        fail_midway()

    assert not all_versions(tracking)
    assert not tracking.client.search_registered_models()
    assert not tracking.client.search_logged_models([tracking.experiment_id])


def test_a_failure_keeps_what_earlier_runs_registered(tracking, home, run_id, lineage, nomograms):
    register(tracking, home, run_id, lineage, nomograms)
    other = tracking.study_run("other", name="study", tags={})

    def fail_midway():
        with registering(tracking, home=home, run_id=other, lineage=lineage) as registration:
            registration.nomogram(nomograms[TreatmentArm.TACE], card="#")
            raise RuntimeError("midway")

    with pytest.raises(RuntimeError, match="midway"):
        fail_midway()

    assert len(all_versions(tracking)) == 3


def test_a_resumed_run_finds_its_versions_again(tracking, home, run_id, lineage, nomograms):
    first = register(tracking, home, run_id, lineage, nomograms)
    again = register(tracking, home, run_id, lineage, nomograms)

    assert again == first
    assert len(all_versions(tracking)) == 3


def test_equal_content_of_another_run_is_another_version_with_the_same_digest(
    tracking, home, run_id, lineage, nomograms
):
    _, first = register(tracking, home, run_id, lineage, nomograms)
    other = tracking.study_run("other", name="study", tags={})
    versions, second = register(tracking, home, other, lineage, nomograms)

    assert second.version == "2"
    assert versions[TreatmentArm.TACE].version == "2"
    # The recommender pins other versions; its own content therefore differs.
    assert second.sha256 != first.sha256
