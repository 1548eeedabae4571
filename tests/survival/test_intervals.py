import numpy as np
import pytest
from scipy.stats import binomtest

from components.survival.intervals import influence_estimate, wald_estimate, wilson_estimate
from components.survival.target import SurvivalTarget

TARGET = SurvivalTarget.of(np.arange(1, 21), np.ones(20))


def test_unweighted_wilson_is_scipys():
    hits = np.repeat([1.0, 0.0], [17, 3])
    own = wilson_estimate(TARGET, hits, np.ones(20), method="share", level=0.95)
    theirs = binomtest(17, 20).proportion_ci(method="wilson")
    assert [own.lower, own.upper] == pytest.approx([theirs.low, theirs.high])


def test_uneven_weights_widen_the_interval():
    hits = np.repeat([1.0, 0.0], [10, 10])
    even = wilson_estimate(TARGET, hits, np.ones(20), method="share", level=0.95)
    weights = np.tile([0.1, 1.9], 10)
    uneven = wilson_estimate(TARGET, hits, weights, method="share", level=0.95)
    assert uneven.value == pytest.approx(even.value)
    assert uneven.upper - uneven.lower > even.upper - even.lower


def test_influence_of_a_mean_gives_its_standard_error():
    values = np.random.default_rng(0).random(20)
    own = influence_estimate(
        TARGET, values.mean(), values - values.mean(), method="mean", level=0.95
    )
    half = 1.959963984540054 * values.std(ddof=1) / np.sqrt(20)
    assert own.upper - own.value == pytest.approx(half)


def test_wald_stays_within_its_bounds():
    own = wald_estimate(TARGET, 0.9, 0.5, method="C", level=0.9, bounds=(0.0, 1.0))
    assert (own.value, own.upper, own.level) == (0.9, 1.0, 0.9)
    assert own.lower == pytest.approx(0.9 - 1.6448536 * 0.5)
