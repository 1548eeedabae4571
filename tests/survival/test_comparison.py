import numpy as np
import pytest

from components.survival.brier import brier_score
from components.survival.comparison import PairedComparison, compare_auc, compare_brier, compare_c
from components.survival.discrimination import auc_ipcw, c_difference, harrell_c
from components.survival.one_shot import compare_c_one_shot
from components.survival.target import SurvivalTarget

SCORES = {
    "C": lambda target, a, b: compare_c(target, a, b),
    "Uno's C": lambda target, a, b: compare_c(target, a, b, tau_days=50),
    "one-shot": compare_c_one_shot,
    "AUC": lambda target, a, b: compare_auc(target, a, b, horizon_days=30),
    "Brier": lambda target, a, b: compare_brier(
        target, 1 / (1 + np.exp(a)), 1 / (1 + np.exp(b)), 30
    ),
}


@pytest.mark.parametrize("compare", SCORES.values(), ids=SCORES)
def test_first_minus_second_and_back(sample, compare):
    x, target = sample
    own, back = compare(target, *x.T), compare(target, *x[:, ::-1].T)
    assert own.difference.value == pytest.approx(-back.difference.value)
    assert (own.p, own.std_error) == pytest.approx((back.p, back.std_error))
    assert own.z == pytest.approx(own.difference.value / own.std_error)
    assert (own.difference.lower > 0 or own.difference.upper < 0) == (own.p < 0.05)
    (a, both), (_, b) = own.covariance
    assert own.std_error**2 == pytest.approx(a + b - 2 * both)
    assert PairedComparison.from_json(own.to_json()) == own


@pytest.mark.parametrize("compare", SCORES.values(), ids=SCORES)
def test_a_score_against_itself_has_no_test(sample, compare):
    x, target = sample
    own = compare(target, x[:, 0], x[:, 0].copy())
    assert (own.difference.value, own.z, own.p) == (0.0, None, None)
    assert "no test" in own.difference.note


@pytest.mark.parametrize("compare", SCORES.values(), ids=SCORES)
def test_without_deaths_nothing_is_compared(sample, compare):
    x, target = sample
    nobody = SurvivalTarget(np.minimum(target.time_days, 25.0), np.zeros(target.n, dtype=bool))
    own = compare(nobody, *x.T)
    assert own.difference.value is None
    assert own.difference.note
    assert (own.std_error, own.covariance, own.p) == (None, None, None)


def test_the_parts_are_the_figures_own(sample):
    x, target = sample
    own = compare_auc(target, *x.T, horizon_days=30)
    figures = [auc_ipcw(target, score, horizon_days=30).value for score in x.T]
    assert own.difference.value == pytest.approx(figures[0] - figures[1])
    predicted = 1 / (1 + np.exp(x))
    own = compare_brier(target, *predicted.T, 30)
    figures = [brier_score(target, column, 30).value for column in predicted.T]
    assert own.difference.value == pytest.approx(figures[0] - figures[1])
    arm = np.repeat([0, 1], target.n // 2)
    own = compare_c(target, *x.T, strata=arm)
    figures = [harrell_c(target, score, strata=arm).value for score in x.T]
    assert own.difference.value == pytest.approx(figures[0] - figures[1])


def test_the_difference_names_which_c_it_is(sample):
    x, target = sample
    assert c_difference(target, *x.T).method.startswith("difference of Harrell's C")
    uno = c_difference(target, *x.T, tau_days=50)
    assert uno.method.startswith("difference of Uno's C")
    assert uno.horizon_days == 50


def test_the_one_shot_variance_is_unbiased_over_pairs():
    """Among few patients: against sums over all quadruples of different patients."""
    rng = np.random.default_rng(2)
    n = 8
    target = SurvivalTarget.of(rng.permutation(n) + 1.0, rng.random(n) < 0.8)
    score = rng.normal(size=(2, n))
    pair, pairs = np.zeros((2, n, n)), np.zeros((n, n))
    for i in np.flatnonzero(target.event):
        for j in np.flatnonzero(target.time_days > target.time_days[i]):
            pairs[i, j] = pairs[j, i] = 1
            pair[:, i, j] = pair[:, j, i] = score[:, i] > score[:, j]
    value = pair.sum(axis=(1, 2)) / pairs.sum()
    off = (pair - value[:, None, None] * pairs) * n * (n - 1) / pairs.sum()
    d = off[0] - off[1]
    # Var of a U-statistic of order 2: mean d^2 minus the mean of d_ij d_kl over disjoint pairs.
    disjoint = d.sum() ** 2 - 4 * np.sum(d.sum(axis=0) ** 2) + 2 * np.sum(d**2)
    variance = np.mean(d) ** 2 * (n / (n - 1)) ** 2 - disjoint / (n * (n - 1) * (n - 2) * (n - 3))
    own = compare_c_one_shot(target, *score)
    assert own.difference.value == pytest.approx(value[0] - value[1])
    assert own.std_error**2 == pytest.approx(variance)


def test_the_one_shot_test_needs_four_patients():
    target = SurvivalTarget.of([1, 2, 3], [1, 1, 0])
    own = compare_c_one_shot(target, np.arange(3.0), -np.arange(3.0))
    assert "at least 4" in own.difference.note
