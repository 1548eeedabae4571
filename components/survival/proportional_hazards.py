"""Whether hazards are proportional: the score test of R's `cox.zph` (survival >= 3).

Each column gets a second coefficient, of the column times g(t), and the score of these at 0 is
tested with the information of all coefficients at the fit (Grambsch and Therneau 1994,
doi:10.1093/biomet/81.3.515, without their approximation that the variance of the columns is the
same at all deaths). Own code because lifelines' test is another one: its chi-square differs by up
to 34, and it has no global test.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
from scipy.stats import chi2, rankdata

from components.errors import UsageError
from components.study.results import Record
from components.survival.cox import CoxModel
from components.survival.cox_fit import wald_statistic
from components.survival.design import Predictor, design_matrix
from components.survival.kaplan_meier import kaplan_meier
from components.survival.residuals import risk_set_means
from components.survival.risk_sets import RiskSets, Ties, risk_sets
from components.survival.target import FloatArray, IntArray, SurvivalTarget

Transform = Literal["km", "identity", "rank", "log"]

GLOBAL = "GLOBAL"
"""The row of all terms together."""


class TermTest(Record):
    """The test of one term; `p` is small where its effect changes with time."""

    term: str
    chi_square: float
    df: int
    p: float


class ProportionalHazardsTest(Record):
    """Score tests of proportional hazards, one a term, and of all terms together.

    `transform` is the g(t) along which an effect would change: the Kaplan-Meier distribution
    function just before the death, the time itself, its rank or its logarithm.
    """

    transform: Transform
    terms: tuple[TermTest, ...]
    all_terms: TermTest
    n: int
    n_events: int


def proportional_hazards_test(
    x: FloatArray,
    coefficients: FloatArray,
    target: SurvivalTarget,
    *,
    terms: Sequence[tuple[str, Sequence[int]]],
    transform: Transform = "km",
    strata: IntArray | None = None,
    ties: Ties = "efron",
    weights: FloatArray | None = None,
    penalty: FloatArray | None = None,
) -> ProportionalHazardsTest:
    """The test of a fitted Cox model of a design matrix (n, p).

    Args:
        x: The columns of the fit.
        coefficients: (p,) of the fit.
        target: Follow-up of the n patients.
        terms: Name and column numbers of each term; its columns are tested jointly.
        transform: Scale g(t) of time; Kaplan-Meier and rank are those of all patients, strata and
            weights apart, as in R.
        strata: (n,) of the fit.
        ties: Of the fit; of an exact fit the test is Breslow's, as in R.
        weights: (n,) case weights of the fit.
        penalty: (p,) second derivative of the fit's penalty in each coefficient. R has it too.

    Raises:
        UsageError: The model has no column.
    """
    p = x.shape[1]
    if p == 0:
        msg = "a model without predictors has no effect whose change could be tested"
        raise UsageError(msg)
    time_scale = transformed_times(target, transform)
    centre, spread = x.mean(axis=0), x.std(axis=0)
    unit = np.where(spread > 0, spread, 1.0)
    score, information = np.zeros(p), np.zeros((3, p, p))
    for group in risk_sets(target, strata=strata, ties=ties, weights=weights):
        z = (x[group.order] - centre) / unit
        g = time_scale[group.order][group.is_death]
        add, moments = _score_and_information(z, z @ (coefficients * unit), g, group)
        score += add
        information += moments
    if penalty is not None:
        information[[0, 2]] += np.diag(penalty / unit**2)
    tests = [_test(name, score, information, list(columns)) for name, columns in terms]
    return ProportionalHazardsTest(
        transform=transform,
        terms=tuple(tests),
        all_terms=_test(GLOBAL, score, information, list(range(p))),
        n=target.n,
        n_events=target.n_events,
    )


def proportional_hazards(
    table: pd.DataFrame,
    model: CoxModel,
    target: SurvivalTarget,
    *,
    transform: Transform = "km",
) -> ProportionalHazardsTest:
    """The test of a fitted model on the patients that it was fitted on, one row a predictor.

    Raises:
        CohortRejected: A column or cell is missing, or a level is unknown.
        UsageError: The model has no predictor.
    """
    x = design_matrix(table, model.predictors)
    return proportional_hazards_test(
        x,
        np.asarray(model.coefficients),
        target,
        terms=terms_of(model.predictors),
        transform=transform,
        ties=model.ties,
        penalty=model.ridge * x.var(axis=0) if model.ridge > 0 else None,
    )


def terms_of(predictors: Sequence[Predictor]) -> list[tuple[str, range]]:
    """Each predictor's name and the numbers of its columns in the design matrix."""
    ends = np.cumsum([len(predictor.columns) for predictor in predictors]).tolist()
    return [
        (predictor.name, range(end - len(predictor.columns), end))
        for predictor, end in zip(predictors, ends, strict=True)
    ]


def transformed_times(target: SurvivalTarget, transform: Transform) -> FloatArray:
    """The times (n,) on the scale g, centred at the mean over the deaths."""
    times = target.time_days
    if transform == "km":
        scaled = 1.0 - kaplan_meier(target).before(times)
    elif transform == "rank":
        scaled = rankdata(times)
    elif transform == "log":
        scaled = np.log(times)
    else:
        scaled = times
    return np.asarray(scaled - scaled[target.event].mean())


def _score_and_information(
    z: FloatArray, lp: FloatArray, g: FloatArray, group: RiskSets
) -> tuple[FloatArray, FloatArray]:
    """Score (p,) of the columns times g(t), and the information (3, p, p) times 1, g and g^2."""
    increments, means = risk_set_means(z, lp, group)
    risk = group.weight * np.exp(lp - lp.max())
    died = group.is_death
    score = (group.weight[died] * g) @ z[died] - (group.death_weight * g) @ means
    moments = []
    for power in range(3):
        factor = g**power
        expected = risk * group.until(increments * factor)
        second = (z * expected[:, None]).T @ z
        moments.append(second - (means * (group.death_weight * factor)[:, None]).T @ means)
    return score, np.array(moments)


def _test(name: str, score: FloatArray, information: FloatArray, columns: list[int]) -> TermTest:
    """The score test of some columns' change: Schur complement of all the constant effects."""
    constant, mixed, changing = information
    block = changing[np.ix_(columns, columns)] - mixed[columns] @ np.linalg.solve(
        constant, mixed[:, columns]
    )
    statistic = wald_statistic(score[columns], block)
    df = len(columns)
    return TermTest(term=name, chi_square=statistic, df=df, p=float(chi2.sf(statistic, df)))
