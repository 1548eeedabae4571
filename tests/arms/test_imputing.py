"""An arm with missing predictors: fitted on all patients, scored by predictors alone, reported."""

import numpy as np
import pandas as pd
import pytest

from components.arms.fitting import fit_models
from components.arms.records import ArmModels
from components.cohort.endpoint import survival_target
from components.study.vocabulary import ModelKind, SignatureState, Split
from components.survival.cox import fit_cox_model
from components.survival.pooling import pool_fits
from tests.arms.conftest import ARM, fit

CLINICAL, DLR, COMBINED = ModelKind.CLINICAL, ModelKind.DLRADIOMICS, ModelKind.COMBINED


def with_gaps(table: pd.DataFrame, *, seed: int, share: float = 0.15) -> pd.DataFrame:
    """Diameter and stage are missing at random."""
    rng = np.random.default_rng(seed)
    gaps = table.copy()
    for name in ("tumor_diameter_cm", "bclc_stage"):
        gaps[name] = gaps[name].mask(rng.random(len(table)) < share)
    return gaps


@pytest.fixture(scope="module")
def section(protocol):
    """As the demo's, cheaper: three imputations, two penalties."""
    imputation = protocol.clinical.imputation.model_copy(update={"imputations": 3, "iterations": 3})
    return protocol.clinical.model_copy(
        update={"imputation": imputation, "ridge_penalties": (1.0, 8.0), "cv_folds": 5}
    )


@pytest.fixture(scope="module")
def gaps(train):
    return with_gaps(train, seed=1)


@pytest.fixture(scope="module")
def test_gaps(test):
    return with_gaps(test, seed=2)


def fitted(table, section, signature=SignatureState.FITTED, seed=5):
    return fit_models(ARM, table, clinical=section, signature=signature, seed=seed)


@pytest.fixture(scope="module")
def imputed(protocol, section, gaps, test_gaps) -> ArmModels:
    return fit(protocol, gaps, test_gaps, clinical=section)


def test_nobody_is_left_out_for_missing_predictors(imputed):
    assert {model.n for model in imputed.models.values()} == {208}
    assert {one.estimates["c_harrell"].n for one in imputed.evaluations} == {208, 120}
    assert imputed.adaptations == ()


def test_models_are_pooled_of_the_completed_tables_by_rubins_rules(gaps, section):
    found = fitted(gaps, section)
    for kind in (CLINICAL, COMBINED):
        parts = found.fits[kind].parts
        assert len(parts) == 3
        penalty = found.models[kind].ridge
        for table, part in zip(found.completed.tables, parts, strict=True):
            target = survival_target(table)
            assert part == fit_cox_model(table, part.predictors, target, ridge=penalty)
        pooled = pool_fits(parts)
        assert found.models[kind].coefficients == pytest.approx(pooled.coefficients)
        assert np.asarray(found.models[kind].covariance) == pytest.approx(pooled.total)
    assert len(found.fits[DLR].parts) == 1


def test_the_penalty_has_the_least_deviance_averaged_over_the_completed_tables(gaps, section):
    ridge = fitted(gaps, section).fits[CLINICAL].ridge
    assert ridge.penalties == (1.0, 8.0)
    assert ridge.penalty == ridge.penalties[int(np.argmin(ridge.deviance))]


def test_the_report_says_what_was_imputed_and_what_it_adds(imputed, gaps, test_gaps, train):
    report = imputed.imputation
    assert (report.imputations, report.iterations) == (3, 3)
    names = ["tumor_diameter_cm", "bclc_stage"]
    assert report.missing_train == {name: int(gaps[name].isna().sum()) for name in names}
    assert report.missing_test == {name: int(test_gaps[name].isna().sum()) for name in names}
    incomplete = gaps[names].isna().any(axis=1)
    assert report.n_train_incomplete == incomplete.sum()
    assert report.n_train_incomplete_events == gaps.loc[incomplete, "death"].sum()
    assert set(report.coefficients) == {CLINICAL, COMBINED}
    by_column = {one.column: one for one in report.coefficients[CLINICAL]}
    for one in by_column.values():
        total = one.within + (1 + 1 / 3) * one.between
        assert one.standard_error == pytest.approx(np.sqrt(total))
        assert one.share_of_imputation == pytest.approx((1 + 1 / 3) * one.between / total)
        assert 0.5 < one.relative_efficiency <= 1
    touched = by_column["tumor_diameter_cm"].share_of_imputation
    assert touched > by_column["cirrhosis=present"].share_of_imputation
    assert f"{incomplete.sum()} of 208 training" in report.sentence


def test_complete_cases_stand_beside_the_pooled_coefficients(imputed, gaps):
    known = gaps.dropna()
    model = imputed.models[CLINICAL]
    alone = fit_cox_model(known, model.predictors, survival_target(known), ridge=model.ridge)
    shown = imputed.imputation.coefficients[CLINICAL]
    assert [one.complete_coefficient for one in shown] == pytest.approx(alone.coefficients)
    assert [one.complete_standard_error for one in shown] == pytest.approx(alone.standard_errors)


def test_nothing_missing_is_no_imputation(protocol, train, test, section):
    none = section.model_copy(update={"imputation": None})
    with_it = fit(protocol, train, test, clinical=section)
    assert with_it == fit(protocol, train, test, clinical=none)
    assert with_it.imputation is None


