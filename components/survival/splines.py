"""Restricted cubic splines: Harrell's basis and default knots, as `rms::rcs`.

Harrell 2015, Regression Modeling Strategies, sections 2.4.5 and 2.4.6
(doi:10.1007/978-3-319-19425-7): cubic between the knots, linear beyond the outer ones. Own code
because no Python library has this basis with these knots.
"""

from collections.abc import Sequence

import numpy as np

from components.errors import CohortRejected, UsageError
from components.survival.target import FloatArray

FEWEST_KNOTS = 3
_MOST_KNOTS = 7
_OUTER_QUANTILE = {3: 0.10, 7: 0.025}
_USUAL_OUTER_QUANTILE = 0.05
# Below this many patients the outer knots are the fifth smallest and the fifth largest value.
_FEW_PATIENTS = 100
_FIFTH = 4
# A smallest or largest value that this share of the patients has is no place for a quantile: the
# next value inward is then the outer knot.
_HEAPED = 0.05


def spline_basis(values: FloatArray, knots: Sequence[float]) -> FloatArray:
    """The columns (n, k - 1) of values (n,): the value, then k - 2 nonlinear ones.

    The nonlinear columns are divided by the squared distance of the outer knots (`norm = 2`), so
    that all are on the scale of the value.
    """
    x, t = np.asarray(values, dtype=np.float64)[:, None], np.asarray(knots, dtype=np.float64)
    inner, before_last, last = t[:-2], t[-2], t[-1]
    gap = last - before_last

    def cubed(knot: FloatArray | float) -> FloatArray:
        return np.asarray(np.maximum(x - knot, 0.0) ** 3)

    nonlinear = (
        cubed(inner)
        - cubed(before_last) * (last - inner) / gap
        + cubed(last) * (before_last - inner) / gap
    ) / (last - t[0]) ** 2
    return np.hstack([x, nonlinear])


def spline_knots(values: FloatArray, n_knots: int, *, name: str = "") -> tuple[float, ...]:
    """The default knots of `rms::rcs`: evenly spaced quantiles of the values (n,) that are known.

    Where values are heaped on the smallest or largest one, that end's knot is the next value.

    Args:
        values: Of the training patients; NaN is left out.
        n_knots: 3 to 7.
        name: Of the variable, for messages.

    Raises:
        UsageError: The number of knots is not 3 to 7.
        CohortRejected: The values are too few or too often the same for so many knots.
    """
    if not FEWEST_KNOTS <= n_knots <= _MOST_KNOTS:
        msg = f"expected {FEWEST_KNOTS} to {_MOST_KNOTS} knots of a spline, came {n_knots}"
        raise UsageError(msg)
    known = np.sort(values[~np.isnan(values)])
    distinct, counts = np.unique(known, return_counts=True)
    if distinct.size - 2 <= n_knots:
        msg = _too_few(name, n_knots, known.size, distinct.size)
        raise CohortRejected(msg)
    low, high, inside = _heaped_ends(known, distinct, counts)
    outer = _OUTER_QUANTILE.get(n_knots, _USUAL_OUTER_QUANTILE)
    n_quantiles = n_knots - len(low) - len(high)
    knots = _quantile_knots(inside, n_quantiles, outer, keep_first=bool(low), keep_last=bool(high))
    placed = sorted({*low, *knots, *high})
    if len(placed) < n_knots:
        msg = _too_few(name, n_knots, known.size, distinct.size)
        raise CohortRejected(msg)
    return tuple(float(knot) for knot in placed)


def _heaped_ends(
    known: FloatArray, distinct: FloatArray, counts: np.ndarray
) -> tuple[list[float], list[float], FloatArray]:
    """Outer knots beside heaped ends, and the values left for the quantiles."""
    low: list[float] = []
    high: list[float] = []
    inside = known
    if counts[1:-1].max() >= _HEAPED * known.size:
        return low, high, inside
    if counts[0] >= _HEAPED * known.size:
        low.append(float(distinct[1]))
        inside = inside[inside > distinct[1]]
    if counts[-1] >= _HEAPED * known.size:
        high.append(float(distinct[-2]))
        inside = inside[inside < distinct[-2]]
    return low, high, inside


def _quantile_knots(
    inside: FloatArray, n_knots: int, outer: float, *, keep_first: bool, keep_last: bool
) -> list[float]:
    if n_knots == 1:
        return [float(np.median(inside))]
    lowest = 0.5 if n_knots == 2 else outer
    knots = np.quantile(inside, np.linspace(lowest, 1 - outer, n_knots))
    if inside.size < _FEW_PATIENTS:
        if not keep_first:
            knots[0] = inside[_FIFTH]
        if not keep_last:
            knots[-1] = inside[-1 - _FIFTH]
    return [float(knot) for knot in knots]


def _too_few(name: str, n_knots: int, n: int, n_distinct: int) -> str:
    variable = f"variable '{name}'" if name else "the variable"
    return (
        f"{variable}: {n_knots} knots cannot be placed in {n} values, {n_distinct} of them "
        "distinct; use fewer knots or a linear effect"
    )
