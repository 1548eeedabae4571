"""Riley's criteria against published examples and by simulation's extremes."""

import math

import numpy as np
import pandas as pd
import pytest

from components.arms.preparation import prepare_arm
from components.arms.sample_size import least_n, required_n, sample_size
from components.cohort.endpoint import survival_target
from components.cohort.imputation import CompletedTables
from components.study.vocabulary import ModelKind, SignatureState
from tests.arms.conftest import ARM, draw_arm


@pytest.mark.parametrize(
    ("r2", "p", "n"),
    [
        (0.1, 20, 1698),  # Riley et al. 2020, doi:10.1136/bmj.m441
        (0.051, 30, 5143),  # Riley et al. 2019, recurrence of venous thromboembolism
    ],
)
def test_the_least_number_is_that_of_the_published_examples(r2, p, n):
    assert required_n(r2, p, shrinkage=0.9) == pytest.approx(n, abs=1)


def test_both_criteria_are_those_of_pmsampsize():
    """Its example `type = "s", rsquared = 0.051, parameters = 30`, Riley et al. 2019, table 4.

    Criterion 1 asks for 5143; criterion 2, with a largest R2 of 0.555, for 1039 at a shrinkage of
    0.648.
    """
    assert least_n(0.051, 30, largest_r2=0.555) == 5143
    by_optimism = 0.051 / (0.051 + 0.05 * 0.555)
    assert by_optimism == pytest.approx(0.648, abs=5e-4)
    # The largest R2 is printed to three digits.
    assert required_n(0.051, 30, shrinkage=by_optimism) == pytest.approx(1039, abs=2)


def test_the_second_criterion_decides_where_much_is_explained():
    """An R2 of 0.4 where 0.5 is the most: an optimism of 0.05 asks for a shrinkage of 0.94."""
    first = math.ceil(required_n(0.4, 10, shrinkage=0.9))
    by_optimism = 0.4 / (0.4 + 0.05 * 0.5)
    assert by_optimism > 0.9
    assert least_n(0.4, 10, largest_r2=0.5) > first


def judge(table, names):
    prepared = prepare_arm(ARM, table, names=names, signature=SignatureState.FITTED)
    whole, target = CompletedTables((table,), {}), survival_target(table)
    return sample_size(ARM, ModelKind.CLINICAL, whole, prepared.clinical, target)


def test_the_shrinkage_is_the_heuristic_one_of_the_likelihood_ratio(models, train):
    found = models.sample_size[ModelKind.DLRADIOMICS]
    model = models.models[ModelKind.DLRADIOMICS]  # unpenalised
    chi_square = 2 * (model.log_likelihood - model.log_likelihood_null)
    assert found.expected_shrinkage == pytest.approx(1 - 1 / chi_square, rel=1e-9)
    assert found.r2_cox_snell == pytest.approx(1 - math.exp(-chi_square / 208), rel=1e-9)
    assert found.events_per_parameter == train["death"].sum()


def test_the_penalised_model_is_judged_without_its_penalty(models):
    found = models.sample_size[ModelKind.CLINICAL]
    model = models.models[ModelKind.CLINICAL]
    chi_square = 2 * (model.log_likelihood - model.log_likelihood_null)
    assert found.r2_cox_snell > 1 - math.exp(-chi_square / 208)
    assert found.n_parameters == len(model.columns) == 5


def test_below_the_minimum_the_report_says_so(models):
    found = models.sample_size[ModelKind.CLINICAL]
    assert not found.is_sufficient
    assert found.minimum_n > found.n
    assert "a stable model cannot be expected from these data" in found.sentence
    assert found.sentence in models.notes
    enough = models.sample_size[ModelKind.DLRADIOMICS]
    assert enough.is_sufficient
    assert "stable" not in enough.sentence
    assert enough.sentence not in models.notes


def test_more_patients_suffice():
    large = judge(draw_arm(3000, seed=5, prefix="L"), ("bclc_stage", "tumor_diameter_cm"))
    assert large.is_sufficient
    assert large.expected_shrinkage > 0.95


def test_a_predictor_of_nothing_is_called_that():
    """Every man has a woman who lived and died like him: the likelihood ratio is 0."""
    table = draw_arm(60, seed=3, prefix="N")
    twins = table.set_index(table.index + "twin").assign(sex="female")
    found = judge(pd.concat([table.assign(sex="male"), twins]), ("sex",))
    assert found.minimum_n is None
    assert "no more than chance" in found.sentence
    assert not found.is_sufficient


def test_separation_is_said():
    table = draw_arm(80, seed=3, prefix="S")
    table["bclc_stage"] = np.where(table["death"] == 1, "A", table["bclc_stage"])
    found = judge(table, ("bclc_stage",))
    assert found.expected_shrinkage is None
    assert "its estimate does not exist" in found.sentence
