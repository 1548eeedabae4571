"""Baselines of an arm: the same patients, the same figures, paired differences; the arm alone."""

import numpy as np
import pandas as pd
import pytest

from components.arms.arm_patients import arm_patients, scored
from components.arms.baseline_records import BaselineKind, Baselines, RadiomicsSignature
from components.arms.baselines import RADIOMICS_SCORE, arm_baselines
from components.arms.pooled_models import pooled_models
from components.arms.radiomics import radiomics_scores
from components.cohort.endpoint import survival_target
from components.cohort.schema import PREDICTORS
from components.study.vocabulary import ModelKind, SignatureState, Split, TreatmentArm
from components.survival.cox import fit_cox_model
from components.survival.design import Predictor
from components.survival.discrimination import harrell_c
from tests.arms.conftest import draw_arm

ARMS = (TreatmentArm.HEPATECTOMY, TreatmentArm.TACE)


def draw(arm, n, *, seed, prefix):
    """Patients of an arm; TACE has a higher hazard, radiomics know half of the signature."""
    table = draw_arm(n, seed=seed, prefix=prefix).assign(arm=arm.value)
    rng = np.random.default_rng(seed + 900)
    table[RADIOMICS_SCORE] = 0.5 * table["dl_signature"] + rng.normal(size=n)
    table["tumor_location"] = rng.choice(["left", "right"], n)
    if arm is TreatmentArm.TACE:
        table["os_days"] = np.ceil(table["os_days"] * 0.5)
    return table


@pytest.fixture(scope="module")
def quick(protocol):
    """The demo's protocol without imputation and with few penalties."""
    clinical = protocol.clinical.model_copy(
        update={"imputation": None, "ridge_penalties": (1.0, 8.0), "cv_folds": 5}
    )
    return protocol.model_copy(update={"clinical": clinical})


def patients_of(protocol, arm, *, signature=SignatureState.FITTED, radiomics=True):
    at = 40 * ARMS.index(arm)
    train = draw(arm, 170, seed=1 + at, prefix=f"{arm.value[0]}R")
    test = draw(arm, 100, seed=2 + at, prefix=f"{arm.value[0]}E")
    if not radiomics:
        train, test = (one.drop(columns=RADIOMICS_SCORE) for one in (train, test))
    return arm_patients(
        arm, train, test, protocol=protocol, signature=signature, codebook=PREDICTORS
    )


def baselines_of(patients, protocol, **changed):
    section = protocol.evaluation.baselines.model_copy(update=changed)
    return arm_baselines(patients, section=section, protocol=protocol, codebook=PREDICTORS)


@pytest.fixture(scope="module")
def patients(quick):
    return [patients_of(quick, arm) for arm in ARMS]


@pytest.fixture(scope="module")
def found(patients, quick):
    return baselines_of(patients[0], quick)


def test_all_three_baselines_have_the_figures_of_the_models(found):
    assert [one.kind for one in found.models] == list(BaselineKind)
    for one in found.models:
        for split in Split:
            assert {"c_harrell", "c_uno", "auc_cd_1095d", "brier_365d", "cal_slope"} <= set(
                one.estimates[split]
            )


def test_stage_is_the_cox_model_of_its_columns_in_the_same_patients(found, patients):
    stage = found.models[0]
    assert stage.predictors == ("bclc_stage", "albi_grade")
    train, test = (patients[0].tables[split] for split in Split)
    known = (
        Predictor(name="bclc_stage", label="BCLC", kind="categorical", levels=("A", "B", "C")),
        Predictor(name="albi_grade", label="ALBI", kind="categorical", levels=("1", "2")),
    )
    model = fit_cox_model(train, known, survival_target(train), ridge=stage.ridge_penalty)
    assert list(stage.coefficients.values()) == pytest.approx(list(model.coefficients))
    expected = harrell_c(survival_target(test), model.linear_predictor(test))
    assert stage.estimates[Split.TEST]["c_harrell"].value == pytest.approx(expected.value)


def test_a_difference_is_that_of_the_two_figures_and_has_a_p(found, patients):
    fitted, test = patients[0].fitted, patients[0].tables[Split.TEST]
    own = harrell_c(survival_target(test), fitted.linear_predictor(ModelKind.COMBINED, test))
    for one in found.models:
        (gain,) = (
            each
            for each in one.differences
            if (each.model, each.split, each.estimator)
            == (ModelKind.COMBINED, Split.TEST, "c_harrell")
        )
        expected = own.value - one.estimates[Split.TEST]["c_harrell"].value
        assert gain.estimate.value == pytest.approx(expected)
        assert 0 <= gain.p_value <= 1


def test_radiomics_names_its_own_signature(found):
    _, radiomics, clinical = found.models
    assert radiomics.predictors == (RADIOMICS_SCORE,)
    assert clinical.predictors[-1] == RADIOMICS_SCORE
    assert list(radiomics.coefficients) == [RADIOMICS_SCORE]


def test_patients_without_radiomics_are_compared_where_both_know_them(quick):
    arm = ARMS[0]
    train = draw(arm, 170, seed=1, prefix="HR")
    test = draw(arm, 100, seed=2, prefix="HE")
    test.loc[test.index[:10], RADIOMICS_SCORE] = np.nan
    patients = arm_patients(
        arm, train, test, protocol=quick, signature=SignatureState.FITTED, codebook=PREDICTORS
    )
    found = baselines_of(patients, quick)
    gain = next(one for one in found.models[1].differences if one.split is Split.TEST)
    assert gain.estimate.n == 90
    assert "0 training and 10 test patients have no radiomics" in found.notes[0]


