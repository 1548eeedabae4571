import numpy as np
import pandas as pd
import pytest

from components.errors import UsageError
from components.survival.cox import fit_cox_model
from components.survival.design import Predictor
from components.survival.newton import fit_cox
from components.survival.proportional_hazards import (
    proportional_hazards,
    proportional_hazards_test,
    transformed_times,
)
from components.survival.target import SurvivalTarget

AGE = Predictor(name="age", label="Age", kind="continuous")
STAGE = Predictor(name="stage", label="Stage", kind="categorical", levels=("A", "B", "C"))


@pytest.fixture
def table(sample):
    x, target = sample
    stage = np.array(["A", "B", "C"])[np.arange(target.n) % 3]
    return pd.DataFrame({"age": x[:, 0], "stage": stage}), target


def test_a_term_of_several_columns_is_tested_jointly(table):
    data, target = table
    model = fit_cox_model(data, [AGE, STAGE], target)
    own = proportional_hazards(data, model, target)
    assert [(row.term, row.df) for row in own.terms] == [("age", 1), ("stage", 2)]
    assert own.all_terms.df == 3
    assert own.all_terms.chi_square >= max(row.chi_square for row in own.terms)
    # Another reference level spans the same columns.
    other = Predictor(name="stage", label="Stage", kind="categorical", levels=("C", "B", "A"))
    again = proportional_hazards(data, fit_cox_model(data, [AGE, other], target), target)
    assert again.terms[1].chi_square == pytest.approx(own.terms[1].chi_square, rel=1e-7)


def test_an_effect_that_turns_is_found_and_a_lasting_one_is_not():
    rng = np.random.default_rng(2)
    turns, lasts = rng.integers(0, 2, 400).astype(float), rng.normal(size=400)
    early = rng.exponential(100 / np.exp(1.2 * turns + 0.5 * lasts))
    late = 60 + rng.exponential(100 / np.exp(-1.2 * turns + 0.5 * lasts))
    time = np.where(early < 60, early, late)
    target = SurvivalTarget.of(np.minimum(time, 400), time < 400)
    x = np.column_stack([turns, lasts])
    fit = fit_cox(x, target)
    for transform in ("km", "identity", "rank", "log"):
        own = proportional_hazards_test(
            x,
            fit.coefficients,
            target,
            terms=[("turns", [0]), ("lasts", [1])],
            transform=transform,
        )
        assert own.terms[0].p < 1e-4
        assert own.terms[1].p > 0.01


def test_the_scale_of_time_is_centred_at_the_deaths(sample):
    _, target = sample
    for transform in ("km", "identity", "rank", "log"):
        g = transformed_times(target, transform)
        assert g[target.event].mean() == pytest.approx(0.0, abs=1e-9)
        order = np.argsort(target.time_days)
        assert (np.diff(g[order]) >= 0).all()


def test_strata_weights_and_a_unit_of_time_are_those_of_the_fit(sample):
    x, target = sample
    options = {"strata": np.arange(target.n) % 2, "weights": 1.0 + np.arange(target.n) % 2}
    fit = fit_cox(x, target, **options)
    terms = [("a", [0]), ("b", [1])]
    own = proportional_hazards_test(x, fit.coefficients, target, terms=terms, **options)
    years = SurvivalTarget(target.time_days / 365.25, target.event)
    scaled = proportional_hazards_test(
        x * 1e4, fit.coefficients / 1e4, years, terms=terms, **options
    )
    assert scaled.all_terms.chi_square == pytest.approx(own.all_terms.chi_square, rel=1e-8)


def test_a_model_without_predictors_is_refused(table):
    data, target = table
    with pytest.raises(UsageError, match="without predictors"):
        proportional_hazards(data, fit_cox_model(data, [], target), target)
