import numpy as np
import pytest
from scipy.integrate import trapezoid
from sklearn.metrics import roc_auc_score

from components.errors import DataError
from components.survival.discrimination import auc_ipcw
from components.survival.target import SurvivalTarget
from components.survival.time_roc import classification_at, roc_ipcw, youden_cutoff


def test_the_area_below_the_curve_is_the_auc(sample):
    x, target = sample
    score = np.round(x[:, 0], 1)
    curve = roc_ipcw(target, score, horizon_days=40)
    area = trapezoid(curve.true_positive_rate, curve.false_positive_rate)
    assert area == pytest.approx(auc_ipcw(target, score, horizon_days=40).value)
    assert (curve.false_positive_rate[0], curve.true_positive_rate[0]) == (0, 0)
    assert (curve.false_positive_rate[-1], curve.true_positive_rate[-1]) == pytest.approx((1, 1))
    assert list(curve.thresholds) == sorted(curve.thresholds, reverse=True)


def test_without_censoring_it_is_the_binary_curve():
    rng = np.random.default_rng(0)
    target = SurvivalTarget.of(rng.integers(1, 100, 80), np.ones(80))
    score = rng.normal(size=80) - target.time_days / 50
    expected = roc_auc_score(target.time_days <= 50, score)
    assert auc_ipcw(target, score, horizon_days=50).value == pytest.approx(expected)


def test_cases_before_the_horizon_move_the_curve_as_they_move_its_area():
    target = SurvivalTarget.of([5, 20, 30, 40], [1, 1, 0, 0])
    score = np.array([3.0, 0.0, 1.0, 2.0])
    for cases, expected in (("by", 0.5), ("before", 1.0)):
        curve = roc_ipcw(target, score, horizon_days=20, cases=cases)
        area = trapezoid(curve.true_positive_rate, curve.false_positive_rate)
        assert area == pytest.approx(expected)


def test_youden_separates_what_can_be_separated():
    target = SurvivalTarget.of([1, 2, 3, 10, 11, 12], [1, 1, 1, 0, 0, 0])
    score = np.array([5.0, 6.0, 7.0, 1.0, 2.0, 3.0])
    cutoff = youden_cutoff(roc_ipcw(target, score, horizon_days=5))
    assert cutoff == 4.0
    found = classification_at(target, score, cutoff=cutoff, horizon_days=5)
    for estimate in (found.accuracy, found.sensitivity, found.specificity):
        assert estimate.value == 1.0
        # Wilson's interval keeps a width where all are right.
        assert estimate.lower < 0.8


def test_classification_is_read_from_the_curve(sample):
    x, target = sample
    curve = roc_ipcw(target, x[:, 0], horizon_days=40)
    for point in (10, 40, 70):
        found = classification_at(target, x[:, 0], cutoff=curve.thresholds[point], horizon_days=40)
        assert found.sensitivity.value == pytest.approx(curve.true_positive_rate[point])
        assert found.specificity.value == pytest.approx(1 - curve.false_positive_rate[point])


def test_a_horizon_without_survivors_is_refused(sample):
    x, target = sample
    with pytest.raises(DataError, match="survivors beyond 10000 days"):
        roc_ipcw(target, x[:, 0], horizon_days=10_000)
