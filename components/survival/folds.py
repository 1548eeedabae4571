"""Random folds of equal size within strata."""

import numpy as np

from components.errors import UsageError
from components.survival.target import IntArray


def draw_folds(
    strata: IntArray,
    *,
    n_folds: int,
    rng: np.random.Generator,
    units: IntArray | None = None,
) -> IntArray:
    """Fold numbers 0 to n_folds - 1 (n,): shuffled within each stratum, dealt out in turn.

    Strata smaller than `n_folds` are allowed: the dealing goes on where the last stratum ended,
    so fold sizes differ by at most one.

    Args:
        strata: (n,) numbers of the strata.
        n_folds: How many folds.
        rng: Draws them.
        units: (n,) numbers of the patients behind the rows: rows of one patient, as a bootstrap
            draws them, share a fold. Folds are then equal in patients, not in rows.

    Raises:
        UsageError: There are fewer patients than folds, or fewer than two folds.
    """
    if units is not None:
        _, first, unit_of = np.unique(units, return_index=True, return_inverse=True)
        return draw_folds(strata[first], n_folds=n_folds, rng=rng)[unit_of]
    n = strata.size
    if not 2 <= n_folds <= n:
        msg = f"expected between 2 folds and one per patient ({n}), came {n_folds}"
        raise UsageError(msg)
    order = np.concatenate(
        [rng.permutation(np.flatnonzero(strata == stratum)) for stratum in np.unique(strata)]
    )
    fold_of = np.empty(n, dtype=np.int64)
    fold_of[order] = np.arange(n) % n_folds
    return fold_of
