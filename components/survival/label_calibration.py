"""Whether predicted probabilities of the risk label are what is observed, under censoring.

Patients count by the weights of their labels (IPCW): the dead by the horizon are cases, those
followed beyond it are not, the unknown weigh nothing. Own code because scikit-learn and
statsmodels give weighted logistic regressions without the sandwich variance of such weights.
"""

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit, xlogy

from components.study.results import Estimate, Record
from components.survival.intervals import not_estimable, wald_estimate, wilson_estimate
from components.survival.ipcw import HIGH, UNKNOWN, risk_labels
from components.survival.scores import check_score
from components.survival.target import BoolArray, FloatArray, SurvivalTarget

_STEPS = 50
_SMALLEST = 1e-7
"""A probability of 0 or 1 has no finite logit."""
_STEEPEST = 100.0
_SCALES = (1e-3, 1e3)
"""Of the logits: a temperature between 0.001 and 1,000."""


class LabelBin(Record):
    """Patients of similar probability: their weighted mean beside their weighted share of cases."""

    mean_predicted: float
    observed: Estimate
    n: int


class LabelCalibration(Record):
    """How probabilities agree with labels; ideal are an intercept of 0 and a slope of 1.

    `in_the_large` is the intercept of a logistic regression with the logit as offset (below 0: the
    probabilities are too high), `slope` that of one on the logit (below 1: they are too extreme).
    """

    in_the_large: Estimate
    slope: Estimate
    bins: tuple[LabelBin, ...]


def label_calibration(
    target: SurvivalTarget,
    probability: FloatArray,
    *,
    horizon_days: float,
    weights: FloatArray,
    n_bins: int = 5,
    level: float = 0.95,
) -> LabelCalibration:
    """Calibration of probabilities (n,) of death by a horizon; intervals by the sandwich variance.

    Van Calster et al. 2019, doi:10.1186/s12916-019-1466-7 (the hierarchy of calibration).

    Args:
        target: Follow-up of the n patients.
        probability: (n,) between 0 and 1.
        horizon_days: The label's.
        weights: (n,) of `label_weights`, taken as known.
        n_bins: Groups between quantiles of the probability; equal ones stay together.
        level: Confidence level.
    """
    check_score(target, probability)
    known = (risk_labels(target, horizon_days) != UNKNOWN) & (weights > 0)
    cases = risk_labels(target, horizon_days) == HIGH
    z = _logits(probability)
    ones, nothing = np.ones((target.n, 1)), np.zeros(target.n)
    fits = {
        "in_the_large": (ones, z, 0, "calibration in the large of the label"),
        "slope": (np.column_stack([ones, z]), nothing, 1, "calibration slope of the label"),
    }
    found = {}
    for name, (x, offset, at, what) in fits.items():
        method = f"{what}, weighted logistic regression, sandwich variance"
        fit = _logistic(x[known], cases[known], offset[known], weights[known])
        if fit is None:
            reason = "no logistic regression has an estimate: one label only, or they are parted"
            found[name] = not_estimable(target, reason, method=method, horizon_days=horizon_days)
            continue
        beta, covariance = fit
        found[name] = wald_estimate(
            target,
            float(beta[at]),
            float(np.sqrt(covariance[at, at])),
            method=method,
            level=level,
            horizon_days=horizon_days,
        )
    bins = _bins(target, probability, cases, known, weights, n_bins=n_bins, level=level)
    return LabelCalibration(bins=bins, **found)


def fit_temperature(
    target: SurvivalTarget, probability: FloatArray, *, horizon_days: float, weights: FloatArray
) -> float | None:
    """The T whose expit(logit / T) has the smallest weighted log loss; above 1: too extreme before.

    Guo et al. 2017, 10.48550/arXiv.1706.04599. None where no T in 0.001 to 1,000 is best: the
    probabilities do not rise with the risk, or part cases from controls.
    """
    known = (risk_labels(target, horizon_days) != UNKNOWN) & (weights > 0)
    cases = (risk_labels(target, horizon_days) == HIGH)[known].astype(np.float64)
    z, w = _logits(probability[known]), weights[known]

    def slope_of_loss(scale: float) -> float:
        return float(np.sum(w * (expit(scale * z) - cases) * z))

    lowest, highest = _SCALES
    if not slope_of_loss(lowest) < 0 < slope_of_loss(highest):
        return None
    return 1.0 / float(brentq(slope_of_loss, lowest, highest, xtol=1e-12))


def with_temperature(probability: FloatArray, temperature: float) -> FloatArray:
    """The probabilities (n,) with their logits divided by a temperature."""
    return np.asarray(expit(_logits(probability) / temperature))


def log_loss(
    target: SurvivalTarget, probability: FloatArray, *, horizon_days: float, weights: FloatArray
) -> float:
    """The weighted mean log loss of probabilities (n,)."""
    labels = risk_labels(target, horizon_days)
    known = (labels != UNKNOWN) & (weights > 0)
    p = np.clip(probability[known], _SMALLEST, 1 - _SMALLEST)
    case = (labels == HIGH)[known].astype(np.float64)
    losses = -(xlogy(case, p) + xlogy(1 - case, 1 - p))
    return float(np.average(losses, weights=weights[known]))


def _logits(probability: FloatArray) -> FloatArray:
    return np.asarray(logit(np.clip(probability, _SMALLEST, 1 - _SMALLEST)))


def _logistic(
    x: FloatArray, cases: BoolArray, offset: FloatArray, weights: FloatArray
) -> tuple[FloatArray, FloatArray] | None:
    """Coefficients (p,) and their sandwich covariance (p, p); None where there are none."""
    if cases.all() or not cases.any():
        return None
    beta = np.zeros(x.shape[1])
    for _ in range(_STEPS):
        p = expit(offset + x @ beta)
        information = (x * (weights * p * (1 - p))[:, None]).T @ x
        score = x.T @ (weights * (cases - p))
        if np.linalg.cond(information) > 1 / np.finfo(float).eps:
            return None
        step = np.linalg.solve(information, score)
        beta = beta + step
        if np.abs(beta[-1]) > _STEEPEST:
            return None
        if np.max(np.abs(step)) < 1e-10:
            break
    else:
        return None
    p = expit(offset + x @ beta)
    bread = np.linalg.inv((x * (weights * p * (1 - p))[:, None]).T @ x)
    residual = x * (weights * (cases - p))[:, None]
    return beta, bread @ (residual.T @ residual) @ bread


def _bins(
    target: SurvivalTarget,
    probability: FloatArray,
    cases: BoolArray,
    known: BoolArray,
    weights: FloatArray,
    *,
    n_bins: int,
    level: float,
) -> tuple[LabelBin, ...]:
    cuts = np.unique(np.quantile(probability, np.arange(1, n_bins) / n_bins))
    group_of = np.searchsorted(cuts, probability, side="left")
    found = []
    for group in np.unique(group_of):
        members = (group_of == group) & known
        if members.any():
            found.append(
                LabelBin(
                    mean_predicted=float(
                        np.average(probability[members], weights=weights[members])
                    ),
                    observed=wilson_estimate(
                        target.subset(members),
                        cases[members].astype(np.float64),
                        weights[members],
                        method="share of cases by IPCW, Wilson interval at the effective n",
                        level=level,
                    ),
                    n=int(members.sum()),
                )
            )
    return tuple(found)
