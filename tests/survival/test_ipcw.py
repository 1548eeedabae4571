import numpy as np
import pytest

from components.errors import DataError
from components.survival.ipcw import (
    CensoringDistribution,
    censoring_influence,
    label_weights,
    risk_labels,
)
from components.survival.kaplan_meier import kaplan_meier
from components.survival.target import SurvivalTarget


def test_deaths_come_before_censorings_at_the_same_time():
    target = SurvivalTarget.of([5, 5, 8, 9], [1, 0, 0, 1])
    censoring = CensoringDistribution.fit(target)
    # At day 5 one of the three who do not die then is censored.
    np.testing.assert_allclose(censoring.at([4, 5, 8]), [1, 2 / 3, 1 / 3])
    np.testing.assert_allclose(censoring.before([5, 8, 9]), [1, 2 / 3, 1 / 3])


def test_without_ties_it_is_the_kaplan_meier_of_censoring():
    rng = np.random.default_rng(3)
    target = SurvivalTarget.of(rng.permutation(200) + 1.0, rng.random(200) < 0.5)
    reverse = kaplan_meier(SurvivalTarget(target.time_days, ~target.event))
    days = np.arange(0, 202, 0.5)
    censoring = CensoringDistribution.fit(target)
    np.testing.assert_allclose(censoring.at(days), reverse.at(days), atol=1e-15)
    np.testing.assert_allclose(censoring.before(days), reverse.before(days), atol=1e-15)


def test_labels_at_and_around_the_horizon():
    target = SurvivalTarget.of([1095, 1095, 1096, 1094], [1, 0, 1, 0])
    assert risk_labels(target, 1095).tolist() == [1, -1, 0, -1]


def test_weights_restore_the_number_of_patients():
    rng = np.random.default_rng(5)
    dies, leaves = rng.exponential(900, 500), rng.uniform(100, 2500, 500)
    target = SurvivalTarget.of(np.minimum(dies, leaves), dies <= leaves)
    weights = label_weights(target, 1095, fitted_on=target)
    assert (weights[risk_labels(target, 1095) == -1] == 0).all()
    assert weights.sum() == pytest.approx(500)
    # The weighted share of the dead is the Kaplan-Meier estimate.
    dead = weights[risk_labels(target, 1095) == 1].sum() / 500
    assert dead == pytest.approx(1 - kaplan_meier(target).at(1095))


def test_weights_are_capped_and_never_infinite():
    short = SurvivalTarget.of([10, 20, 30], [1, 0, 0])
    long = SurvivalTarget.of([5, 40, 50], [1, 1, 0])
    assert label_weights(long, 45, fitted_on=short, cap=20).tolist() == [1, 20, 20]
    with pytest.raises(DataError, match="followed until 45 days is 0"):
        label_weights(long, 45, fitted_on=short)


def test_influence_of_the_estimated_weights_is_what_leaving_a_patient_out_shows():
    rng = np.random.default_rng(11)
    n = 800
    dies, leaves = rng.exponential(900, n), rng.uniform(100, 2500, n)
    target = SurvivalTarget.of(np.minimum(dies, leaves), dies <= leaves)
    loss = rng.random(n)

    def mean(kept):
        part = target.subset(kept)
        return np.mean(label_weights(part, 1000, fitted_on=part) * loss[kept])

    everyone = np.ones(n, dtype=bool)
    weighted = label_weights(target, 1000, fitted_on=target) * loss
    influence = weighted - weighted.mean() + censoring_influence(target, weighted, 1000)
    for patient in (0, 100, 300, 700):
        kept = everyone.copy()
        kept[patient] = False
        jackknife = (n - 1) * (mean(everyone) - mean(kept))
        assert influence[patient] == pytest.approx(jackknife, abs=0.02)


def test_a_weight_of_two_is_two_patients():
    rng = np.random.default_rng(4)
    target = SurvivalTarget.of(rng.integers(1, 30, 60), rng.random(60) < 0.5)
    weight = rng.integers(0, 4, 60)
    copies = CensoringDistribution.fit(target.subset(np.repeat(np.arange(60), weight)))
    weighted = CensoringDistribution.fit(target, weight.astype(float))
    days = np.arange(0, 32, 0.5)
    np.testing.assert_allclose(weighted.at(days), copies.at(days), atol=1e-14)
    np.testing.assert_array_equal(weighted.n_at_risk, copies.n_at_risk)


def test_where_nobody_is_censored_everyone_weighs_one():
    target = SurvivalTarget.of([1, 2, 3], [1, 1, 1])
    assert CensoringDistribution.fit(target).at([0, 2, 9]).tolist() == [1, 1, 1]
    assert label_weights(target, 2, fitted_on=target).tolist() == [1, 1, 1]


def test_deaths_at_the_horizon_are_cases_where_asked():
    target = SurvivalTarget.of([1095, 900, 1096, 1095], [1, 1, 1, 0])
    assert risk_labels(target, 1095, cases="before").tolist() == [-1, 1, 0, -1]
    assert label_weights(target, 1095, fitted_on=target, cases="before")[0] == 0
