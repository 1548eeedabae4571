import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines.statistics import multivariate_logrank_test

from components.errors import DataError
from components.survival.log_rank import log_rank, pairwise_log_rank
from components.survival.target import SurvivalTarget


def draw(seed, n=60, k=3):
    """Patients in whole days, in k groups and 2 strata."""
    rng = np.random.default_rng(seed)
    target = SurvivalTarget.of(rng.integers(1, 15, n), rng.uniform(size=n) < 0.7)
    return target, np.arange(n) % k, rng.integers(0, 2, n)


@given(st.integers(0, 2**32 - 1), st.integers(2, 4))
@settings(deadline=None, max_examples=25)
def test_it_is_lifelines_without_strata(seed, k):
    target, groups, _ = draw(seed, k=k)
    own = log_rank(target, groups)
    theirs = multivariate_logrank_test(target.time_days, groups, target.event)
    assert own.statistic == pytest.approx(theirs.test_statistic, rel=1e-8)
    assert own.p_value == pytest.approx(theirs.p_value, rel=1e-8)
    assert own.degrees_of_freedom == k - 1
    assert sum(own.observed) == pytest.approx(sum(own.expected)) == target.n_events


@given(
    st.integers(0, 2**32 - 1),
    st.floats(0.01, 100),
    st.sampled_from([0.0, 1.0]),
    st.permutations(["a", "b", "c"]),
)
@settings(deadline=None, max_examples=25)
def test_names_order_and_unit_of_time_change_nothing(seed, unit, rho, names):
    target, groups, strata = draw(seed)
    own = log_rank(target, groups, strata=strata, rho=rho)
    rows = np.random.default_rng(seed).permutation(target.n)
    other = log_rank(
        SurvivalTarget(target.time_days[rows] * unit, target.event[rows]),
        np.array(names)[groups[rows]],
        strata=(1 - strata)[rows],
        rho=rho,
    )
    assert other.statistic == pytest.approx(own.statistic, rel=1e-8)
    at = [other.groups.index(name) for name in names]
    np.testing.assert_allclose(np.array(other.expected)[at], own.expected)
    np.testing.assert_array_equal(np.array(other.n)[at], own.n)


def test_strata_add_up():
    target, groups, strata = draw(3)
    both = log_rank(target, groups, strata=strata)
    parts = [log_rank(target.subset(strata == one), groups[strata == one]) for one in (0, 1)]
    np.testing.assert_allclose(both.expected, np.sum([part.expected for part in parts], axis=0))
    np.testing.assert_allclose(both.variance, np.sum([part.variance for part in parts], axis=0))
    assert both.is_stratified
    assert not parts[0].is_stratified


def test_a_stratum_that_holds_one_group_says_nothing():
    target, groups, _ = draw(5, k=2)
    lonely = SurvivalTarget.of(np.r_[target.time_days, [3, 4]], np.r_[target.event, [True, True]])
    strata = np.r_[np.zeros(target.n), [1, 1]]
    with_it = log_rank(lonely, np.r_[groups, [0, 0]], strata=strata)
    assert with_it.statistic == pytest.approx(log_rank(target, groups).statistic)


def test_pairs_are_compared_and_adjusted():
    target, groups, _ = draw(4)
    pairs = pairwise_log_rank(target, groups)
    assert [(one.first, one.second) for one in pairs] == [("0", "1"), ("0", "2"), ("1", "2")]
    p_values = [one.test.p_value for one in pairs]
    assert [one.p_bonferroni for one in pairs] == pytest.approx([min(3 * p, 1) for p in p_values])
    assert max(one.p_benjamini_hochberg for one in pairs) == pytest.approx(max(p_values))
    among = groups != 2
    assert pairs[0].test == log_rank(target.subset(among), groups[among].astype(str))


def test_a_group_of_one_is_compared():
    own = log_rank(SurvivalTarget.of([1, 2, 3, 4], [1, 1, 1, 0]), ["a", "b", "b", "b"])
    assert own.n == (1, 3)
    assert own.expected[0] == 0.25
    assert own.statistic == pytest.approx(0.75**2 / (0.25 * 0.75))


def test_what_cannot_be_compared_is_said():
    target = SurvivalTarget.of([1, 2], [1, 0])
    with pytest.raises(DataError, match="came 1 groups"):
        log_rank(target, ["a", "a"])
    with pytest.raises(DataError, match="and 0 deaths"):
        log_rank(SurvivalTarget.of([1, 2], [0, 0]), ["a", "b"])
    with pytest.raises(DataError, match="never at risk together"):
        log_rank(target, ["a", "b"], strata=[0, 1])
    with pytest.raises(DataError, match="never at risk together"):
        log_rank(SurvivalTarget.of([5, 5], [1, 1]), ["a", "b"])
    with pytest.raises(DataError, match="there are none"):
        pairwise_log_rank(target, ["a", "a"])
