import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from components.errors import DataError
from components.survival.delong import (
    DeLong,
    auc_delong,
    mann_whitney_p,
    paired_auc_test,
    unpaired_auc_test,
)


def draw(seed, n=40):
    """Labels and two scores with ties, the first with something to say."""
    rng = np.random.default_rng(seed)
    is_case = np.arange(n) % 3 == 0
    return is_case, rng.integers(0, 12, n) + 3.0 * is_case, rng.integers(0, 12, n) * 1.0


def by_pairs(is_case, score):
    """DeLong's variance over all pairs, as it is written in the paper."""
    case, control = score[is_case][:, None], score[~is_case]
    above = (case > control) + 0.5 * (case == control)
    return np.var(above.mean(axis=1), ddof=1) / len(case) + np.var(
        above.mean(axis=0), ddof=1
    ) / len(control)


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=25)
def test_area_is_scikit_learns_and_variance_that_of_all_pairs(seed):
    is_case, score, _ = draw(seed)
    own = DeLong.of(is_case, score)
    assert own.auc == pytest.approx(roc_auc_score(is_case, score))
    assert own.variance == pytest.approx(by_pairs(is_case, score))


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=25)
def test_ranks_order_and_names_alone_count(seed):
    is_case, first, second = draw(seed)
    own = paired_auc_test(is_case, first, second)
    rows = np.random.default_rng(seed).permutation(is_case.size)
    other = paired_auc_test(is_case[rows], np.exp(first / 5)[rows], second[rows] ** 3)
    assert other.difference.value == pytest.approx(own.difference.value)
    assert other.p_value == pytest.approx(own.p_value)
    turned = paired_auc_test(is_case, second, first)
    assert turned.statistic == pytest.approx(-own.statistic)
    assert turned.difference.lower == pytest.approx(-own.difference.upper)
    # The less of a score in the cases of a relabelled outcome.
    assert auc_delong(~is_case, -first).value == pytest.approx(own.first.value)
    assert auc_delong(is_case, -first).value == pytest.approx(1 - own.first.value)


def test_p_belongs_to_the_interval():
    for seed in range(30):
        is_case, first, second = draw(seed)
        own = paired_auc_test(is_case, first, second)
        leaves_out = own.difference.lower > 0 or own.difference.upper < 0
        assert (own.p_value < 0.05) == leaves_out
        half = own.first.value - own.first.lower
        assert (
            half / 1.959963984540054 == pytest.approx(by_pairs(is_case, first) ** 0.5)
            or own.first.upper == 1.0
        )


def test_two_groups_of_patients_are_not_paired():
    is_case, first, second = draw(1)
    own = unpaired_auc_test((is_case, first), (is_case, second))
    paired = paired_auc_test(is_case, first, second)
    assert own.difference.value == paired.difference.value
    assert (own.difference.n, paired.difference.n) == (80, 40)
    variance = by_pairs(is_case, first) + by_pairs(is_case, second)
    assert own.statistic == pytest.approx(own.difference.value / variance**0.5)
    assert 39 < own.degrees_of_freedom < 78
    assert paired.degrees_of_freedom is None


def test_small_samples_without_ties_are_tested_exactly():
    is_case = np.array([True, True, True, False, False, False])
    assert mann_whitney_p(is_case, [4, 5, 6, 1, 2, 3]) == pytest.approx(0.1)
    assert mann_whitney_p(is_case, [4, 5, 6, 1, 2, 4]) != pytest.approx(0.1)
    assert mann_whitney_p(is_case, np.ones(6)) == 1.0


def test_what_has_no_interval_says_why():
    is_case = np.array([True, True, False, False])
    parted = auc_delong(is_case, [3, 4, 1, 2])
    assert (parted.value, parted.lower, parted.upper) == (1.0, 1.0, 1.0)
    assert parted.note == "the score parts cases from controls, so DeLong's interval has no width"
    single = auc_delong([True, False, False], [2, 1, 3])
    assert (single.value, single.lower) == (0.5, None)
    assert single.note == "one case or one control gives no variance"
    same = paired_auc_test(is_case, [3, 1, 2, 4], [3, 1, 2, 4])
    assert (same.statistic, same.p_value) == (0.0, 1.0)
    flat = auc_delong(is_case, np.ones(4))
    assert (flat.value, flat.lower) == (0.5, 0.5)
    assert flat.note == "the score is the same for all patients"
    assert paired_auc_test([True, False, False], [2, 1, 3], [1, 2, 3]).p_value is None


@pytest.mark.parametrize(
    ("is_case", "score", "said"),
    [
        ([True, True], [1, 2], "came 2 cases, 0 controls"),
        ([False, False], [1, 2], "came 0 cases, 2 controls"),
        ([True, False], [1, np.nan], "1 scores that are not finite"),
        ([True, False, True], [1, 2], "as many labels as scores"),
        ([], [], "came 0 cases, 0 controls"),
    ],
)
def test_what_has_no_roc_curve_is_said(is_case, score, said):
    with pytest.raises(DataError, match=said):
        auc_delong(is_case, score)
