import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.errors import UsageError
from components.survival.folds import draw_folds, fold_strata


@given(st.lists(st.integers(0, 3), min_size=5, max_size=60), st.integers(2, 5), st.integers(0, 99))
def test_folds_are_even_within_strata_and_over_all(strata, n_folds, seed):
    strata = np.asarray(strata)
    fold_of = draw_folds(strata, n_folds=n_folds, rng=np.random.default_rng(seed))
    for members in (np.ones(strata.size, dtype=bool), *(strata == s for s in np.unique(strata))):
        sizes = np.bincount(fold_of[members], minlength=n_folds)
        assert sizes.max() - sizes.min() <= 1


def test_more_folds_than_patients_are_refused():
    with pytest.raises(UsageError, match=r"one per patient \(3\), came 4"):
        draw_folds(np.zeros(3, dtype=int), n_folds=4, rng=np.random.default_rng(0))


def test_rows_of_one_patient_share_a_fold():
    rng = np.random.default_rng(3)
    patients = rng.integers(0, 40, 60)
    strata = (np.arange(40) % 2)[patients]
    fold_of = draw_folds(strata, n_folds=5, rng=np.random.default_rng(1), units=patients)
    assert all(np.unique(fold_of[patients == one]).size == 1 for one in np.unique(patients))
    sizes = np.bincount(fold_of[np.unique(patients, return_index=True)[1]], minlength=5)
    assert sizes.max() - sizes.min() <= 1


def test_patients_of_one_row_each_fold_as_rows_do():
    strata = np.arange(30) % 3
    rows = draw_folds(strata, n_folds=4, rng=np.random.default_rng(2))
    same = draw_folds(strata, n_folds=4, rng=np.random.default_rng(2), units=np.arange(30))
    assert np.array_equal(rows, same)


def test_strata_smaller_than_the_folds_become_one_and_are_named():
    names = np.array(["a"] * 9 + ["b"] * 3 + ["c"] * 2 + ["d"] * 7)
    found = fold_strata(names, n_folds=5)
    assert found.merged == ("b", "c")
    assert np.unique(found.numbers[(names == "b") | (names == "c")]).size == 1
    assert np.unique(found.numbers).size == 3


def test_one_small_stratum_stays_as_it_is():
    names = np.array(["a"] * 9 + ["b"] * 3)
    found = fold_strata(names, n_folds=5)
    assert found.merged == ()
    assert np.unique(found.numbers).size == 2
