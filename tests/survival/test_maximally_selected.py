import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.errors import DataError
from components.survival.log_rank import log_rank
from components.survival.maximally_selected import maximally_selected_cutpoint
from components.survival.target import SurvivalTarget


def test_a_step_in_the_hazard_is_found():
    rng = np.random.default_rng(1)
    score = rng.uniform(size=300)
    time = rng.exponential(100 / np.where(score > 0.7, 5, 1))
    own = maximally_selected_cutpoint(SurvivalTarget.of(time, np.ones(300)), score)
    assert own.cutpoint == pytest.approx(0.7, abs=0.03)
    assert own.p_value < 1e-6
    assert (own.n_low, own.n_high) == ((score <= own.cutpoint).sum(), (score > own.cutpoint).sum())


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=25)
def test_ranks_alone_count(seed):
    rng = np.random.default_rng(seed)
    target = SurvivalTarget.of(rng.integers(1, 20, 50), rng.uniform(size=50) < 0.7)
    score = rng.integers(0, 12, 50) / 4
    own = maximally_selected_cutpoint(target, score)
    rows = rng.permutation(50)
    other = maximally_selected_cutpoint(target.subset(rows), np.exp(score)[rows])
    assert other.statistic == pytest.approx(own.statistic)
    assert np.log(other.cutpoint) == pytest.approx(own.cutpoint)
    assert min(own.n_low, own.n_high) >= 5


def test_it_is_near_the_root_of_the_log_rank_statistic(sample):
    x, target = sample
    own = maximally_selected_cutpoint(target, x[:, 0])
    plain = log_rank(target, x[:, 0] > own.cutpoint)
    assert own.statistic == pytest.approx(plain.statistic**0.5, rel=0.1)
    assert own.p_value > plain.p_value


def test_the_p_value_holds_under_no_effect():
    rng = np.random.default_rng(11)
    p_values = [
        maximally_selected_cutpoint(
            SurvivalTarget.of(rng.exponential(size=80), rng.uniform(size=80) < 0.7),
            rng.uniform(size=80),
        ).p_value
        for _ in range(400)
    ]
    assert np.mean(np.array(p_values) < 0.05) == pytest.approx(0.04, abs=0.03)


def test_what_has_no_cut_point_is_said(sample):
    _, target = sample
    with pytest.raises(DataError, match="1 distinct values"):
        maximally_selected_cutpoint(target, np.ones(target.n))
    alive = SurvivalTarget(target.time_days, np.zeros(target.n, dtype=bool))
    with pytest.raises(DataError, match="came 0 deaths"):
        maximally_selected_cutpoint(alive, np.arange(120.0))
    with pytest.raises(DataError, match="1 scores that are not finite"):
        maximally_selected_cutpoint(target, np.r_[np.nan, np.arange(119.0)])
