import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.errors import FitFailed
from components.survival.selection import correlation_filter

RULES = ("exact", "inexact", "first_come")


@given(st.integers(0, 2**32 - 1), st.integers(2, 30), st.floats(0.2, 0.95), st.sampled_from(RULES))
@settings(deadline=None, max_examples=60)
def test_no_pair_is_left_and_no_order_heeded(seed, p, maximum, rule):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(25, 4)) @ rng.normal(size=(4, p)) + 0.3 * rng.normal(size=(25, p))
    kept = correlation_filter(x, maximum=maximum, rule=rule)
    left = np.abs(np.corrcoef(x[:, kept], rowvar=False)).reshape(kept.size, kept.size)
    assert (left - np.eye(kept.size)).max(initial=0.0) <= maximum + 1e-12
    rows = rng.permutation(25)
    np.testing.assert_array_equal(correlation_filter(x[rows], maximum=maximum, rule=rule), kept)
    if rule != "first_come":
        order = rng.permutation(p)
        again = correlation_filter(x[:, order], maximum=maximum, rule=rule)
        assert set(order[again]) == set(kept)


def test_of_two_copies_the_last_stays():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(40, 5))
    x[:, 3], x[:, 4] = 2 * x[:, 0] + 1, -x[:, 2]
    for rule in ("exact", "inexact"):
        assert correlation_filter(x, maximum=0.9, rule=rule).tolist() == [1, 3, 4]


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=25)
def test_ranks_know_no_monotone_transform(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(30, 3)) @ rng.normal(size=(3, 8)) + 0.3 * rng.normal(size=(30, 8))
    kept = correlation_filter(x, maximum=0.6, method="spearman")
    np.testing.assert_array_equal(
        correlation_filter(np.exp(x), maximum=0.6, method="spearman"), kept
    )


def test_of_two_columns_the_one_without_the_outlier_stays():
    rng = np.random.default_rng(3)
    calm = rng.normal(size=40)
    wild = calm.copy()
    wild[np.argmax(np.abs(wild))] *= 1.8
    for table, kept in (([calm, wild], 0), ([wild, calm], 1)):
        np.testing.assert_array_equal(
            correlation_filter(np.column_stack(table), maximum=0.8), [kept]
        )


@pytest.mark.parametrize("rule", RULES)
def test_of_equal_columns_one_stays(rule):
    column = np.random.default_rng(1).normal(size=(30, 1))
    copies = np.hstack([column, 2 * column, -column])
    assert correlation_filter(copies, maximum=0.8, rule=rule).size == 1


def test_what_has_no_correlation_is_said():
    column = np.random.default_rng(1).normal(size=(30, 1))
    with pytest.raises(FitFailed, match="came 1; leave"):
        correlation_filter(np.hstack([column, np.ones((30, 1))]), maximum=0.8)
    with pytest.raises(FitFailed, match="1 hold missing or infinite"):
        correlation_filter(np.hstack([column, np.full((30, 1), np.nan)]), maximum=0.8)
    assert correlation_filter(column, maximum=0.8).tolist() == [0]
