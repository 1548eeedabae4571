import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score, roc_curve

from components.errors import DataError
from components.survival.binary_roc import binary_roc, classify, share_estimate


def draw(seed, n=50):
    rng = np.random.default_rng(seed)
    is_case = rng.uniform(size=n) < 0.4
    is_case[:2] = True, False
    return is_case, rng.integers(0, 15, n) + 4.0 * is_case


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=25)
def test_points_are_scikit_learns_and_enclose_the_area(seed):
    is_case, score = draw(seed)
    own = binary_roc(is_case, score)
    false_positive, true_positive, _ = roc_curve(is_case, score, drop_intermediate=False)
    np.testing.assert_allclose(own.sensitivity[::-1], true_positive)
    np.testing.assert_allclose(1 - own.specificity[::-1], false_positive)
    area = np.trapezoid(own.sensitivity[::-1], 1 - own.specificity[::-1])
    assert area == pytest.approx(roc_auc_score(is_case, score))


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=25)
def test_ranks_order_and_doubling_change_no_share(seed):
    is_case, score = draw(seed)
    own = binary_roc(is_case, score)
    rows = np.repeat(np.random.default_rng(seed).permutation(is_case.size), 2)
    other = binary_roc(is_case[rows], np.exp(score / 5)[rows])
    np.testing.assert_allclose(other.sensitivity, own.sensitivity)
    np.testing.assert_allclose(other.specificity, own.specificity)
    assert (other.n_cases, other.n_controls) == (2 * own.n_cases, 2 * own.n_controls)


def test_the_best_thresholds_are_the_best():
    is_case, score = draw(3)
    own = binary_roc(is_case, score)
    gains = own.sensitivity + own.specificity
    for threshold in own.youden():
        at = classify(is_case, score, threshold=threshold)
        assert at.sensitivity.value + at.specificity.value == pytest.approx(gains.max())
    corner = (1 - own.sensitivity) ** 2 + (1 - own.specificity) ** 2
    for threshold in own.closest_to_top_left():
        at = classify(is_case, score, threshold=threshold)
        distance = (1 - at.sensitivity.value) ** 2 + (1 - at.specificity.value) ** 2
        assert distance == pytest.approx(corner.min())


def test_equally_good_thresholds_are_all_given():
    own = binary_roc([True, False, True, False], [4, 3, 2, 1])
    np.testing.assert_array_equal(own.youden(), [1.5, 3.5])


def test_counts_and_shares():
    is_case = np.array([True, True, False, False, False])
    own = classify(is_case, [3, 1, 2, 1, 0], threshold=1.5)
    counts = (own.true_positives, own.false_positives, own.true_negatives, own.false_negatives)
    assert counts == (1, 1, 2, 1)
    shares = (own.sensitivity, own.specificity, own.accuracy, own.ppv, own.npv)
    assert [one.value for one in shares] == pytest.approx([1 / 2, 2 / 3, 3 / 5, 1 / 2, 2 / 3])
    assert [one.n for one in shares] == [2, 3, 5, 2, 3]
    nobody = classify(is_case, [3, 1, 2, 1, 0], threshold=9)
    assert (nobody.ppv.value, nobody.ppv.note) == (None, "nobody is counted")


@pytest.mark.parametrize(("hits", "n"), [(0, 9), (9, 9), (4, 30)])
def test_intervals_of_shares_are_scipys(hits, n):
    for interval in ("exact", "wilson"):
        own = share_estimate(hits, n, name="share", interval=interval)
        theirs = binomtest(hits, n).proportion_ci(method=interval)
        assert (own.lower, own.upper) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    wald = share_estimate(hits, n, name="share", interval="wald")
    assert 0 <= wald.lower <= wald.value <= wald.upper <= 1


def test_neighboring_doubles_have_a_threshold_between():
    low = 1.0
    own = binary_roc([False, True], [low, np.nextafter(low, 2)])
    at = classify([False, True], [low, np.nextafter(low, 2)], threshold=own.youden()[0])
    assert at.accuracy.value == 1.0


def test_a_constant_score_parts_nobody():
    own = binary_roc([True, False, True], [2, 2, 2])
    np.testing.assert_array_equal(own.thresholds, [-np.inf, np.inf])
    with pytest.raises(DataError, match="may part nobody"):
        classify([True, False, True], [2, 2, 2], threshold=own.youden()[0])


def test_what_has_no_roc_curve_is_said():
    with pytest.raises(DataError, match="came 0 cases"):
        binary_roc([False, False], [1, 2])
