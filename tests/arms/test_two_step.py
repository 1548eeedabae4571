import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter
from scipy import stats

from components.arms.preparation import signature_predictor
from components.arms.two_step import reselect, two_step, wald_p
from components.cohort.endpoint import survival_target
from components.cohort.imputation import CompletedTables
from components.study.protocol import ClinicalSection, TwoStepSelection
from components.study.vocabulary import ModelKind, SignatureState, Split
from components.survival.design import Predictor, design_matrix
from components.survival.discrimination import harrell_c
from components.survival.target import SurvivalTarget
from tests.arms.conftest import ARM, draw_arm, fit

STUDY = TwoStepSelection(univariate_p_value=0.1, multivariable_p_value=0.05, combined="keep")
CANDIDATES = ("bclc_stage", "cirrhosis", "albi_grade", "tumor_diameter_cm")
CLINICAL, COMBINED = ModelKind.CLINICAL, ModelKind.COMBINED


def whole(table):
    """Training patients without an empty cell."""
    return CompletedTables((table,), {})


def categorical(name, *levels):
    return Predictor(name=name, label=name, kind="categorical", levels=levels)


def continuous(name):
    return Predictor(name=name, label=name, kind="continuous")


PREDICTORS = (
    categorical("bclc_stage", "A", "B", "C"),
    categorical("cirrhosis", "absent", "present"),
    categorical("albi_grade", "1", "2"),
    continuous("tumor_diameter_cm"),
)


def section(**changes):
    return ClinicalSection(
        predictors={ARM: CANDIDATES, "tace": CANDIDATES},
        method="two_step",
        ridge_penalties=(0,),
        cv_folds=5,
        two_step=STUDY.model_copy(update=changes),
    )


def test_the_joint_wald_p_of_a_factor_is_that_of_lifelines_covariance(train):
    found = wald_p(whole(train), PREDICTORS, survival_target(train))
    x = pd.DataFrame(design_matrix(train, PREDICTORS), index=train.index)
    other = CoxPHFitter().fit(x.assign(t=train["os_days"], e=train["death"]), "t", "e")
    stage, covariance = other.params_.to_numpy()[:2], other.variance_matrix_.to_numpy()[:2, :2]
    chi_square = stage @ np.linalg.inv(covariance) @ stage
    assert found["bclc_stage"] == pytest.approx(stats.chi2.sf(chi_square, 2), rel=1e-3)
    assert found["tumor_diameter_cm"] == pytest.approx(other.summary["p"].iloc[-1], rel=1e-3)


def test_a_candidate_without_an_effect_is_not_selected_and_both_p_values_decide(train):
    target = survival_target(train)
    kept, selection = two_step(whole(train), PREDICTORS, target, STUDY)
    by_name = {one.name: one for one in selection.candidates}
    assert "bclc_stage" in {one.name for one in kept}
    assert not by_name["cirrhosis"].is_kept
    entered = [one for one in PREDICTORS if by_name[one.name].univariate_p < 0.1]
    together = wald_p(whole(train), entered, target)
    for one in selection.candidates:
        assert one.multivariable_p == pytest.approx(together.get(one.name))
        assert one.is_kept == (together.get(one.name, 1.0) < 0.05)


def test_nothing_selected_is_an_answer_that_is_said(protocol, train, test):
    models = fit(
        protocol, train, test, clinical=section(univariate_p_value=1e-9, multivariable_p_value=0.05)
    )
    assert models.models[CLINICAL].predictors == ()
    assert [one.name for one in models.models[COMBINED].predictors] == ["dl_signature"]
    assert any("no candidate was selected" in note for note in models.notes)
    figure = models.evaluation(CLINICAL, Split.TEST).estimates["c_harrell"]
    assert figure.note == "the model has no predictor"


def test_selected_models_are_unpenalised_and_their_sample_size_counts_all_candidates(
    protocol, train, test
):
    models = fit(protocol, train, test, clinical=section())
    chosen = {one.name for one in models.selection.candidates if one.is_kept}
    assert {one.name for one in models.models[CLINICAL].predictors} == chosen
    assert models.ridge == {}
    assert models.models[COMBINED].ridge == 0
    assert models.sample_size[CLINICAL].n_parameters == 5


