"""The three models of an arm, against lifelines and scikit-survival and by their definition."""

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter
from sksurv.linear_model import CoxPHSurvivalAnalysis
from sksurv.util import Surv

from components.arms.records import ArmModels
from components.errors import CohortRejected, NoEventsInArm, UsageError
from components.study.protocol import ClinicalSection
from components.study.vocabulary import ModelKind, RiskGroup, SignatureState, Split
from components.survival.design import design_matrix
from tests.arms.conftest import ARM, draw_arm, fit

COMBINED, CLINICAL, DLR = ModelKind.COMBINED, ModelKind.CLINICAL, ModelKind.DLRADIOMICS


@pytest.fixture(scope="module")
def unpenalised(protocol, train, test) -> ArmModels:
    section = ClinicalSection(
        predictors=protocol.clinical.predictors,
        method="ridge",
        ridge_penalties=(0,),
        cv_folds=5,
        two_step=None,
    )
    return fit(protocol, train, test, clinical=section)


@pytest.mark.parametrize("kind", list(ModelKind))
def test_without_a_penalty_the_models_are_those_of_lifelines(unpenalised, train, kind):
    model = unpenalised.models[kind]
    x = pd.DataFrame(
        design_matrix(train, model.predictors), columns=model.columns, index=train.index
    )
    other = CoxPHFitter().fit(x.assign(t=train["os_days"], e=train["death"]), "t", "e")
    assert list(model.coefficients) == pytest.approx(other.params_.to_list(), rel=1e-4)
    assert list(model.standard_errors) == pytest.approx(other.standard_errors_.to_list(), rel=1e-4)
    third = CoxPHSurvivalAnalysis(ties="efron", tol=1e-12).fit(
        x.to_numpy(), Surv.from_arrays(train["death"] == 1, train["os_days"])
    )
    assert list(model.coefficients) == pytest.approx(third.coef_.tolist(), rel=1e-6)


def test_the_penalty_is_the_cross_validated_one_and_shrinks(models, unpenalised, protocol):
    for kind in (CLINICAL, COMBINED):
        choice = models.ridge[kind]
        assert choice.penalties == protocol.clinical.ridge_penalties
        assert choice.penalty == choice.penalties[int(np.argmin(choice.deviance))]
        assert models.models[kind].ridge == choice.penalty > 0
        assert np.linalg.norm(models.models[kind].coefficients) < np.linalg.norm(
            unpenalised.models[kind].coefficients
        )
    assert DLR not in models.ridge
    assert models.models[DLR].ridge == 0


def test_the_combined_model_is_the_clinical_one_and_the_signature(models):
    clinical, combined = models.models[CLINICAL], models.models[COMBINED]
    assert combined.predictors[:-1] == clinical.predictors
    assert combined.predictors[-1].name == "dl_signature"
    assert combined.predictors[-1].unit == "SD"
    assert models.models[DLR].columns == ("dl_signature",)
    assert models.nomogram_kind == COMBINED
    assert models.nomogram_model == combined


def test_a_null_signature_leaves_the_clinical_model(null_models, models):
    assert null_models.nomogram_kind == CLINICAL
    assert null_models.models[COMBINED] == null_models.models[CLINICAL] == models.models[CLINICAL]
    assert null_models.models[DLR].predictors == ()
    nothing = null_models.evaluation(DLR, Split.TEST).estimates
    assert nothing["c_harrell"].value is None
    assert nothing["c_harrell"].note == "the model has no predictor"
    assert nothing["brier_365d"].value is not None
    of_combined = [one for one in null_models.differences if one.kind is COMBINED]
    assert of_combined
    assert all(one.estimate.value is None for one in of_combined if one.reference is CLINICAL)
    assert {one.kind for one in null_models.risk_groups} == {CLINICAL, COMBINED}
    assert null_models.notes[0].startswith("Hepatectomy: the signature is null")


def test_a_null_signature_needs_no_signature_column(protocol, train, test, null_models):
    bare = fit(
        protocol,
        train.drop(columns="dl_signature"),
        test.drop(columns="dl_signature"),
        signature=SignatureState.NULL,
    )
    assert bare == null_models


def test_the_same_seed_gives_the_same_record(protocol, train, test, models):
    assert fit(protocol, train, test) == models


def test_test_patients_change_no_model(protocol, train, models):
    others = draw_arm(90, seed=99, prefix="XX")
    again = fit(protocol, train, others)
    assert again.models == models.models
    assert again.ridge == models.ridge
    assert [one.cutoff for one in again.risk_groups] == [one.cutoff for one in models.risk_groups]


def test_the_record_is_json_and_back(models):
    assert ArmModels.from_json(models.to_json()) == models
    assert '"schema":"armwise.arm_models/1"' in models.to_json()
    assert ArmModels.model_validate(models.model_dump(mode="json", by_alias=True)) == models


