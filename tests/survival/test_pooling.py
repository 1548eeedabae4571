"""Rubin's rules against R's mice and by hand."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from components.errors import UsageError
from components.survival.cox import fit_cox_model
from components.survival.design import Predictor
from components.survival.pooling import pool, pool_fits, pool_models, wald_test
from components.survival.target import SurvivalTarget

ESTIMATES = np.array([0.51, 0.62, 0.44, 0.70, 0.58])
VARIANCES = np.array([0.04, 0.05, 0.045, 0.038, 0.047])
MICE = {
    "qbar": 0.57,
    "ubar": 0.044,
    "b": 0.01,
    "t": 0.056,
    "df": 40.662738396648599,
    "fmi": 0.250275865823007,
    "df_infinite": 87.111111111111171,
    "fmi_infinite": 0.231724502378016,
}


@pytest.fixture(scope="module")
def pooled():
    return pool(ESTIMATES[:, None], VARIANCES[:, None, None])


def test_one_coefficient_is_that_of_mice(pooled):
    """mice 3.15.0: `pool.scalar(Q, U, n = 100, k = 1)`, lambda by its definition."""
    assert pooled.coefficients[0] == pytest.approx(MICE["qbar"], rel=1e-12)
    assert pooled.within[0, 0] == pytest.approx(MICE["ubar"], rel=1e-12)
    assert pooled.between[0, 0] == pytest.approx(MICE["b"], rel=1e-12)
    assert pooled.total[0, 0] == pytest.approx(MICE["t"], rel=1e-12)
    assert pooled.degrees_of_freedom(99)[0] == pytest.approx(MICE["df"], rel=1e-12)
    assert pooled.missing_information(99)[0] == pytest.approx(MICE["fmi"], rel=1e-12)
    assert pooled.degrees_of_freedom()[0] == pytest.approx(MICE["df_infinite"], rel=1e-12)
    assert pooled.missing_information()[0] == pytest.approx(MICE["fmi_infinite"], rel=1e-12)
    share = 1.2 * MICE["b"] / MICE["t"]
    assert pooled.share_of_imputation[0] == pytest.approx(share, rel=1e-12)
    assert pooled.relative_efficiency()[0] == pytest.approx(1 / (1 + MICE["fmi_infinite"] / 5))


def test_equal_tables_add_nothing():
    one = pool(np.full((4, 2), 0.3), np.tile(np.diag([0.1, 0.2]), (4, 1, 1)))
    assert one.total.tolist() == np.diag([0.1, 0.2]).tolist()
    assert one.share_of_imputation.tolist() == [0.0, 0.0]


def test_one_table_is_not_pooled():
    with pytest.raises(UsageError, match="at least 2 completed tables"):
        pool(np.zeros((1, 2)), np.zeros((1, 2, 2)))


def test_the_joint_test_of_one_table_is_walds():
    covariance = np.array([[0.05, 0.01], [0.01, 0.08]])
    found = wald_test(np.array([[0.4, -0.3]]), covariance[None])
    chi_square = np.array([0.4, -0.3]) @ np.linalg.inv(covariance) @ np.array([0.4, -0.3])
    assert found.statistic == pytest.approx(chi_square)
    assert (found.degrees_of_freedom, found.denominator) == (2, None)
    assert found.p_value == pytest.approx(stats.chi2.sf(chi_square, 2))


def test_the_joint_test_of_several_tables_is_d1_by_its_formulas():
    """van Buuren 2018, equations 5.1-5.3, written out; mice's `pool.compare` has the same df."""
    rng = np.random.default_rng(1)
    estimates = rng.normal([0.4, -0.3], 0.1, (4, 2))
    covariances = np.array([np.diag([0.05, 0.08]) * (1 + 0.1 * k) for k in range(4)])
    mean, within = estimates.mean(axis=0), covariances.mean(axis=0)
    between = np.cov(estimates.T)
    r = (1 + 1 / 4) * np.trace(between @ np.linalg.inv(within)) / 2
    d1 = mean @ np.linalg.inv(within) @ mean / (2 * (1 + r))
    t = 2 * 3
    df = 4 + (t - 4) * (1 + (1 - 2 / t) / r) ** 2
    found = wald_test(estimates, covariances)
    assert found.statistic == pytest.approx(d1, rel=1e-12)
    assert found.denominator == pytest.approx(df, rel=1e-12)
    assert found.p_value == pytest.approx(stats.f.sf(d1, 2, df), rel=1e-12)


def test_with_few_tables_the_denominator_is_the_other_formula():
    estimates = np.array([[0.2], [0.5], [0.3]])
    found = wald_test(estimates, np.full((3, 1, 1), 0.04))
    r = (4 / 3) * np.var(estimates, ddof=1) / 0.04
    assert found.denominator == pytest.approx(2 * 2 * (1 + 1 / r) ** 2 / 2)
    assert found.statistic == pytest.approx((1 / 3) ** 2 / 0.04 / (1 + r))


def tables(shift):
    """Two completed tables that differ in one patient's value, and the follow-up."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=80)
    target = SurvivalTarget.of(rng.exponential(np.exp(-x)) * 500 + 1, rng.random(80) < 0.7)
    other = x.copy()
    other[:8] += shift
    return [pd.DataFrame({"x": one}) for one in (x, other)], target


X = (Predictor(name="x", label="x", kind="continuous"),)


def test_pooled_survival_is_averaged_on_the_log_log_scale_at_the_pooled_centre():
    both, target = tables(0.8)
    models = [fit_cox_model(one, X, target) for one in both]
    model = pool_models(models)
    centre = (both[0]["x"].mean() + both[1]["x"].mean()) / 2
    times = [200, 500, 900]
    by_table = []
    for one in models:
        lp = (centre - one.means[0]) * one.coefficients[0]
        by_table.append(np.log(-np.log(one.survival_at(np.array([lp]), times)[0])))
    expected = np.exp(-np.exp(np.mean(by_table, axis=0)))
    assert model.survival_at(np.zeros(1), times)[0] == pytest.approx(expected, rel=1e-12)
    assert model.means[0] == pytest.approx(centre)
    assert model.coefficients[0] == pytest.approx(np.mean([one.coefficients[0] for one in models]))
    assert model.standard_errors[0] == pytest.approx(math.sqrt(pool_fits(models).total[0, 0]))
    assert model.standard_errors[0] > np.mean([one.standard_errors[0] for one in models])


def test_pooling_equal_models_changes_nothing():
    both, target = tables(0.0)
    models = [fit_cox_model(one, X, target) for one in both]
    assert pool_models(models).model_dump(exclude={"baseline"}) == models[0].model_dump(
        exclude={"baseline"}
    )
    assert pool_models(models).baseline.cumulative_hazard == pytest.approx(
        models[0].baseline.cumulative_hazard, rel=1e-12
    )
    assert pool_models(models[:1]) is models[0]
