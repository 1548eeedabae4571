"""Random folds of equal size within strata."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.errors import UsageError
from components.survival.target import IntArray

MERGED = "merged"


@dataclass(frozen=True, eq=False)
class FoldStrata:
    """Strata to draw folds in: `numbers` (n,), and the names of those that were `merged`."""

    numbers: IntArray
    merged: tuple[str, ...]


def fold_strata(names: NDArray[Any], *, n_folds: int) -> FoldStrata:
    """The strata of their names (n,); those with fewer patients than folds become one.

    A stratum that cannot give each fold a patient would balance nothing. Who draws folds in merged
    strata is to say so.
    """
    present, sizes = np.unique(names, return_counts=True)
    small = present[sizes < n_folds]
    merged = np.where(np.isin(names, small), MERGED, names)
    numbers = np.unique(merged, return_inverse=True)[1]
    # One small stratum alone is as it was.
    said = tuple(str(name) for name in small) if small.size > 1 else ()
    return FoldStrata(numbers, said)


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
