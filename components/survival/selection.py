"""What may be left out before a penalised fit: correlated features, and a univariate Cox screen."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from components.errors import FitFailed, NoEventsInArm
from components.survival.risk_sets import RiskSets, risk_sets
from components.survival.target import BoolArray, FloatArray, IntArray, SurvivalTarget

# Columns fitted at a time, so that an iteration's arrays stay in the processor's cache.
_BLOCK_COLUMNS = 64
_MAX_ITERATIONS = 40
_DECREMENT = 1e-11
# A column that has lost more than this share of its information has its maximum at infinity.
_INFORMATION_LEFT = 1e-4


def correlation_filter(x: FloatArray, *, maximum: float) -> IntArray:
    """Columns of (n, p) to keep, ascending, so that no two of them have |Pearson r| > `maximum`.

    The rule is that of R's `caret::findCorrelation(exact = TRUE)`. Columns are visited by
    descending mean |r| with all others. Of a pair above the maximum the one visited first goes if
    its mean |r| with the columns left exceeds their overall mean |r|, else the other; means are
    those of the moment. The result does not depend on the order of the columns, but for equal
    means (such as of identical columns), where the column order decides.

    Raises:
        FitFailed: A column is constant.
    """
    constant = int(np.sum(np.ptp(x, axis=0) == 0)) if x.size else 0
    if constant:
        msg = f"expected no constant column, came {constant}; leave them out"
        raise FitFailed(msg)
    correlation = _absolute_correlation(x)
    order = np.argsort(-correlation.mean(axis=0), kind="stable")
    dropped = _drop_correlated(correlation[np.ix_(order, order)], maximum)
    return np.sort(order[~dropped])


def _absolute_correlation(x: FloatArray) -> FloatArray:
    """|Pearson r| (p, p) of the columns, 0 on the diagonal."""
    centered = x - x.mean(axis=0)
    unit = centered / np.sqrt(np.sum(centered**2, axis=0))
    correlation = np.abs(unit.T @ unit)
    np.fill_diagonal(correlation, 0.0)
    return np.asarray(correlation)


def _drop_correlated(correlation: FloatArray, maximum: float) -> BoolArray:
    """The columns (p,) to drop, visited in the order of the matrix."""
    p = correlation.shape[0]
    dropped = np.zeros(p, dtype=np.bool_)
    sums, n_left = correlation.sum(axis=0), p
    for first in range(p):
        for second in first + 1 + np.flatnonzero(correlation[first, first + 1 :] > maximum):
            if dropped[first]:
                break
            if dropped[second]:
                continue
            own = sums[first] / (n_left - 1)
            overall = (sums[~dropped].sum() - sums[second]) / (n_left - 1) ** 2
            # Rounding decides nothing: of the last two columns both means are the same.
            loser = first if own > overall * (1 + 1e-12) else second
            dropped[loser] = True
            sums -= correlation[loser]
            n_left -= 1
    return dropped


@dataclass(frozen=True, eq=False)
class UnivariateScreen:
    """One Cox model a feature, all (p,): Wald z and two-sided p.

    NaN where no finite estimate exists: the feature is constant, or separates the deaths.
    """

    coefficient: FloatArray
    standard_error: FloatArray
    z: FloatArray
    p_value: FloatArray


def univariate_screen(
    x: FloatArray, target: SurvivalTarget, *, strata: IntArray | None = None
) -> UnivariateScreen:
    """A univariate Cox model (Efron ties) of each column of (n, p), all at once.

    Own code because a loop over a library's fits takes some hundred times as long. Newton's method
    runs on blocks of columns, scaled by their 1/n standard deviation.

    Raises:
        NoEventsInArm: Nobody has died.
    """
    if target.n_events == 0:
        msg = f"expected deaths, none of the {target.n} patients has died; no Cox model exists"
        raise NoEventsInArm(msg)
    sets = risk_sets(target, strata=strata, ties="efron")
    p = x.shape[1]
    coefficient, std_error = np.full(p, np.nan), np.full(p, np.nan)
    usable = np.flatnonzero(np.ptp(x, axis=0) > 0)
    for columns in np.array_split(usable, 1 + usable.size // _BLOCK_COLUMNS):
        scale = x[:, columns].std(axis=0)
        z = (x[:, columns] - x[:, columns].mean(axis=0)) / scale
        scaled, information = _newton(z, sets)
        coefficient[columns] = scaled / scale
        std_error[columns] = 1.0 / np.sqrt(information) / scale
    wald = coefficient / std_error
    return UnivariateScreen(coefficient, std_error, wald, 2.0 * ndtr(-np.abs(wald)))


@dataclass(frozen=True, eq=False)
class _Likelihoods:
    """One log partial likelihood a column, its derivative and its information, all (p,)."""

    value: FloatArray
    gradient: FloatArray
    information: FloatArray


def _newton(z: FloatArray, sets: list[RiskSets]) -> tuple[FloatArray, FloatArray]:
    """Coefficients and information (p,) of each column; NaN where the maximum is not finite."""
    b = np.zeros(z.shape[1])
    now = _likelihoods(z, b, sets)
    start = now.information
    running = start > 0
    for _ in range(_MAX_ITERATIONS):
        step = np.where(running, now.gradient / np.where(running, now.information, 1.0), 0.0)
        close = step * now.gradient < _DECREMENT
        b, now = _line_search(z, b, now, step, sets)
        running = running & ~close
        if not running.any():
            break
    lost = running | ~(now.information > _INFORMATION_LEFT * start)
    return np.where(lost, np.nan, b), np.where(lost, np.nan, now.information)


def _line_search(
    z: FloatArray, b: FloatArray, now: _Likelihoods, step: FloatArray, sets: list[RiskSets]
) -> tuple[FloatArray, _Likelihoods]:
    """Newton steps, each halved until it does not lower its column's likelihood."""
    lowest = now.value - 1e-10 * (1.0 + np.abs(now.value))
    step = step.copy()
    for _ in range(30):
        # Far beyond the maximum the likelihood under- or overflows: such a step is halved too.
        with np.errstate(all="ignore"):
            there = _likelihoods(z, b + step, sets)
            good = np.isfinite(there.information) & (there.value >= lowest) & (there.value <= 0)
        if good.all():
            return b + step, there
        step[~good] /= 2.0
    step[~good] = 0.0
    return b + step, _likelihoods(z, b + step, sets)


def _likelihoods(z: FloatArray, b: FloatArray, sets: list[RiskSets]) -> _Likelihoods:
    """Log partial likelihood, gradient and information (p,) of each column at its coefficient."""
    value, gradient, information = (np.zeros(b.size) for _ in range(3))
    for group in sets:
        rows = z[group.order]
        lp = rows * b
        largest = lp.max(axis=0)
        risk = np.exp(lp - largest)
        s0 = group.at_deaths(risk)
        weighted = risk * rows
        means = group.at_deaths(weighted) / s0
        expected = group.until(1.0 / s0)
        value += (lp[group.is_death] - largest).sum(axis=0) - np.log(s0).sum(axis=0)
        gradient += rows[group.is_death].sum(axis=0) - means.sum(axis=0)
        information += np.einsum("ij,ij,ij->j", weighted, rows, expected)
        information -= np.einsum("ij,ij->j", means, means)
    return _Likelihoods(value, gradient, information)