def test_without_a_signature_the_regression_is_the_clinical_one_alone(quick):
    patients = patients_of(quick, ARMS[0], signature=SignatureState.ABSENT, radiomics=False)
    found = baselines_of(patients, quick)
    assert [one.kind for one in found.models] == [BaselineKind.STAGE]
    assert [one.kind for one in found.regressions] == [ModelKind.CLINICAL]
    assert {one.model for one in found.models[0].differences} == {ModelKind.CLINICAL}


def test_no_regression_where_none_is_asked_for(patients, quick):
    assert baselines_of(patients[0], quick, label_regression=False).regressions == ()


def test_a_stage_column_that_the_data_lack_is_left_out_and_said(patients, quick):
    found = baselines_of(patients[0], quick, stage=("bclc_stage", "child_pugh_class"))
    assert found.models[0].predictors == ("bclc_stage",)
    assert "no column child_pugh_class" in found.adaptations[0].why
    nothing = baselines_of(patients[0], quick, stage=("child_pugh_class",))
    assert BaselineKind.STAGE not in {one.kind for one in nothing.models}


def test_the_arm_alone_has_the_c_of_its_indicator(patients, quick):
    pooled = pooled_models(patients, quick)
    names = {(one.model, one.split): one for one in pooled}
    tables = [one.tables[Split.TEST] for one in patients]
    table = pd.concat(tables)
    expected = harrell_c(survival_target(table), (table["arm"] == "tace").to_numpy(dtype=float))
    alone = names["arm_only", Split.TEST].estimates["c_harrell"]
    assert alone.value == pytest.approx(expected.value)
    assert alone.value > 0.55
    combined = names["combined", Split.TEST]
    gain = combined.minus_arm_only["c_harrell"]
    assert gain.value == pytest.approx(combined.estimates["c_harrell"].value - alone.value)
    assert 0 <= combined.p_values["c_harrell"] <= 1


def test_one_arm_has_nothing_pooled(patients, quick):
    assert pooled_models(patients[:1], quick) == ()


def cohort_with_features(n=240, *, informative=True, seed=3):
    parts = [draw(arm, n // 2, seed=seed + at, prefix=arm.value[0]) for at, arm in enumerate(ARMS)]
    table = pd.concat(parts).drop(columns=RADIOMICS_SCORE)
    rng = np.random.default_rng(seed)
    table["split"] = np.where(np.arange(n) % 4 == 0, "test", "train")
    table["fold"] = np.where(table["split"] == "train", np.arange(n) % 3, -1)
    features = pd.DataFrame(rng.normal(size=(n, 6)), index=table.index)
    if informative:
        features[0] += table["dl_signature"]
    return table, features


def scores_of(table, features, protocol):
    section = protocol.signature.model_copy(
        update={"cv_folds": 3, "cv_repeats": 1, "stability_resamples": None}
    )
    return radiomics_scores(features, table, source="radiomics/1", section=section, seed=1)


def test_the_radiomics_signature_is_cross_fitted_for_patients_with_features(quick):
    table, features = cohort_with_features()
    found = scores_of(table, features.iloc[6:], quick)
    assert set(found.scores.index) == set(features.index[6:])
    assert found.signature.n_selected >= 1
    assert not found.signature.is_null
    assert len(found.signature.fold_selected) == 3
    assert np.corrcoef(found.scores, features[0].loc[found.scores.index])[0, 1] > 0.7


def test_radiomics_of_noise_are_null(quick):
    table, features = cohort_with_features(informative=False)
    section = quick.signature.model_copy(update={"rule": "lambda_1se"})
    found = scores_of(table, features, quick.model_copy(update={"signature": section}))
    assert found.signature.is_null


def test_metrics_are_named_by_split_arm_and_baseline_and_the_record_comes_back(
    found, patients, quick
):
    radiomics = RadiomicsSignature(
        source="radiomics/1",
        n=170,
        n_features_in=6,
        n_selected=2,
        fold_selected=(1, 2, 2),
        is_null=False,
        is_in_sample=False,
    )
    record = Baselines(
        arms=(found,), pooled=pooled_models(patients, quick), radiomics=radiomics, notes=()
    )
    assert Baselines.from_json(record.to_json()) == record
    metrics = record.metrics()
    assert {
        "test/hepatectomy/baseline_stage/c_harrell",
        "test/hepatectomy/combined_minus_stage/c_harrell_lower",
        "apparent/hepatectomy/label_regression_clinical/auc_cd_1095d",
        "test/pooled/arm_only/c_harrell",
        "test/pooled/combined_minus_arm_only/c_harrell",
    } <= set(metrics)


def test_a_baseline_s_intervals_are_of_the_protocol_s_level_and_seed(patients, quick):
    evaluation = quick.evaluation.model_copy(update={"confidence_level": 0.8})
    other = quick.model_copy(update={"evaluation": evaluation})
    one = scored(patients[0], ModelKind.CLINICAL, Split.TRAIN, other)
    assert (one.level, one.seed) == (0.8, quick.study.seed)
    days = next(iter(one.calibration_curves))
    wide = scored(patients[0], ModelKind.CLINICAL, Split.TRAIN, quick).calibration_curves[days].ici
    narrow = one.calibration_curves[days].ici
    assert (narrow.value, narrow.level) == (wide.value, 0.8)
    assert narrow.upper < wide.upper
