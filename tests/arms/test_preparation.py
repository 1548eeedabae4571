"""What is left out of an arm's models, and that it is said."""

import numpy as np

from components.arms.preparation import complete_patients, prepare_arm
from components.arms.scorable import scorable_patients
from components.study.vocabulary import SignatureState
from tests.arms.conftest import ARM, fit

NAMES = ("bclc_stage", "cirrhosis", "albi_grade", "tumor_diameter_cm")


def prepare(train, **options):
    return prepare_arm(ARM, train, names=NAMES, signature=SignatureState.FITTED, **options)


def test_complete_patients_are_left_alone(train, test):
    prepared = prepare(train)
    assert prepared.train.equals(train)
    assert prepared.adaptations == ()
    scored = scorable_patients(ARM, test, prepared.predictors, imputes=False, split="test")
    assert scored.table.equals(test)
    assert (scored.quarantined, scored.adaptations) == ((), ())


def test_predictors_carry_label_unit_and_training_range(train):
    prepared = prepare(train)
    by_name = {predictor.name: predictor for predictor in prepared.clinical}
    assert tuple(by_name) == NAMES
    diameter = by_name["tumor_diameter_cm"]
    assert (diameter.label, diameter.unit) == ("Tumor diameter", "cm")
    assert (diameter.lower, diameter.upper) == (
        train["tumor_diameter_cm"].min(),
        train["tumor_diameter_cm"].max(),
    )
    assert prepared.signature.lower == train["dl_signature"].min()


def test_a_level_without_training_patients_is_dropped_and_said(train):
    prepared = prepare(train)  # nobody has ALBI grade 3
    albi = next(one for one in prepared.clinical if one.name == "albi_grade")
    assert albi.levels == ("1", "2")
    assert "no training patient has ALBI grade 3; the models do not know it." in prepared.notes[0]


def test_the_next_level_becomes_the_reference_where_the_first_is_absent(train):
    prepared = prepare(train[train["bclc_stage"] != "A"])
    bclc = next(one for one in prepared.clinical if one.name == "bclc_stage")
    assert bclc.levels == ("B", "C")


def test_a_constant_column_is_left_out_and_said(train):
    prepared = prepare(train.assign(tumor_diameter_cm=5.0))
    assert "tumor_diameter_cm" not in [one.name for one in prepared.clinical]
    (said,) = prepared.adaptations
    assert said.done == "Tumor diameter left out"
    assert "column 'tumor_diameter_cm' is the same in all training patients" in said.why
    assert any(said.why in note for note in prepared.notes)


def test_a_test_patient_with_an_unknown_level_is_quarantined_not_scored(protocol, train, test):
    patient = test.index[3]
    strange = test.copy()
    strange.loc[patient, "albi_grade"] = "3"
    models = fit(protocol, train, strange)
    assert [one.patient_id for one in models.quarantined] == [patient]
    assert "albi_grade" in models.quarantined[0].reason
    assert {one.estimates["c_harrell"].n for one in models.evaluations} == {208, 119}


def test_without_imputation_complete_cases_are_the_same_for_all_models(protocol, train, test):
    section = protocol.clinical.model_copy(update={"imputation": None})
    holes = train.copy()
    holes.iloc[:5, holes.columns.get_loc("tumor_diameter_cm")] = np.nan
    holes.iloc[4:7, holes.columns.get_loc("cirrhosis")] = None
    test_holes = test.copy()
    test_holes.iloc[0, test_holes.columns.get_loc("dl_signature")] = np.nan
    models = fit(protocol, holes, test_holes, clinical=section)
    assert {model.n for model in models.models.values()} == {201}
    assert {one.estimates["c_harrell"].n for one in models.evaluations} == {201, 119}
    first, second = models.adaptations
    assert first.done == "7 of 208 training patients left out"
    assert "cirrhosis 3, tumor_diameter_cm 5" in first.why
    assert second.done == "1 of 120 test patients left out"
    assert any("7 of 208 training patients left out" in note for note in models.notes)


def test_a_hole_outside_the_models_costs_nobody(train):
    holes = train.assign(age_years=np.nan)
    assert len(prepare(holes).train) == len(train)


def test_complete_patients_knows_all_predictors(train, test):
    predictors = prepare(train).clinical
    strange = test.copy()
    strange.loc[test.index[0], "bclc_stage"] = "D"
    strange.loc[test.index[1], "tumor_diameter_cm"] = np.nan
    kept = complete_patients(strange, predictors)
    assert list(kept.index) == list(test.index[2:])