def test_an_evaluation_that_does_not_exist_is_a_key_error(models):
    emptied = models.model_copy(update={"evaluations": ()})
    with pytest.raises(KeyError, match="combined was not evaluated on test"):
        emptied.evaluation(COMBINED, Split.TEST)


def test_horizons_are_judged_by_the_training_patients(protocol, train, test):
    early = train.assign(
        death=np.where(train["os_days"] > 800, 0, train["death"]),
        os_days=train["os_days"].clip(upper=800),
    )
    models = fit(protocol, early, test)
    assert models.horizons_estimable == (365, 730)
    assert set(models.horizons_not_estimable) == {1095}
    assert "0 patients seen beyond 1095 days" in models.horizons_not_estimable[1095]
    estimates = models.evaluation(COMBINED, Split.TEST).estimates
    # Ordering the test patients needs no baseline; predicting their survival does.
    assert estimates["auc_cd_1095d"].value is not None
    assert estimates["brier_1095d"].value is None
    assert estimates["brier_1095d"].note.startswith("in training, ")
    assert not [one for one in models.calibration if one.horizon_days == 1095]


def test_few_test_patients_make_figures_not_estimable_with_the_reason(protocol, train, test):
    models = fit(protocol, train, test.head(8))
    estimates = models.evaluation(COMBINED, Split.TEST).estimates
    for days in protocol.study.horizons_days:
        assert estimates[f"auc_cd_{days}d"].value is None
        assert "at least 10 and 10 are needed" in estimates[f"auc_cd_{days}d"].note
    assert estimates["c_uno"].note == "no horizon is estimable in these patients"
    assert models.evaluation(COMBINED, Split.TRAIN).estimates["auc_cd_365d"].value is not None


def test_no_test_patients_at_all_is_no_accident(protocol, train, test):
    models = fit(protocol, train, test.head(0))
    estimates = models.evaluation(COMBINED, Split.TEST).estimates
    assert all(one.value is None and one.note for one in estimates.values())
    test_groups = [one for one in models.risk_groups if one.split == Split.TEST]
    assert all(one.curves == {} and one.log_rank_p is None for one in test_groups)


def test_nobody_dead_in_training_is_refused(protocol, train, test):
    with pytest.raises(NoEventsInArm):
        fit(protocol, train.assign(death=0), test)


def test_a_missing_column_is_named(protocol, train, test):
    with pytest.raises(CohortRejected, match="'bclc_stage'"):
        fit(protocol, train.drop(columns="bclc_stage"), test)
    with pytest.raises(CohortRejected, match="'dl_signature'"):
        fit(protocol, train, test.drop(columns="dl_signature"))


def test_a_predictor_that_nobody_knows_is_a_fault_of_the_protocol(protocol, train, test):
    section = protocol.clinical.model_copy(update={"predictors": {ARM: ("shoe_size",)}})
    with pytest.raises(UsageError, match="'shoe_size' is no predictor"):
        fit(protocol, train, test, clinical=section)


def test_a_clinical_set_that_does_not_vary_leaves_a_null_model(protocol, train, test):
    section = protocol.clinical.model_copy(update={"predictors": {ARM: ("cirrhosis",)}})
    models = fit(
        protocol,
        train.assign(cirrhosis="present"),
        test.assign(cirrhosis="present"),
        clinical=section,
    )
    assert models.models[CLINICAL].predictors == ()
    assert models.models[COMBINED].columns == ("dl_signature",)
    said = " ".join(models.notes)
    assert "Cirrhosis left out, column 'cirrhosis' is the same in all training patients" in said
    assert any(one.done == "Cirrhosis left out" for one in models.adaptations)
    assert {one.group for g in models.risk_groups for one in g.curves.values()} == set(RiskGroup)


def test_without_features_there_is_the_clinical_model_alone(protocol, train, test):
    models = fit(protocol, train, test, signature=SignatureState.ABSENT)
    assert models.kinds == (ModelKind.CLINICAL,)
    assert models.nomogram_kind is ModelKind.CLINICAL
    assert models.differences == ()
    assert {one.kind for one in models.evaluations} == {ModelKind.CLINICAL}
    assert any("no signature was given" in note for note in models.notes)


def test_fewer_deaths_than_folds_of_the_penalty_are_said(protocol, train, test):
    dead = train.index[train["death"] == 1]
    few = train.assign(death=train["death"].where(~train.index.isin(dead[8:]), 0))
    section = protocol.clinical.model_copy(
        update={"predictors": {ARM: ("tumor_diameter_cm",)}, "cv_folds": 10}
    )
    models = fit(protocol, few, test, clinical=section)
    said = next(one for one in models.adaptations if "10 folds" in one.asked)
    assert said.done == "2 folds hold no death"
