import numpy as np
import pandas as pd
import pytest

from components.errors import CohortRejected, FitFailed, NoEventsInArm, UsageError
from components.survival.cox import CoxModel, choose_ridge, fit_cox, fit_cox_model
from components.survival.design import Predictor
from components.survival.target import SurvivalTarget


def continuous(*names):
    return [Predictor(name=name, label=name, kind="continuous") for name in names]


def test_no_predictors_gives_the_samples_own_survival(sample):
    _, target = sample
    model = fit_cox_model(pd.DataFrame(index=range(target.n)), [], target, ties="breslow")
    assert model.columns == ()
    assert model.log_likelihood == model.log_likelihood_null
    deaths, counts = np.unique(target.time_days[target.event], return_counts=True)
    at_risk = (target.time_days[:, None] >= deaths).sum(axis=0)
    np.testing.assert_allclose(model.baseline.cumulative_hazard, np.cumsum(counts / at_risk))


def test_survival_is_a_right_continuous_step_function(sample):
    x, target = sample
    table = pd.DataFrame(x, columns=["a", "b"])
    model = fit_cox_model(table, continuous("a", "b"), target)
    first = model.baseline.times_days[0]
    at_zero = np.zeros(1)
    before, at, after = model.survival_at(at_zero, [first - 0.5, first, first + 0.5])[0]
    assert before == 1.0
    assert at == after < 1.0
    with pytest.raises(UsageError, match="horizon 9999 days exceeds"):
        model.survival_at(at_zero, [365 / 5, 9999])


def test_median_is_the_first_time_at_half_or_none(sample):
    x, target = sample
    table = pd.DataFrame(x, columns=["a", "b"])
    model = fit_cox_model(table, continuous("a", "b"), target)
    high, low = model.median_days(np.array([2.0, -4.0]))
    assert low is None
    assert model.survival_at(np.array([2.0]), [high])[0, 0] <= 0.5
    assert model.survival_at(np.array([2.0]), [high - 0.5])[0, 0] > 0.5


def test_json_round_trip_is_exact(sample):
    x, target = sample
    model = fit_cox_model(pd.DataFrame(x, columns=["a", "b"]), continuous("a", "b"), target)
    text = model.to_json()
    assert '"schema":"armwise.cox_model/1"' in text
    assert CoxModel.from_json(text) == model


def test_strata_share_coefficients_but_no_risk_sets(sample):
    x, target = sample
    strata = np.arange(120) % 2
    both = fit_cox(x, target, strata=strata)
    # Shifting one stratum beyond all times of the other changes nothing.
    shifted = SurvivalTarget(target.time_days + 1000.0 * strata, target.event)
    again = fit_cox(x, shifted, strata=strata)
    np.testing.assert_allclose(both.coefficients, again.coefficients, rtol=1e-10)
    assert not np.allclose(fit_cox(x, target).coefficients, both.coefficients, rtol=1e-3)


def test_ridge_maximises_the_penalised_likelihood(sample):
    x, target = sample
    x = x * [1.0, 100.0]
    fit = fit_cox(x, target, ridge=20.0)
    free = fit_cox(x, target)
    assert abs(fit.coefficients[0]) < abs(free.coefficients[0])
    rescaled = fit_cox(x * [7.0, 0.01], target, ridge=20.0)
    np.testing.assert_allclose(rescaled.coefficients * [7.0, 0.01], fit.coefficients, rtol=1e-9)


def test_ridge_by_cross_validation_is_reproducible_and_skips_what_has_no_estimate(sample):
    x, target = sample
    rare = np.zeros(120)
    rare[np.flatnonzero(~target.event)[:3]] = 1
    table = pd.DataFrame({"a": x[:, 0], "rare": rare})
    arguments = {"penalties": (0.0, 1.0, 10.0), "n_folds": 5}
    choice = choose_ridge(
        table, continuous("a", "rare"), target, rng=np.random.default_rng(1), **arguments
    )
    assert choice.deviance[0] is None
    assert choice.penalty in (1.0, 10.0)
    again = choose_ridge(
        table, continuous("a", "rare"), target, rng=np.random.default_rng(1), **arguments
    )
    assert again == choice
    with pytest.raises(FitFailed, match="no ridge penalty among 0 gives"):
        choose_ridge(
            table,
            continuous("rare"),
            target,
            penalties=(0.0,),
            n_folds=5,
            rng=np.random.default_rng(1),
        )


def test_separation_is_named_with_counts_and_ridge_helps(sample):
    x, target = sample
    separating = np.zeros(120)
    separating[np.flatnonzero(~target.event)[:6]] = 1
    design = np.column_stack([x[:, 0], separating])
    with pytest.raises(FitFailed, match=r"'cirrhosis=yes' separates .* \(0 of 6 with it died"):
        fit_cox(design, target, columns=("age", "cirrhosis=yes"))
    assert np.isfinite(fit_cox(design, target, ridge=1.0).standard_errors).all()


def test_a_perfectly_ordering_score_has_no_estimate():
    target = SurvivalTarget.of(np.arange(1, 31), np.ones(30))
    with pytest.raises(FitFailed, match="score"):
        fit_cox(-np.arange(30.0).reshape(-1, 1), target, columns=("score",))


def test_constant_repeated_and_infinite_columns_are_named(sample):
    x, target = sample
    with pytest.raises(FitFailed, match="'b' is constant"):
        fit_cox(np.column_stack([x[:, 0], np.ones(120)]), target, columns=("a", "b"))
    with pytest.raises(FitFailed, match="a, c repeat each other"):
        fit_cox(np.column_stack([x, 2 * x[:, 0] + 1]), target, columns=("a", "b", "c"))
    x[3, 1] = np.inf
    with pytest.raises(FitFailed, match="finite values, column 'b'"):
        fit_cox(x, target, columns=("a", "b"))


def test_no_deaths_and_unknown_levels_are_refused(sample):
    x, target = sample
    alive = SurvivalTarget(target.time_days, np.zeros(120, dtype=bool))
    with pytest.raises(NoEventsInArm, match="none of the 120 patients"):
        fit_cox(x, alive)
    stage = Predictor(name="stage", label="Stage", kind="categorical", levels=("A", "B"))
    with pytest.raises(CohortRejected, match="'stage'"):
        fit_cox_model(pd.DataFrame({"stage": ["C"] * 120}), [stage], target)
