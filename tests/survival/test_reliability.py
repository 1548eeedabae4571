"""The intraclass correlation against the published example and simulated shares of variance."""

import numpy as np
import pytest

from components.survival.reliability import icc_one_way

# Shrout and Fleiss 1979, table 2: six targets, four judges; ICC(1, 1) = 0.17 (table 4).
RATINGS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]],
    dtype=float,
)


def test_the_published_example():
    assert icc_one_way(RATINGS[:, :, None])[0] == pytest.approx(0.1657, abs=5e-4)


def test_a_simulated_share_of_variance_is_found_in_each_feature():
    rng = np.random.default_rng(5)
    shares = np.array([0.9, 0.5, 0.0])
    patients = rng.standard_normal((3000, 1, 3)) * np.sqrt(shares)
    noise = rng.standard_normal((3000, 3, 3)) * np.sqrt(1 - shares)
    np.testing.assert_allclose(icc_one_way(patients + noise), shares, atol=0.03)


def test_limits():
    same = np.repeat(np.arange(5.0)[:, None], 3, axis=1)
    values = np.stack([same, np.full_like(same, 2.5), np.where(same == 4, np.nan, same)], axis=2)
    found = icc_one_way(values)
    assert found[0] == pytest.approx(1)
    assert found[1] == 0
    assert np.isnan(found[2])
