"""The one-shot test of two C: the unbiased variance of U-statistics in place of the jackknife."""

import numpy as np

from components.survival.comparison import NO_PAIR, PairedComparison
from components.survival.concordance import Concordance
from components.survival.intervals import not_estimable, wald_estimate
from components.survival.target import FloatArray, SurvivalTarget

# Pairs compared at a time: some 32 MB an array.
_BLOCK_PAIRS = 4_000_000


def compare_c_one_shot(
    target: SurvivalTarget, score_a: FloatArray, score_b: FloatArray, *, level: float = 0.95
) -> PairedComparison:
    """Harrell's C of score a minus that of b, tested as by R's `compareC`.

    C is (t_xy/t_xx + 1)/2 of two U-statistics over pairs, whose covariances have unbiased
    estimates. Somewhat narrower than the jackknife of `compare_c`; every pair is looked at, so it
    is quadratic in the deaths and patients (Kang et al. 2015, doi:10.1002/sim.6370).
    """
    method = "difference of Harrell's C, paired, one-shot (U-statistics)"
    ones = np.ones(target.n)
    a, b = Concordance.of(target, score_a, ones), Concordance.of(target, score_b, ones)
    if a is None or b is None or target.n < 4:
        reason = NO_PAIR if target.n >= 4 else f"{target.n} patients, at least 4 are needed"
        return PairedComparison(difference=not_estimable(target, reason, method=method))
    influence = np.stack([a.influence, b.influence])
    products = _products(target, (score_a, score_b), np.array([a.value, b.value]))
    # In units of the influences a pair's part of C is its deviation over the number of pairs.
    n = target.n
    within = 2.0 * products / a.pairs**2
    covariance = (4.0 * influence @ influence.T - 2.0 * within) * _scale(n)
    std_error = float(np.sqrt(covariance[0, 0] + covariance[1, 1] - 2.0 * covariance[0, 1]))
    difference = wald_estimate(
        target, a.value - b.value, std_error, method=method, level=level, bounds=(-1.0, 1.0)
    )
    return PairedComparison.of(difference, covariance)


def _scale(n: int) -> float:
    """Turns the sums of squares of influences into the covariance of the two figures."""
    return n * (n - 1) / (4.0 * (n - 2) * (n - 3))


def _products(
    target: SurvivalTarget, scores: tuple[FloatArray, FloatArray], c: FloatArray
) -> FloatArray:
    """Sums over comparable pairs of the products (2, 2) of the two scores' deviations from C."""
    dead = np.flatnonzero(target.event)
    products = np.zeros((2, 2))
    for block in np.array_split(dead, 1 + dead.size * target.n // _BLOCK_PAIRS):
        time = target.time_days[block, None]
        outlives = (target.time_days > time) | ((target.time_days == time) & ~target.event)
        off = [
            ((np.sign(score[block, None] - score) + 1.0) / 2.0)[outlives] - value
            for score, value in zip(scores, c, strict=True)
        ]
        products += np.stack(off) @ np.stack(off).T
    return products
