import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.errors import FitFailed, NoEventsInArm
from components.survival.newton import fit_cox
from components.survival.selection import correlation_filter, univariate_screen
from components.survival.target import SurvivalTarget


@pytest.fixture(scope="module")
def genes(inputs, values):
    """The 76 genes of the breast cancer set: (columns, x, table)."""
    table = inputs("breast_cancer")
    columns = values("breast_cancer", "correlation_filter")["columns"]
    return columns, table[columns].to_numpy(float), table


@pytest.mark.parametrize("maximum", [0.5, 0.7, 0.8])
def test_correlation_filter_agrees_with_caret(maximum, genes, values):
    columns, x, _ = genes
    kept = set(correlation_filter(x, maximum=maximum))
    dropped = [name for number, name in enumerate(columns) if number not in kept]
    r = values("breast_cancer", "correlation_filter")[f"caret_findCorrelation_drop_{maximum}"]
    assert sorted(dropped) == sorted(r)


@given(st.integers(0, 2**32 - 1), st.integers(3, 30), st.floats(0.2, 0.95))
@settings(deadline=None, max_examples=60)
def test_correlation_filter_leaves_no_pair_and_heeds_no_order(seed, p, maximum):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(25, 4)) @ rng.normal(size=(4, p)) + 0.3 * rng.normal(size=(25, p))
    kept = correlation_filter(x, maximum=maximum)
    left = np.abs(np.corrcoef(x[:, kept], rowvar=False)).reshape(kept.size, kept.size)
    assert (left - np.eye(kept.size)).max() <= maximum + 1e-12
    order = rng.permutation(p)
    assert set(order[correlation_filter(x[:, order], maximum=maximum)]) == set(kept)


def test_of_equal_columns_one_stays():
    column = np.random.default_rng(1).normal(size=(30, 1))
    assert correlation_filter(np.hstack([column, 2 * column, -column]), maximum=0.8).size == 1
    with pytest.raises(FitFailed, match="came 1; leave"):
        correlation_filter(np.hstack([column, np.ones((30, 1))]), maximum=0.8)


def test_screen_agrees_with_coxph(genes, values):
    _, x, table = genes
    scans = [s for s in values("breast_cancer", "univariate_cox")["scans"] if s["ties"] == "efron"]
    assert len(scans) == 2
    for r in scans:
        own = univariate_screen(x, SurvivalTarget.of(table[r["time"]], table["event"]))
        np.testing.assert_allclose(own.coefficient, r["coef"], rtol=1e-8)
        np.testing.assert_allclose(own.standard_error, r["se"], rtol=1e-8)
        np.testing.assert_allclose(own.z, r["z"], rtol=1e-8)
        np.testing.assert_allclose(own.p_value, r["p_wald"], rtol=1e-6)


def test_screen_is_one_stratified_cox_model_a_column(sample):
    x, target = sample
    wide = np.hstack([x * 10.0**k for k in range(-40, 40, 4)])
    strata = np.arange(target.n) % 2
    screen = univariate_screen(wide, target, strata=strata)
    for number in (0, 17, wide.shape[1] - 1):
        fit = fit_cox(wide[:, [number]], target, strata=strata)
        assert screen.coefficient[number] == pytest.approx(fit.coefficients[0], rel=1e-9)
        assert screen.standard_error[number] == pytest.approx(fit.standard_errors[0], rel=1e-9)


def test_screen_has_no_number_where_no_estimate_exists(sample):
    x, target = sample
    separating = np.zeros(target.n)
    separating[np.flatnonzero(~target.event)[:5]] = 1
    screen = univariate_screen(np.column_stack([x[:, 0], np.ones(target.n), separating]), target)
    assert np.isnan(screen.p_value).tolist() == [False, True, True]
    with pytest.raises(NoEventsInArm):
        univariate_screen(x, SurvivalTarget(target.time_days, np.zeros(target.n, dtype=bool)))


def test_far_outliers_do_not_stop_the_screen(sample):
    x, target = sample
    x[0] = 1e3
    screen = univariate_screen(x, target)
    fit = fit_cox(x[:, [1]], target)
    assert screen.coefficient[1] == pytest.approx(fit.coefficients[0], rel=1e-7)
