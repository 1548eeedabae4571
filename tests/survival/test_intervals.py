import numpy as np
import pytest
from scipy.stats import binomtest

from components.survival.intervals import (
    influence_estimate,
    repeated_cv_estimate,
    wald_estimate,
    wilson_estimate,
)
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


def test_repeated_cross_validation_pays_for_the_patients_that_its_folds_share():
    values = np.tile([0.4, 0.5, 0.6, 0.5, 0.5], 10)
    own = repeated_cv_estimate(TARGET, values, n_folds=5, method="C", level=0.95)
    s = values.std(ddof=1)
    # t(0.975) with 49 degrees of freedom from the tables; 1/50 of the folds, 1/4 shared.
    assert own.upper - own.value == pytest.approx(2.00958 * s * np.sqrt(0.02 + 0.25), rel=1e-5)
    assert own.value == pytest.approx(0.5)


def test_one_fold_has_no_interval():
    own = repeated_cv_estimate(TARGET, np.array([0.7]), n_folds=5, method="C", level=0.95)
    assert own.value is None
    assert "1 of the folds" in own.note


def test_intervals_of_repeated_cross_validation_cover():
    """Simulated: the naive SD over the root of m covers a mean far less often than it says."""
    rng = np.random.default_rng(5)
    covered = np.zeros(2)
    for _ in range(300):
        patients = rng.normal(size=100)
        folds = np.array([rng.permutation(patients).reshape(5, 20).mean(axis=1) for _ in range(10)])
        own = repeated_cv_estimate(
            TARGET, folds.ravel(), n_folds=5, method="mean", level=0.95, bounds=(-9, 9)
        )
        naive = 1.96 * folds.std(ddof=1) / np.sqrt(50)
        covered += [own.lower < 0 < own.upper, abs(folds.mean()) < naive]
    assert covered[0] > 0.93 * 300
    assert covered[1] < 0.7 * 300
