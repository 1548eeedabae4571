import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.errors import UsageError
from components.survival.folds import draw_folds


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
