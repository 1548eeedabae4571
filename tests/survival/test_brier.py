import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.errors import UsageError
from components.survival.brier import (
    brier_score,
    death_times,
    integrated_brier_score,
    null_brier_score,
    null_survival,
    prediction_accuracy,
)
from components.survival.kaplan_meier import kaplan_meier
from components.survival.target import SurvivalTarget


@pytest.fixture
def predicted(sample):
    """Survival of the 120 patients at 10, 20 and 40 days by the truth of the sample."""
    x, _ = sample
    return np.exp(-np.array([10, 20, 40]) / 60 * np.exp(0.8 * x[:, :1]))


def test_without_censoring_it_is_the_mean_squared_error():
    rng = np.random.default_rng(0)
    target = SurvivalTarget.of(rng.integers(1, 60, 50), np.ones(50))
    survival = rng.random(50)
    own = brier_score(target, survival, 30)
    assert own.value == pytest.approx(np.mean(((target.time_days > 30) - survival) ** 2))


def test_the_null_model_is_the_uncertainty_of_kaplan_meier(sample):
    _, target = sample
    for horizon in (10, 25.5, 60):
        s = float(kaplan_meier(target).at(horizon))
        assert null_brier_score(target, horizon).value == pytest.approx(s * (1 - s))


def test_ipa_compares_with_the_null_model(sample, predicted):
    _, target = sample
    own = prediction_accuracy(target, predicted[:, 1], 20)
    null, model = null_brier_score(target, 20).value, brier_score(target, predicted[:, 1], 20).value
    assert own.value == pytest.approx(1 - model / null)
    assert 0 < own.value < own.upper < 1
    nothing = prediction_accuracy(target, null_survival(target, np.array([20.0]))[:, 0], 20)
    assert (nothing.value, nothing.lower, nothing.upper) == pytest.approx((0, 0, 0), abs=1e-12)


def test_its_interval_is_that_of_leaving_patients_out(sample, predicted, std_error):
    _, target = sample
    everyone = np.arange(target.n)
    for estimator in (brier_score, prediction_accuracy):
        left_out = [
            estimator(target.subset(everyone != i), predicted[everyone != i, 1], 20).value
            for i in everyone
        ]
        jackknife = np.sqrt((target.n - 1) * np.var(left_out))
        own = estimator(target, predicted[:, 1], 20)
        assert std_error(own) == pytest.approx(jackknife, rel=0.05)


def test_ibs_is_the_area_below_the_steps(sample, predicted, std_error):
    _, target = sample
    times = np.array([10.0, 20.0, 40.0])
    scores = [brier_score(target, s, t).value for s, t in zip(predicted.T, times, strict=True)]
    own = integrated_brier_score(target, predicted, times, tau_days=50)
    expected = (scores[0] * 10 + scores[1] * 20 + scores[2] * 10) / 50
    assert own.value == pytest.approx(expected)
    assert own.horizon_days == 50
    # Of a single time it is that time's score and interval, in proportion.
    one = integrated_brier_score(target, predicted[:, :1], times[:1], tau_days=40)
    single = brier_score(target, predicted[:, 0], 10)
    assert one.value == pytest.approx(single.value * 0.75)
    assert std_error(one) == pytest.approx(std_error(single) * 0.75)


def test_ibs_of_many_times_approaches_the_integral():
    """Without censoring the Brier score is known at all times."""
    rng = np.random.default_rng(4)
    target = SurvivalTarget.of(rng.exponential(50, 200), np.ones(200))
    times = death_times(target, 60.0)
    own = integrated_brier_score(target, null_survival(target, times), times, tau_days=60)
    grid = np.linspace(0, 60, 20_001)[1:]
    alive = np.mean(target.time_days[:, None] > grid, axis=0)
    assert own.value == pytest.approx(np.mean(alive * (1 - alive)), rel=1e-3)


def test_what_ibs_expects_of_its_times(sample, predicted):
    _, target = sample
    with pytest.raises(UsageError, match="a column for each of 2 times"):
        integrated_brier_score(target, predicted, np.array([10.0, 20.0]), tau_days=40)
    for times in ([20.0, 10.0, 40.0], [10.0, 20.0, 41.0]):
        with pytest.raises(UsageError, match="ascending times up to tau = 40"):
            integrated_brier_score(target, predicted, np.array(times), tau_days=40)


def test_a_horizon_beyond_follow_up_or_before_the_first_death_is_said(sample, predicted):
    _, target = sample
    late = [
        brier_score(target, predicted[:, 0], 1e4),
        prediction_accuracy(target, predicted[:, 0], 1e4),
        null_brier_score(target, 1e4),
        integrated_brier_score(target, predicted, np.array([10.0, 20.0, 40.0]), tau_days=1e4),
    ]
    for own in late:
        assert own.value is None
        assert "nobody is seen beyond day 10000, follow-up ends at day" in own.note
    nobody = SurvivalTarget(target.time_days, np.zeros(target.n, dtype=bool))
    assert prediction_accuracy(nobody, predicted[:, 0], 10).note == "nobody has died by day 10"
    assert brier_score(nobody, np.ones(target.n), 10).value == 0


@given(
    st.lists(
        st.tuples(st.integers(1, 20), st.booleans(), st.floats(0, 1)), min_size=4, max_size=30
    ),
    st.floats(0.1, 10),
    st.integers(0, 2**32 - 1),
)
@settings(deadline=None, max_examples=25)
def test_it_knows_neither_unit_nor_order_nor_copies(patients, unit, seed):
    days, died, survival = (np.array(column) for column in zip(*patients, strict=True))
    target = SurvivalTarget.of(days, died)
    order = np.random.default_rng(seed).permutation(target.n)
    moved = SurvivalTarget(target.time_days * unit, target.event).subset(order)
    twice = np.repeat(np.arange(target.n), 2)
    for estimator in (brier_score, prediction_accuracy):
        own = estimator(target, survival, 9.5)
        for other in (
            estimator(moved, survival[order], 9.5 * unit),
            estimator(target.subset(twice), survival[twice], 9.5),
        ):
            assert (own.value is None) == (other.value is None)
            if own.value is not None:
                assert own.value == pytest.approx(other.value, abs=1e-9)
