"""The compiled loop of the Cox partial likelihood with Efron or Breslow ties."""

import numba
import numpy as np

from components.survival.target import FloatArray, IntArray


@numba.njit(cache=True, error_model="numpy")
def add_likelihood(
    x: FloatArray,
    lp: FloatArray,
    weight: FloatArray,
    first: IntArray,
    n_tied: IntArray,
    n_steps: IntArray,
    end: IntArray,
    gradient: FloatArray,
    information: FloatArray,
) -> float:
    """The log partial likelihood; its gradient and information are written to what is given.

    One pass from each stratum's last patient to its first keeps the sums of w r, w r x and
    w r x x' over those at risk, r = exp(lp), and of the tied deaths alone. Cost: n p^2 / 2.

    Args:
        x: (n, p) design matrix, rows sorted as `SortedStrata` says.
        lp: (n,) linear predictor, at most 0.
        weight: (n,) case weights.
        first: (k,) position of each group of tied deaths, who are its first `n_tied` (k,).
        n_tied: (k,) deaths of the group.
        n_steps: (k,) steps in which they leave the risk set: `n_tied` (Efron) or 1 (Breslow).
        end: (k,) where the group's stratum ends.
        gradient: (p,) of zeros, overwritten.
        information: (p, p) of zeros, overwritten.
    """
    p = x.shape[1]
    s1, d1, mean = np.zeros(p), np.zeros(p), np.zeros(p)
    s2, d2 = np.zeros((p, p)), np.zeros((p, p))
    value, s0, position, stratum = 0.0, 0.0, 0, -1
    for k in range(first.size - 1, -1, -1):
        if end[k] != stratum:
            stratum = position = end[k]
            s0, s1[:], s2[:] = 0.0, 0.0, 0.0
        survivor = first[k] + n_tied[k]
        d1[:], d2[:] = 0.0, 0.0
        d0 = _add_patients(x, lp, weight, first[k], survivor, d1, d2)
        s0 += d0 + _add_patients(x, lp, weight, survivor, position, s1, s2)
        s1 += d1
        s2 += d2
        position = first[k]
        for row in range(first[k], survivor):
            value += weight[row] * lp[row]
            gradient += weight[row] * x[row]
        share = np.sum(weight[first[k] : survivor]) / n_steps[k]
        for step in range(n_steps[k]):
            gone = step / n_steps[k]
            at_risk = s0 - gone * d0
            value -= share * np.log(at_risk)
            each = share / at_risk
            for a in range(p):
                mean[a] = (s1[a] - gone * d1[a]) / at_risk
                gradient[a] -= share * mean[a]
                weighed = share * mean[a]
                for b in range(a + 1):
                    second = each * (s2[a, b] - gone * d2[a, b])
                    information[a, b] += second - weighed * mean[b]
    for a in range(p):
        for b in range(a):
            information[b, a] = information[a, b]
    return value


@numba.njit(cache=True, error_model="numpy")
def _add_patients(
    x: FloatArray,
    lp: FloatArray,
    weight: FloatArray,
    start: int,
    stop: int,
    first_moment: FloatArray,
    second_moment: FloatArray,
) -> float:
    """The sum of the patients' risks; their moments (lower triangle) are added to the sums."""
    total = 0.0
    for row in range(start, stop):
        risk = weight[row] * np.exp(lp[row])
        total += risk
        for a in range(x.shape[1]):
            part = risk * x[row, a]
            first_moment[a] += part
            for b in range(a + 1):
                second_moment[a, b] += part * x[row, b]
    return total
