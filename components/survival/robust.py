"""The robust covariance of a Cox model: infinitesimal jackknife, by cluster where given.

Lin and Wei 1989, doi:10.1080/01621459.1989.10478874; with clusters Lee, Wei and Amato 1992. It is
right where patients repeat, where the weights are no counts or where hazards are not proportional.
"""

import numpy as np

from components.survival.cox_fit import wald_statistic
from components.survival.target import FloatArray, IntArray


def robust_covariance(influence: FloatArray, cluster: IntArray | None) -> FloatArray:
    """Sum of squares (p, p) of the patients' or clusters' whole influence (n, p)."""
    summed = by_cluster(influence, cluster)
    return np.asarray(summed.T @ summed)


def robust_score_test(weighted_score: FloatArray, cluster: IntArray | None) -> float:
    """Chi-square of the score at 0, from weighted score residuals (n, p) there."""
    summed = by_cluster(weighted_score, cluster)
    return wald_statistic(summed.sum(axis=0), summed.T @ summed)


def by_cluster(values: FloatArray, cluster: IntArray | None) -> FloatArray:
    """Sums of values (n, p) over each cluster, or the values themselves."""
    if cluster is None:
        return values
    _, number = np.unique(cluster, return_inverse=True)
    sums = np.zeros((int(number.max()) + 1, values.shape[1]))
    np.add.at(sums, number, values)
    return sums
