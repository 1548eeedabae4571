import numpy as np
import pytest

from components.errors import CohortRejected
from components.survival.target import SurvivalTarget


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_times_are_finite_and_above_zero(bad):
    with pytest.raises(CohortRejected, match="above 0 days, 1 are not"):
        SurvivalTarget.of([10.0, bad], [1, 0])


def test_bad_times_are_counted_by_kind():
    times = [0, 0, -1, np.nan, np.inf, 5]
    message = r"5 are not \(1 missing, 1 infinite, 2 of 0, 1 negative\); a death on the first day"
    with pytest.raises(CohortRejected, match=message):
        SurvivalTarget.of(times, np.ones(6))


@pytest.mark.parametrize("events", [[0, 2], [1, np.nan], [0.5, 1]])
def test_events_are_0_or_1(events):
    with pytest.raises(CohortRejected, match=r"0 .censored. or 1 .died., 1 of 2 are"):
        SurvivalTarget.of([10.0, 20.0], events)


def test_lengths_must_agree():
    with pytest.raises(CohortRejected, match="as many times as events"):
        SurvivalTarget.of([10.0, 20.0], [1])


def test_subsets_by_mask_and_by_row():
    target = SurvivalTarget.of([1, 2, 3], [1, 0, 1])
    assert (target.n, target.n_events) == (3, 2)
    assert target.subset(np.array([2, 0])).time_days.tolist() == [3, 1]
    assert target.subset(target.event).n == 2
    assert target.structured()["time"].tolist() == [1, 2, 3]


def test_times_that_only_rounding_keeps_apart_are_one_time():
    """R: `aeqSurv(Surv(c(0.3, 0.1 + 0.2, 0.7, 0.1 * 7, 2), 1))` has the times 0.3, 0.7 and 2."""
    time = [0.3, 0.1 + 0.2, 0.7, 0.1 * 7, 2.0]
    assert len(set(time)) == 5
    target = SurvivalTarget.of(time, np.ones(5))
    np.testing.assert_array_equal(
        target.time_days, [min(time[:2]), min(time[:2]), min(time[2:4]), min(time[2:4]), 2.0]
    )


def test_times_a_minute_apart_stay_apart():
    time = np.array([100.0, 100.0 + 1 / 1_440, 4_000.0])
    np.testing.assert_array_equal(SurvivalTarget.of(time, np.ones(3)).time_days, time)
