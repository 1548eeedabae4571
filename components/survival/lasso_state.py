"""What the kernels of the penalised Cox path work on: the likelihood's order, and where they stand.

Apart from the kernels, which stay in one file: numba's cache of a kernel follows that file alone.
"""

from typing import NamedTuple, Self

import numpy as np

from components.survival.target import BoolArray, FloatArray, IntArray


class RiskOrder(NamedTuple):
    """n patients sorted by stratum and time: `event` (n,) 1 or 0, groups of equal times.

    Group g holds the patients `start[g]` to `start[g + 1]` and `deaths[g]` deaths; stratum s holds
    the groups `strata[s]` to `strata[s + 1]`.
    """

    event: FloatArray
    start: IntArray
    deaths: FloatArray
    strata: IntArray


class Curvature(NamedTuple):
    """What the second derivative of the log likelihood in eta is made of, at one eta.

    `risk` and `expected` deaths (n,) of the patients, `steepness` (g,) deaths / S0^2 of the groups.
    """

    risk: FloatArray
    expected: FloatArray
    steepness: FloatArray

    @classmethod
    def empty(cls, order: RiskOrder) -> Self:
        """Room for the curvature of a likelihood."""
        n = order.event.size
        return cls(np.empty(n), np.empty(n), np.empty(order.deaths.size))


class Point(NamedTuple):
    """Where the solver stands: `b` (p,), `eta` and `residual` (n,), `loss` (1,) -log PL / n.

    `here` is the curvature at eta, `seen` the one that the active set's Hessian was made of.
    """

    b: FloatArray
    eta: FloatArray
    residual: FloatArray
    loss: FloatArray
    here: Curvature
    seen: Curvature


class ActiveSet(NamedTuple):
    """Of k = `size[0]` active features the number `feature`, `sign`, values `rows` (k, n).

    `factor` (k, k) is the upper Cholesky factor of their Hessian. `is_active` (p,) by feature.
    """

    size: IntArray
    feature: IntArray
    sign: FloatArray
    rows: FloatArray
    factor: FloatArray
    is_active: BoolArray
