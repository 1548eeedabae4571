"""One Cox model a column by Newton's method, compiled: a column is read once and stays in cache.

A column z is centred and scaled to |z| <= 1. The patients are sorted by stratum and falling time,
deaths last among equal times, so that sums over the patients at risk are running sums.
"""

from math import inf, isfinite, log, nan

import numba
import numpy as np

from components.survival.target import BoolArray, FloatArray, IntArray

FITTED, NOT_FINITE, CONSTANT, SEPARATES, NOT_CONVERGED = range(5)

# Columns copied at a time: eight doubles are one line of the processor's cache, and it reads two.
_BLOCK = 16
_MAX_ITERATIONS = 100
# Squared distance to the maximum in standard errors, before the last step, which squares it again.
_DECREMENT = 1e-18
# Where exp(b z) is cut off, before sums of it overflow.
_LARGEST_EXPONENT = 650.0
# Range of a column in relation to its size below which it is rounding noise.
_NOISE = 1e-12


@numba.njit(cache=True)
def exponentials(z: FloatArray, b: float, risk: FloatArray) -> None:
    """Fills `risk` (n,) with exp(b z): Taylor's polynomial of a small part, squared k times.

    Compilers turn this into vector instructions, which they do not do for a library's exp; it is
    exact to some 2^k units in the last place.
    """
    part, limit, k = b, _LARGEST_EXPONENT, 0
    while abs(part) > 0.25:
        part, limit, k = part / 2, limit / 2, k + 1
    for i in range(z.size):
        u = min(max(part * z[i], -limit), limit)
        tail = 1 / 40320 + u * (1 / 362880 + u * (1 / 3628800 + u / 39916800))
        middle = 1 / 24 + u * (1 / 120 + u * (1 / 720 + u * (1 / 5040 + u * tail)))
        risk[i] = 1 + u * (1 + u * (1 / 2 + u * (1 / 6 + u * middle)))
    for _ in range(k):
        for i in range(z.size):
            risk[i] *= risk[i]


@numba.njit(cache=True)
def sweep(
    z: FloatArray,
    risk: FloatArray,
    stops: IntArray,
    n_deaths: IntArray,
    resets: BoolArray,
    tied_share: float,
) -> tuple[float, float, float]:
    """Gradient and information of the log partial likelihood, and its sum of -log at risk."""
    s0 = s1 = s2 = gradient = information = value = 0.0
    product, first = 1.0, 0
    for k in range(stops.size):
        if resets[k]:
            s0 = s1 = s2 = 0.0
        e0 = e1 = e2 = 0.0
        for i in range(first, stops[k] - n_deaths[k]):
            weighted = risk[i] * z[i]
            s0, s1, s2 = s0 + risk[i], s1 + weighted, s2 + weighted * z[i]
        for i in range(stops[k] - n_deaths[k], stops[k]):
            weighted = risk[i] * z[i]
            e0, e1, e2 = e0 + risk[i], e1 + weighted, e2 + weighted * z[i]
            gradient += z[i]
        s0, s1, s2, first = s0 + e0, s1 + e1, s2 + e2, stops[k]
        for death in range(n_deaths[k]):
            gone = tied_share * death / n_deaths[k]
            share = 1.0 / (s0 - gone * e0)
            mean = (s1 - gone * e1) * share
            gradient -= mean
            information += (s2 - gone * e2) * share - mean * mean
            product *= share
            if not 1e-20 < product < 1e20:
                value, product = value + log(product), 1.0
    return gradient, information, value + log(product)


@numba.njit(cache=True)
def _is_monotone(
    z: FloatArray, stops: IntArray, n_deaths: IntArray, resets: BoolArray
) -> tuple[bool, bool]:
    """Whether all who die have the highest, the lowest value of those at risk: no maximum."""
    highest = lowest = True
    top, bottom, first = -inf, inf, 0
    for k in range(stops.size):
        if resets[k]:
            top, bottom = -inf, inf
        for i in range(first, stops[k]):
            top, bottom = max(top, z[i]), min(bottom, z[i])
        first = stops[k]
        for i in range(stops[k] - n_deaths[k], stops[k]):
            highest, lowest = highest and z[i] == top, lowest and z[i] == bottom
        if not (highest or lowest):
            break
    return highest, lowest