def test_the_combined_model_keeps_or_selects_again(protocol, train, test):
    """Each of three candidates is the signature with noise: beside it they tell nothing new."""
    rng = np.random.default_rng(3)
    shadow = {"tumor_diameter_cm": train["dl_signature"] + rng.normal(size=len(train))}
    shadowed, target = train.assign(**shadow), survival_target(train)
    signature = signature_predictor(shadowed)
    kept, _ = two_step(whole(shadowed), [continuous("tumor_diameter_cm")], target, STUDY)
    assert [one.name for one in kept] == ["tumor_diameter_cm"]
    again = reselect(whole(shadowed), kept, target, signature=signature, p_value=0.05)
    assert [one.name for one in again] == ["dl_signature"]
    keeping = fit(protocol, shadowed, test, clinical=section(combined="keep"))
    choosing = fit(protocol, shadowed, test, clinical=section(combined="reselect"))
    assert "tumor_diameter_cm" in {one.name for one in keeping.models[COMBINED].predictors}
    assert "tumor_diameter_cm" not in {one.name for one in choosing.models[COMBINED].predictors}
    assert choosing.models[CLINICAL] == keeping.models[CLINICAL]


def test_a_candidate_without_an_estimate_is_left_out_and_named(train):
    twin = train.assign(age_years=train["dl_signature"] * 2)
    candidates = [continuous("dl_signature"), continuous("age_years")]
    kept, selection = two_step(whole(twin), candidates, survival_target(twin), STUDY)
    assert len(kept) == 1
    assert [one.why for one in selection.candidates].count(None) == 1
    spared = train.assign(capsule=np.where(train["death"] == 1, "absent", "intact"))
    _, selection = two_step(
        whole(spared), [categorical("capsule", "absent", "intact")], survival_target(spared), STUDY
    )
    assert selection.candidates[0].univariate_p is None
    assert "no finite estimate" in selection.candidates[0].why


def test_test_patients_need_only_what_was_selected(protocol, train):
    test = draw_arm(60, seed=5, prefix="TE")
    test.loc[test.index[:20], "cirrhosis"] = None
    models = fit(protocol, train, test, clinical=section())
    assert "cirrhosis" not in {one.name for one in models.models[CLINICAL].predictors}
    assert models.evaluation(CLINICAL, Split.TEST).estimates["c_harrell"].n == 60


def test_a_cut_off_taken_again_halves_each_split(protocol, train, test):
    recut = protocol.evaluation.model_copy(update={"cutoff": "median_of_each_split"})
    models = fit(protocol.model_copy(update={"evaluation": recut}), train, test.iloc[:80])
    groups = {one.split: one for one in models.risk_groups if one.kind is COMBINED}
    assert [curve.n for curve in groups[Split.TEST].curves.values()] == [40, 40]
    assert groups[Split.TEST].is_recut
    assert not groups[Split.TRAIN].is_recut
    assert groups[Split.TEST].cutoff != groups[Split.TRAIN].cutoff


def test_c_of_follow_up_cut_off_at_a_year(protocol, train, test):
    cut = protocol.evaluation.model_copy(update={"truncated_c_days": 365})
    models = fit(protocol.model_copy(update={"evaluation": cut}), train, test)
    found = models.evaluation(COMBINED, Split.TEST).estimates["c_harrell_365d"]
    days, dead = test["os_days"].to_numpy(), test["death"].to_numpy() == 1
    target = SurvivalTarget.of(np.minimum(days, 365), dead & (days <= 365))
    score = models.models[COMBINED].linear_predictor(test)
    assert found.value == pytest.approx(harrell_c(target, score).value)
    assert found.n_events == int((dead & (days <= 365)).sum()) < int(dead.sum())


def test_without_signature_a_selection_gives_the_clinical_model_alone(protocol, train, test):
    models = fit(protocol, train, test, signature=SignatureState.NULL, clinical=section())
    assert models.nomogram_kind is CLINICAL
    assert models.models[COMBINED] == models.models[CLINICAL]
