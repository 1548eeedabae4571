import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from components.survival.multiplicity import benjamini_hochberg, bonferroni, holm

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@given(P_VALUES)
def test_it_is_scipys(p_values):
    np.testing.assert_allclose(
        benjamini_hochberg(p_values), false_discovery_control(p_values), rtol=1e-12
    )


@given(P_VALUES, st.integers(0, 5))
def test_tests_that_were_not_made_do_not_count(p_values, n_missing):
    padded = [*p_values, *[np.nan] * n_missing]
    for adjust in (benjamini_hochberg, bonferroni, holm):
        ours = adjust(padded)
        np.testing.assert_array_equal(ours[: len(p_values)], adjust(p_values))
        assert np.isnan(ours[len(p_values) :]).all()


def test_bonferroni_multiplies_up_to_one():
    np.testing.assert_allclose(bonferroni([0.01, 0.5, np.nan]), [0.02, 1.0, np.nan])


def test_holm_is_rs():
    # p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])


@given(P_VALUES)
def test_holm_keeps_the_order_and_is_never_above_bonferroni(p_values):
    ours = holm(p_values)
    assert np.all(ours <= bonferroni(p_values) + 1e-15)
    assert np.all(np.diff(ours[np.argsort(p_values, kind="stable")]) >= 0)