@numba.njit(cache=True)
def _maximise(
    z: FloatArray,
    risk: FloatArray,
    stops: IntArray,
    n_deaths: IntArray,
    resets: BoolArray,
    tied_share: float,
) -> tuple[float, float, float, float, float]:
    """Coefficient, information, log likelihoods at 0 and there, score test."""
    risk[:] = 1.0
    died = 0.0
    for k in range(stops.size):
        died += z[stops[k] - n_deaths[k] : stops[k]].sum()
    b, low, high, null, score = 0.0, -inf, inf, nan, nan
    for iteration in range(_MAX_ITERATIONS):
        if iteration:
            exponentials(z, b, risk)
        gradient, information, value = sweep(z, risk, stops, n_deaths, resets, tied_share)
        step = gradient / information if information > 0 else nan
        if iteration == 0:
            null, score = value, gradient * step
        if gradient * step < _DECREMENT:
            return b + step, information, null, value + b * died, score
        # The gradient falls: the maximum lies to the right of where it is positive.
        low, high = (b, high) if gradient > 0 else (low, b)
        if not low < b + step < high:
            step = (low + high) / 2 - b
            if not isfinite(step):
                step = 1.0 + abs(b) if gradient > 0 else -1.0 - abs(b)
        b += step
    return nan, nan, null, nan, score


@numba.njit(cache=True)
def _fit_column(
    z: FloatArray,
    risk: FloatArray,
    stops: IntArray,
    n_deaths: IntArray,
    resets: BoolArray,
    tied_share: float,
    answer: FloatArray,
) -> int:
    """Status; fills in coefficient, standard error, log likelihoods at 0 and there, score test."""
    mean = z.sum() / z.size
    if not isfinite(mean):
        return NOT_FINITE
    scale = max(z.max() - mean, mean - z.min())
    if scale <= _NOISE * max(abs(z.max()), abs(z.min())):
        return CONSTANT
    at_risk = z[: stops[-1]]
    highest, lowest = _is_monotone(at_risk, stops, n_deaths, resets)
    if highest or lowest:
        return CONSTANT if highest and lowest else SEPARATES
    for i in range(at_risk.size):
        at_risk[i] = (at_risk[i] - mean) / scale
    b, information, null, value, score = _maximise(
        at_risk, risk, stops, n_deaths, resets, tied_share
    )
    if not information > 0:
        return NOT_CONVERGED
    answer[0], answer[1] = b / scale, 1.0 / (scale * information**0.5)
    answer[2], answer[3], answer[4] = null, value, score
    return FITTED


@numba.njit(cache=True)
def fit_columns(
    x: FloatArray,
    order: IntArray,
    stops: IntArray,
    n_deaths: IntArray,
    resets: BoolArray,
    tied_share: float,
) -> FloatArray:
    """A row (p, 6) for each column of `x` (n, p): status, and what `_fit_column` fills in.

    Args:
        x: The table, patients in any order.
        order: (n,) its rows by stratum and falling time, those never at risk at a death last.
        stops: (m,) how many sorted rows come up to the end of each death time.
        n_deaths: (m,) deaths at that time, the last rows before the stop.
        resets: (m,) whether a new stratum begins there.
        tied_share: 1 for Efron's ties, 0 for Breslow's.
    """
    out = np.full((x.shape[1], 6), nan)
    block, risk = np.empty((_BLOCK, order.size)), np.empty(stops[-1])
    for start in range(0, x.shape[1], _BLOCK):
        width = min(_BLOCK, x.shape[1] - start)
        for i in range(order.size):
            for j in range(width):
                block[j, i] = x[order[i], start + j]
        for j in range(width):
            out[start + j, 0] = _fit_column(
                block[j], risk, stops, n_deaths, resets, tied_share, out[start + j, 1:]
            )
    return out
