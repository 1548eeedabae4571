"""What may be left out before a penalised fit: correlated features."""

from typing import Literal

import numpy as np
from scipy.stats import rankdata

from components.errors import FitFailed
from components.survival.target import BoolArray, FloatArray, IntArray

CorrelationRule = Literal["exact", "inexact", "first_come"]

# Means that differ by less than this are the same: rounding decides nothing.
_SAME = 1e-12


def correlation_filter(
    x: FloatArray,
    *,
    maximum: float,
    method: Literal["pearson", "spearman"] = "pearson",
    rule: CorrelationRule = "exact",
) -> IntArray:
    """Columns of (n, p) to keep, ascending, so that no two of them have |r| > `maximum`.

    Rules, the first two those of R's `caret::findCorrelation`:

    - `exact`: Columns are visited by descending mean |r| with all others. Of a pair above the
      maximum the one visited first goes if its mean |r| with the columns left exceeds their overall
      mean |r|, else the other; means are those of the moment.
    - `inexact`: Of every pair above the maximum the one with the larger mean |r| with all columns
      goes, even if the pair was parted before: more columns go.
    - `first_come`: A column stays if none that stayed before it correlates with it.

    The first two do not depend on the order of the columns or of the patients: of columns with
    equal means the one whose largest |z-score| is smaller stays. Only of columns equal in that too
    (such as copies of one another) does the order decide; of two the last stays, as in caret.

    Raises:
        FitFailed: A column is constant or holds values that are not finite.
    """
    r = np.abs(correlation(x, method=method))
    np.fill_diagonal(r, 0.0)
    if r.shape[0] < 2:
        return np.arange(r.shape[0])
    if rule == "first_come":
        return _first_come(r, maximum)
    means = np.round(r.mean(axis=0) / _SAME) * _SAME
    place = np.arange(means.size)
    order = np.lexsort((place if rule == "exact" else -place, _extremes(x), -means))
    sorted_r = r[np.ix_(order, order)]
    dropped = (
        _drop_by_turn(sorted_r, maximum)
        if rule == "exact"
        else _drop_larger(sorted_r, means[order], maximum)
    )
    return np.sort(order[~dropped])


def correlation(x: FloatArray, *, method: Literal["pearson", "spearman"] = "pearson") -> FloatArray:
    """The correlations (p, p) of the columns of (n, p), Spearman's with mean ranks of ties.

    Raises:
        FitFailed: A column is constant or holds values that are not finite.
    """
    bad = int(np.sum(~np.isfinite(x).all(axis=0)))
    if bad:
        msg = f"expected finite columns, {bad} hold missing or infinite values; leave them out"
        raise FitFailed(msg)
    constant = int(np.sum(np.ptp(x, axis=0) == 0)) if x.size else 0
    if constant:
        msg = f"expected no constant column, came {constant}; leave them out"
        raise FitFailed(msg)
    ranked = rankdata(x, axis=0) if method == "spearman" else x
    centered = ranked - ranked.mean(axis=0)
    unit = centered / np.sqrt(np.sum(centered**2, axis=0))
    return np.asarray(unit.T @ unit)


def _extremes(x: FloatArray) -> FloatArray:
    """The largest |z-score| of each column (p,), to what two orders of the patients agree on."""
    extreme = np.abs(x - x.mean(axis=0)).max(axis=0) / x.std(axis=0)
    return np.asarray(np.round(extreme / _SAME) * _SAME)


def _drop_by_turn(r: FloatArray, maximum: float) -> BoolArray:
    """The columns (p,) to drop by the exact rule, visited in the order of the matrix."""
    p = r.shape[0]
    dropped = np.zeros(p, dtype=np.bool_)
    sums, n_left = r.sum(axis=0), p
    for first in range(p):
        above = first + 1 + np.flatnonzero(r[first, first + 1 :] > maximum)
        for second in above[~dropped[above]]:
            if dropped[first]:
                break
            own = sums[first] / (n_left - 1)
            overall = (sums[~dropped].sum() - sums[second]) / (n_left - 1) ** 2
            # Of the last two columns both means are the same, but for rounding.
            loser = first if own > overall * (1 + _SAME) else second
            dropped[loser] = True
            sums -= r[loser]
            n_left -= 1
    return dropped


def _drop_larger(r: FloatArray, means: FloatArray, maximum: float) -> BoolArray:
    """The columns (p,) to drop by the inexact rule; of equal means the one that comes later."""
    above = r > maximum
    later = np.arange(means.size)[:, None] > np.arange(means.size)
    larger = (means[:, None] > means) | ((means[:, None] == means) & later)
    return np.asarray((above & larger).any(axis=1))


def _first_come(r: FloatArray, maximum: float) -> IntArray:
    kept = np.zeros(r.shape[0], dtype=np.bool_)
    for column in range(r.shape[0]):
        kept[column] = not (r[column, kept] > maximum).any()
    return np.flatnonzero(kept)
