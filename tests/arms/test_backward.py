"""Backward elimination by AIC, by its definition and against R."""

import itertools

import numpy as np
import pytest

from components.arms.backward import backward_aic
from components.arms.records import ArmModels
from components.cohort.endpoint import survival_target
from components.cohort.imputation import CompletedTables
from components.study.vocabulary import ModelKind
from components.survival.cox import fit_cox_model
from components.survival.design import Predictor, column_names
from tests.arms.conftest import fit
from tests.arms.test_two_step import PREDICTORS, whole


def aic(table, predictors):
    model = fit_cox_model(table, predictors, survival_target(table))
    return -2 * model.log_likelihood + 2 * len(column_names(predictors))


def run(table, predictors=PREDICTORS):
    return backward_aic(whole(table), predictors, survival_target(table))


def test_the_path_falls_and_each_step_drops_the_best(train):
    kept, path = run(train)
    assert path.steps[0].dropped is None
    assert path.steps[0].aic == pytest.approx(aic(train, PREDICTORS))
    for before, after in itertools.pairwise(path.steps):
        assert after.aic < before.aic
        assert after.aic == min(before.without.values())
        assert before.without[after.dropped] == after.aic
    assert path.kept == tuple(one.name for one in kept)
    assert path.steps[-1].aic == pytest.approx(aic(train, kept))
    assert all(value >= path.steps[-1].aic for value in path.steps[-1].without.values())
    assert "cirrhosis" not in path.kept
    assert "bclc_stage" in path.kept


def test_the_path_is_that_of_rs_step(train):
    """R 4.2.2, survival 3.5-3: `step(coxph(...))` of these patients."""
    _, path = run(train)
    assert [one.dropped for one in path.steps] == [
        None,
        "cirrhosis",
        "albi_grade",
        "tumor_diameter_cm",
    ]
    from_r = [1210.8390048776, 1209.71203641, 1208.94488772, 1208.822341153]
    assert [one.aic for one in path.steps] == pytest.approx(from_r, rel=1e-11)
    first = {
        "cirrhosis": 1209.712036,
        "albi_grade": 1209.813829,
        "tumor_diameter_cm": 1210.554657,
        "bclc_stage": 1223.005113,
    }
    assert path.steps[0].without == pytest.approx(first, rel=1e-9)


def test_the_order_of_candidates_does_not_matter(train):
    assert set(run(train)[1].kept) == set(run(train, PREDICTORS[::-1])[1].kept)


def test_all_may_go_and_that_is_said(train):
    rng = np.random.default_rng(0)
    noise = train.assign(age_years=rng.normal(size=len(train)))
    age = Predictor(name="age_years", label="Age", kind="continuous")
    kept, path = run(noise, [age])
    assert kept == ()
    assert path.sentence.endswith("no candidate was kept")


def test_with_imputation_the_mean_over_the_tables_counts(train):
    rng = np.random.default_rng(1)
    other = train.assign(tumor_diameter_cm=rng.permutation(train["tumor_diameter_cm"]))
    both = CompletedTables((train, other), {"tumor_diameter_cm": 9})
    _, path = backward_aic(both, PREDICTORS, survival_target(train))
    expected = (aic(train, PREDICTORS) + aic(other, PREDICTORS)) / 2
    assert path.steps[0].aic == pytest.approx(expected)


def test_a_candidate_without_an_estimate_is_excluded_first(train):
    spared = train.assign(capsule=np.where(train["death"] == 1, "absent", "intact"))
    capsule = Predictor(
        name="capsule", label="Capsule", kind="categorical", levels=("absent", "intact")
    )
    kept, path = run(spared, [*PREDICTORS, capsule])
    assert path.excluded == ("capsule",)
    assert kept == run(train)[0]


def test_the_arms_models_by_backward_elimination(protocol, train, test):
    section = protocol.clinical.model_copy(update={"method": "backward_aic", "imputation": None})
    models = fit(protocol, train, test, clinical=section)
    clinical = models.models[ModelKind.CLINICAL]
    assert models.elimination.kept == tuple(one.name for one in clinical.predictors)
    assert models.ridge == {}
    assert any("backward by AIC" in note for note in models.notes)
    assert models.sample_size[ModelKind.CLINICAL].n_parameters == 5
    assert ArmModels.from_json(models.to_json()) == models
