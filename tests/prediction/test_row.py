"""One patient's row against the Cox model behind the nomogram."""

import numpy as np
import pandas as pd
import pytest

from components.prediction.errors import PredictionError
from components.prediction.row import NOT_REACHED, predict_row
from components.study.vocabulary import TreatmentArm

ROW = {"bclc_stage": "B", "tumor_diameter_cm": 7.3, "dl_signature": 0.4}


def test_survival_is_that_of_the_cox_model(nomograms):
    nomogram = nomograms[TreatmentArm.HEPATECTOMY]
    lp = nomogram.model.linear_predictor(pd.DataFrame({k: [v] for k, v in ROW.items()}))

    said = predict_row(nomogram, ROW)

    expected = nomogram.model.survival_at(lp, (365, 730, 1095))[0]
    np.testing.assert_allclose(list(said.survival.values()), expected, atol=1e-12)
    assert said.linear_predictor == pytest.approx(lp[0], abs=1e-12)
    assert said.total_points == pytest.approx(sum(said.points.values()))
    assert set(said.points) == set(ROW)


def test_a_horizon_that_is_not_estimable_has_a_reason_and_no_number(nomograms):
    said = predict_row(nomograms[TreatmentArm.TACE], ROW)

    assert set(said.survival) == {365, 730}
    assert said.not_estimable == {1095: "only 2 patients at risk"}


def test_median_survival_is_the_models_or_not_reached(nomograms):
    nomogram = nomograms[TreatmentArm.HEPATECTOMY]

    poor = predict_row(nomogram, {**ROW, "bclc_stage": "C", "dl_signature": 2.5})
    good = predict_row(
        nomogram, {"bclc_stage": "A", "tumor_diameter_cm": 2.0, "dl_signature": -2.5}
    )

    assert poor.median_survival_days == nomogram.median_days([poor.total_points])[0]
    assert poor.median_survival == f"{poor.median_survival_days:g} days"
    assert (good.median_survival_days, good.median_survival) == (None, NOT_REACHED)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"bclc_stage": None}, "predictor 'bclc_stage' is missing"),
        ({"dl_signature": float("nan")}, "predictor 'dl_signature' is missing"),
        ({"bclc_stage": "Q77"}, "predictor 'bclc_stage': expected one of A, B, C"),
        (
            {"tumor_diameter_cm": 77.25},
            "predictor 'tumor_diameter_cm': expected a value in 0.3 to 35 cm",
        ),
        ({"dl_signature": 77.25}, "predictor 'dl_signature': expected a value in -10 to 10 SD"),
        ({"tumor_diameter_cm": float("inf")}, "expected a value in 0.3 to 35 cm"),
        ({"tumor_diameter_cm": "Q77"}, "'tumor_diameter_cm': expected a number in cm"),
        ({"tumor_diameter_cm": True}, "'tumor_diameter_cm': expected a number in cm"),
        ({"tumour_diameter_cm": 77.25}, "column 'tumour_diameter_cm' is unknown"),
    ],
)
def test_what_cannot_be_is_named_without_its_value(nomograms, change, fault):
    with pytest.raises(PredictionError) as refusal:
        predict_row(nomograms[TreatmentArm.HEPATECTOMY], {**ROW, **change})

    assert fault in str(refusal.value)
    assert "77" not in str(refusal.value)
    assert refusal.value.exit_code == 3


def test_all_faults_are_named_at_once(nomograms):
    with pytest.raises(PredictionError) as refusal:
        predict_row(nomograms[TreatmentArm.HEPATECTOMY], {"tumor_diameter_cm": 90})

    assert len(refusal.value.faults) == 3


def test_other_columns_of_the_clinical_table_may_stand_in_the_row(nomograms):
    nomogram = nomograms[TreatmentArm.HEPATECTOMY]

    assert predict_row(nomogram, {**ROW, "age_years": 61.0, "arm": "tace"}) == predict_row(
        nomogram, ROW
    )


def test_beyond_the_training_range_is_answered_with_a_note(nomograms):
    said = predict_row(nomograms[TreatmentArm.HEPATECTOMY], {**ROW, "tumor_diameter_cm": 20.0})

    assert len(said.notes) == 1
    assert "'tumor_diameter_cm' lies outside the range of the training patients" in said.notes[0]
