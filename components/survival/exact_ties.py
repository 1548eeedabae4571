"""The exact conditional likelihood of tied deaths (R: `coxph` with ties = "exact").

Given that d of those at risk die at a time, the probability that it were these is
exp(sum of their lp) over the sum of exp(sum of lp) over all subsets of d at risk (Cox 1972). The
sum over subsets grows by one patient at a time (Gail, Lubin and Rubinstein 1981,
doi:10.1093/biomet/68.3.703): B(k, m) = B(k, m-1) + r_m B(k-1, m-1). Kept here are log B and the
mean and covariance of the subset's sum of x, which mix in the proportions of the two terms:
nothing overflows and no difference of large numbers is taken.

Own code because no Python library has it.
"""

import numba
import numpy as np

from components.survival.target import FloatArray, IntArray


@numba.njit(cache=True, error_model="numpy")
def add_exact_likelihood(
    x: FloatArray,
    lp: FloatArray,
    first: IntArray,
    n_tied: IntArray,
    end: IntArray,
    gradient: FloatArray,
    information: FloatArray,
) -> float:
    """The exact log likelihood; its gradient and information are written to what is given.

    Arguments as of `add_likelihood`, without weights, which this likelihood does not know. Cost:
    for each group of d tied deaths among n at risk some n d p^2 / 2 steps.
    """
    p = x.shape[1]
    largest = np.max(n_tied) + 1
    log_sum, mean = np.empty(largest), np.empty((largest, p))
    spread, gap = np.empty((largest, p, p)), np.empty(p)
    value = 0.0
    for k in range(first.size):
        d, n = n_tied[k], end[k] - first[k]
        log_sum[:], mean[:], spread[:] = -np.inf, 0.0, 0.0
        log_sum[0] = 0.0
        for m in range(1, n + 1):
            row = first[k] + m - 1
            for size in range(min(d, m), max(1, d - n + m) - 1, -1):
                taken = lp[row] + log_sum[size - 1]
                top = max(taken, log_sum[size])
                total = top + np.log(np.exp(taken - top) + np.exp(log_sum[size] - top))
                share = np.exp(taken - total)
                log_sum[size] = total
                for a in range(p):
                    gap[a] = x[row, a] + mean[size - 1, a] - mean[size, a]
                    mean[size, a] += share * gap[a]
                    for b in range(a + 1):
                        other = spread[size - 1, a, b] - spread[size, a, b]
                        between = (1.0 - share) * gap[a] * gap[b]
                        spread[size, a, b] += share * (other + between)
        value -= log_sum[d]
        for row in range(first[k], first[k] + d):
            value += lp[row]
        for a in range(p):
            gradient[a] -= mean[d, a]
            for row in range(first[k], first[k] + d):
                gradient[a] += x[row, a]
            for b in range(a + 1):
                information[a, b] += spread[d, a, b]
                information[b, a] = information[a, b]
    return value
