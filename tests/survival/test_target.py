import numpy as np
import pytest

from components.errors import CohortRejected
from components.survival.target import SurvivalTarget


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_times_are_finite_and_above_zero(bad):
    with pytest.raises(CohortRejected, match="above 0 days, 1 are not"):
        SurvivalTarget.of([10.0, bad], [1, 0])


def test_lengths_must_agree():
    with pytest.raises(CohortRejected, match="as many times as events"):
        SurvivalTarget.of([10.0, 20.0], [1])


def test_subsets_by_mask_and_by_row():
    target = SurvivalTarget.of([1, 2, 3], [1, 0, 1])
    assert (target.n, target.n_events) == (3, 2)
    assert target.subset(np.array([2, 0])).time_days.tolist() == [3, 1]
    assert target.subset(target.event).n == 2
    assert target.structured()["time"].tolist() == [1, 2, 3]
