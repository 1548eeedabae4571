"""Tests of proportional hazards and of coefficients against what is known."""

import numpy as np
import pandas as pd
import pytest

from components.arms.assumptions import hazard_tests, unexpected_signs
from components.arms.estimating import FittedModel
from components.cohort.endpoint import survival_target
from components.cohort.imputation import CompletedTables
from components.study.vocabulary import ModelKind
from components.survival.cox import fit_cox_model
from components.survival.design import Predictor
from components.survival.proportional_hazards import proportional_hazards

CLINICAL, COMBINED = ModelKind.CLINICAL, ModelKind.COMBINED
BCLC = Predictor(name="bclc_stage", label="BCLC stage", kind="categorical", levels=("A", "B", "C"))
ALBUMIN = Predictor(name="albumin_g_per_l", label="Albumin", kind="continuous")
SIGNATURE = Predictor(name="dl_signature", label="Signature", kind="continuous")


def fitted(tables, predictors):
    target = survival_target(tables[0])
    parts = tuple(fit_cox_model(table, predictors, target) for table in tables)
    return FittedModel(parts[0], parts)


def test_each_model_with_a_predictor_is_tested_in_the_training_patients(models, train):
    assert [one.kind for one in models.hazard_tests] == list(ModelKind)
    for one in models.hazard_tests:
        model = models.models[one.kind]
        expected = proportional_hazards(train, model, survival_target(train))
        assert [term.term for term in one.terms] == [p.label for p in model.predictors]
        assert [term.p for term in one.terms] == [term.p for term in expected.terms]
        assert (one.n, one.n_tables) == (208, 1)


def test_an_effect_that_changes_its_sign_is_found(train):
    """Early deaths have a high signature, late ones a low one."""
    died, late = train["death"] == 1, train["os_days"] > train["os_days"].median()
    shift = np.where(died & ~late, 1.5, np.where(died, -1.5, 0.0))
    changed = train.assign(dl_signature=np.random.default_rng(3).normal(size=len(train)) + shift)
    (test,) = hazard_tests(
        {COMBINED: fitted([changed], (BCLC, SIGNATURE))},
        CompletedTables((changed,), {}),
        survival_target(changed),
    )
    by_term = {term.term: term.p for term in test.terms}
    assert by_term["Signature"] < 0.001
    assert test.all_terms.p < 0.01


def test_imputed_tables_give_the_median_of_their_tests(train):
    tables = [
        train.assign(albumin_g_per_l=np.random.default_rng(seed).normal(40, 5, len(train)))
        for seed in range(3)
    ]
    fit = fitted(tables, (BCLC, ALBUMIN))
    completed = CompletedTables(tuple(tables), {"albumin_g_per_l": 4})
    (test,) = hazard_tests({CLINICAL: fit}, completed, survival_target(train))
    single = [
        proportional_hazards(table, part, survival_target(train)).all_terms.p
        for table, part in zip(tables, fit.parts, strict=True)
    ]
    assert test.n_tables == 3
    assert test.all_terms.p == sorted(single)[1]


@pytest.fixture
def harmless(train) -> pd.DataFrame:
    """Stage C protects in these patients, and albumin harms."""
    stage = train["bclc_stage"].map({"A": "C", "B": "B", "C": "A"})
    albumin = 40 - 0.01 * train["os_days"] + np.random.default_rng(4).normal(0, 5, len(train))
    return train.assign(bclc_stage=stage, albumin_g_per_l=albumin)


def test_signs_against_what_is_known_are_named(harmless):
    model = fit_cox_model(harmless, (BCLC, ALBUMIN, SIGNATURE), survival_target(harmless))
    found = unexpected_signs({CLINICAL: model})
    assert {one.column for one in found} == {"bclc_stage=B", "bclc_stage=C", "albumin_g_per_l"}
    assert {one.expected for one in found if one.column == "albumin_g_per_l"} == {"lowers"}
    for one in found:
        assert (
            one.coefficient == dict(zip(model.columns, model.coefficients, strict=True))[one.column]
        )


def test_one_model_under_two_names_is_judged_once(harmless):
    model = fit_cox_model(harmless, (BCLC,), survival_target(harmless))
    twice = unexpected_signs({CLINICAL: model, COMBINED: model})
    assert {one.kind for one in twice} == {CLINICAL}


def test_what_has_no_known_direction_is_not_judged(harmless):
    model = fit_cox_model(harmless, (BCLC, SIGNATURE), survival_target(harmless))
    assert unexpected_signs({CLINICAL: model}, {}) == ()
