"""The cut point of a score that parts survival most, with a p-value that knows it was selected.

No Python library has it. A cut point found so is optimistic in the patients it was found in: it is
for exploring, and the risk groups of a model never use it.
"""

import numpy as np
from scipy.special import ndtr

from components.errors import DataError
from components.study.results import Record
from components.survival.kaplan_meier import kaplan_meier
from components.survival.target import FloatArray, SurvivalTarget


class MaximallySelected(Record):
    """The largest standardised log-rank statistic over the cut points of a score.

    At the cut point is low, above it high. `p_value` is an upper bound for a score that says
    nothing, over all cut points tried.
    """

    cutpoint: float
    statistic: float
    p_value: float
    n_low: int
    n_high: int
    n_cutpoints: int
    minimum_share: float


def maximally_selected_cutpoint(
    target: SurvivalTarget, score: FloatArray, *, minimum_share: float = 0.1
) -> MaximallySelected:
    """The cut point of a score (n,) with the largest log-rank statistic, as R's `maxstat`.

    Each group has at least `minimum_share` of the patients. Statistic and log-rank scores are
    those of Lausen and Schumacher 1992 (doi:10.2307/2532740) and Hothorn and Lausen 2003
    (doi:10.1016/S0167-9473(02)00225-6), its p-value is Miller and Siegmund's approximation (1982,
    doi:10.2307/2529881).

    Raises:
        DataError: Nobody has died, the score is not finite, or no cut point leaves enough patients
            on both sides (as with a constant score).
    """
    if target.n_events == 0 or not np.isfinite(score).all() or not 0 < minimum_share < 0.5:
        msg = (
            "expected deaths, a finite score and a minimum share between 0 and 0.5, came "
            f"{target.n_events} deaths, {int(np.sum(~np.isfinite(score)))} scores that are not "
            f"finite, and {minimum_share:g}"
        )
        raise DataError(msg)
    n, scores = target.n, log_rank_scores(target)
    order = np.argsort(score, kind="stable")
    last = np.flatnonzero(np.append(np.diff(score[order]) > 0, False))
    n_low = last + 1
    allowed = (n_low >= np.floor(n * minimum_share)) & (n_low <= np.floor(n * (1 - minimum_share)))
    last, n_low = last[allowed], n_low[allowed]
    spread = float(np.sum((scores - scores.mean()) ** 2))
    if not last.size or spread == 0:
        msg = (
            f"no cut point of the score leaves {minimum_share:.0%} of the {n} patients on both "
            f"sides and parts their survival; it has {np.unique(score).size} distinct values"
        )
        raise DataError(msg)
    excess = np.cumsum(scores[order])[last] - n_low * scores.mean()
    statistics = np.abs(excess) / np.sqrt(n_low * (n - n_low) / (n * (n - 1.0)) * spread)
    best = int(np.argmax(statistics))
    return MaximallySelected(
        cutpoint=float(score[order][last[best]]),
        statistic=float(statistics[best]),
        p_value=_p_value(float(statistics[best]), minimum_share),
        n_low=int(n_low[best]),
        n_high=int(n - n_low[best]),
        n_cutpoints=int(last.size),
        minimum_share=minimum_share,
    )


def log_rank_scores(target: SurvivalTarget) -> FloatArray:
    """Each patient's death less a cumulative hazard (n,) to the own time, at risk counted last.

    Of tied times the hazard is that of deaths over those who stay plus one, as `maxstat` has it.
    """
    curve = kaplan_meier(target)
    staying = curve.n_at_risk - curve.n_events - curve.n_censored
    hazard = np.cumsum(curve.n_events / (staying + 1.0))
    own = np.searchsorted(curve.times_days, target.time_days)
    return np.asarray(target.event - hazard[own])


def _p_value(statistic: float, minimum_share: float) -> float:
    """P(maximum > statistic) for statistics above 1; below the bound is worth nothing."""
    if statistic <= 1:
        return 1.0
    density = float(np.exp(-(statistic**2) / 2) / np.sqrt(2 * np.pi))
    odds = 2 * np.log((1 - minimum_share) / minimum_share)
    bound = density * (4 / statistic + (statistic - 1 / statistic) * odds)
    return float(np.clip(bound, 2 * ndtr(-statistic), 1.0))
