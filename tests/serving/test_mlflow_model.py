"""The registered models asked in this process."""

import json

import mlflow
import pandas as pd
import pytest

from components.prediction.recommender import CONTRAST_NOT_ASSESSED
from components.serving.mlflow_model import InputRefused
from components.study.vocabulary import TreatmentArm

GOOD = {"bclc_stage": "B", "tumor_diameter_cm": 7.3, "dl_signature": 0.4}


def load(version):
    return mlflow.pyfunc.load_model(version.model_uri)


@pytest.fixture(scope="module")
def nomogram_model(registered):
    _, versions, _ = registered
    return load(versions[TreatmentArm.TACE])


def test_rows_are_answered_in_order_as_json_without_nan(nomogram_model):
    rows = pd.DataFrame([GOOD, {**GOOD, "bclc_stage": "C"}, {**GOOD, "dl_signature": -4.0}])

    said = nomogram_model.predict(rows)
    text = json.dumps(said, allow_nan=False)

    assert said[0]["points"]["bclc_stage"] < said[1]["points"]["bclc_stage"]
    assert json.loads(text) == said
    assert said[2]["median_survival_days"] is None
    assert said[2]["median_survival"] == "not reached"
    assert said[0]["not_estimable"] == {"1095": "only 2 patients at risk"}


def test_a_refusal_names_the_row_and_keeps_to_its_words(nomogram_model):
    rows = pd.DataFrame([GOOD, {**GOOD, "bclc_stage": "Q77"}])

    with pytest.raises(InputRefused) as refusal:
        nomogram_model.predict(rows)
    refusal.value.message = "Failed to predict data 'Q77'"  # what MLflow's server does

    answer = json.loads(refusal.value.serialize_as_json())
    assert answer["message"] == "row 2: predictor 'bclc_stage': expected one of A, B, C"
    assert refusal.value.get_http_status_code() == 400


def test_the_recommender_answers_for_both_arms_and_claims_no_contrast(registered):
    _, _, recommender = registered

    (said,) = load(recommender).predict(pd.DataFrame([GOOD]))

    assert set(said["arms"]) == {"hepatectomy", "tace"}
    assert set(said["arms"]["hepatectomy"]["survival"]) == {"365", "730", "1095"}
    assert said["contrast"] == CONTRAST_NOT_ASSESSED
    assert said["data_origin"] == "synthetic"
    assert said["notice"].startswith("data_origin: synthetic")
    assert (said["dl_signature"], said["dl_probability"]) == (0.4, None)


def test_a_recommender_without_a_network_asks_for_the_signature(registered):
    _, _, recommender = registered

    with pytest.raises(InputRefused, match="predictor 'dl_signature' is missing"):
        load(recommender).predict(
            pd.DataFrame([{**GOOD, "dl_signature": None}]).astype({"dl_signature": "float64"})
        )
