"""Both arms' prognosis together."""

import pytest

from components.prediction.errors import PredictionError
from components.prediction.recommender import (
    CONTRAST_NOT_ASSESSED,
    SYNTHETIC_NOTICE,
    recommend,
)
from components.prediction.row import predict_row

ROW = {"bclc_stage": "B", "tumor_diameter_cm": 7.3, "dl_signature": 0.4}


def test_each_arm_answers_as_its_own_nomogram(nomograms):
    said = recommend(nomograms, ROW, dl_probability=0.7)

    assert said.arms == {arm: predict_row(nomograms[arm], ROW) for arm in nomograms}
    assert (said.dl_signature, said.dl_probability) == (0.4, 0.7)


def test_it_says_that_the_contrast_is_not_assessed_and_that_data_are_synthetic(nomograms):
    said = recommend(nomograms, ROW)

    assert said.contrast == CONTRAST_NOT_ASSESSED
    assert said.notice == SYNTHETIC_NOTICE
    assert said.data_origin == "synthetic"


def test_a_fault_of_both_arms_is_named_once(nomograms):
    with pytest.raises(PredictionError) as refusal:
        recommend(nomograms, {**ROW, "bclc_stage": "Z"})

    assert refusal.value.faults == ("predictor 'bclc_stage': expected one of A, B, C",)