def test_complete_training_patients_can_still_impute_for_others(protocol, train, test, section):
    models = fit(protocol, train, with_gaps(test, seed=2), clinical=section)
    assert models.imputation.missing_train == {}
    assert models.imputation.coefficients == {}
    assert models.evaluation(CLINICAL, Split.TEST).estimates["c_harrell"].n == 120


def test_a_patient_with_gaps_is_scored_by_the_mean_over_imputations(gaps, section, test, test_gaps):
    found = fitted(gaps, section)
    score = found.linear_predictor(CLINICAL, test_gaps)
    complete = test_gaps.notna().all(axis=1).to_numpy()
    exact = found.models[CLINICAL].linear_predictor(test_gaps[complete])
    assert score[complete] == pytest.approx(exact)
    tables = found.imputer.complete(test_gaps).tables
    mean = np.mean([found.models[CLINICAL].linear_predictor(one) for one in tables], axis=0)
    assert score == pytest.approx(mean)
    truth = found.models[CLINICAL].linear_predictor(test)
    assert np.corrcoef(score[~complete], truth[~complete])[0, 1] > 0.4


def test_test_patients_change_no_model_and_their_outcome_no_score(
    protocol, gaps, test_gaps, section, imputed
):
    upside_down = test_gaps.assign(
        os_days=test_gaps["os_days"].to_numpy()[::-1], death=1 - test_gaps["death"]
    )
    again = fit(protocol, gaps, upside_down.iloc[:60], clinical=section)
    assert again.models == imputed.models
    found = fitted(gaps, section)
    for kind in (CLINICAL, COMBINED):
        assert found.linear_predictor(kind, upside_down) == pytest.approx(
            found.linear_predictor(kind, test_gaps), abs=0
        )


def test_the_same_seed_gives_the_same_models_and_another_seed_others(gaps, section):
    assert fitted(gaps, section).models == fitted(gaps, section).models
    assert fitted(gaps, section, seed=6).models[CLINICAL] != fitted(gaps, section).models[CLINICAL]


def test_a_signature_is_not_imputed(protocol, gaps, test_gaps, section):
    without = gaps.copy()
    without.iloc[:4, without.columns.get_loc("dl_signature")] = np.nan
    models = fit(protocol, without, test_gaps, clinical=section)
    assert {model.n for model in models.models.values()} == {204}
    (said,) = models.adaptations
    assert said.done == "4 of 208 training patients left out"
    assert said.why == "they have no signature, which is not imputed"


def test_a_patient_of_whom_nothing_is_known_is_left_out_and_that_is_said(
    protocol, gaps, test_gaps, section
):
    names = list(section.predictors[ARM])
    blank, blank_test = gaps.copy(), test_gaps.copy()
    blank.loc[blank.index[:2], names] = np.nan
    blank_test.loc[blank_test.index[0], names] = np.nan
    models = fit(protocol, blank, blank_test, clinical=section)
    first, second = models.adaptations
    assert first.done == "2 of 208 training patients left out"
    assert second.done == "1 of 120 test patients left out"
    assert "none of their clinical predictors is known" in first.why
    assert {one.estimates["c_harrell"].n for one in models.evaluations} == {206, 119}


@pytest.mark.parametrize("imputes", [True, False])
def test_a_column_empty_in_training_is_left_out_and_named(
    protocol, gaps, test, section, *, imputes
):
    changes = {} if imputes else {"imputation": None}
    models = fit(
        protocol,
        gaps.assign(tumor_diameter_cm=np.nan),
        test,
        clinical=section.model_copy(update=changes),
    )
    assert "tumor_diameter_cm" not in {one.name for one in models.models[CLINICAL].predictors}
    said = next(one for one in models.adaptations if one.done == "Tumor diameter left out")
    assert said.why == "column 'tumor_diameter_cm' is empty in all training patients"
    assert models.models[CLINICAL].n == (208 if imputes else gaps["bclc_stage"].notna().sum())


def test_a_level_of_test_patients_alone_is_quarantined_with_imputation_too(
    protocol, gaps, test_gaps, section
):
    strange = test_gaps.copy()
    strange.loc[strange.index[3], "albi_grade"] = "3"
    models = fit(protocol, gaps, strange, clinical=section)
    assert [one.patient_id for one in models.quarantined] == [strange.index[3]]


def test_a_bootstrap_sample_with_patients_drawn_twice_can_be_fitted(gaps, section):
    rng = np.random.default_rng(0)
    drawn = gaps.iloc[rng.integers(0, len(gaps), len(gaps))]
    found = fitted(drawn, section)
    whole = found.scorable(gaps).table
    assert found.linear_predictor(COMBINED, whole).shape == (len(whole),)


@pytest.mark.parametrize("state", [SignatureState.NULL, SignatureState.ABSENT])
def test_without_a_signature_the_clinical_model_is_imputed_alike(gaps, section, state):
    bare = gaps.drop(columns="dl_signature")
    found = fitted(bare, section, signature=state)
    assert len(found.fits[CLINICAL].parts) == 3
    assert (COMBINED in found.models) == (state is SignatureState.NULL)


def test_the_record_with_an_imputation_is_json_and_back(imputed):
    assert ArmModels.from_json(imputed.to_json()) == imputed
