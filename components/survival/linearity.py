"""Whether a continuous predictor's effect is linear: the Wald test of its spline's further columns.

As `anova` of `rms::cph` prints it under "Nonlinear".
"""

import numpy as np
from scipy.stats import chi2

from components.errors import UsageError
from components.study.results import Record
from components.survival.cox import CoxModel
from components.survival.cox_fit import wald_statistic
from components.survival.design import nonlinear_columns


class LinearityTest(Record):
    """Wald test that all nonlinear columns of a predictor are 0; a small p speaks for a curve."""

    predictor: str
    knots: tuple[float, ...]
    chi_square: float
    df: int
    p: float
    n: int
    n_events: int


def linearity_test(model: CoxModel, name: str) -> LinearityTest:
    """The test of one predictor of a model.

    Raises:
        UsageError: The model has no such predictor, or it is no spline.
    """
    found = [predictor for predictor in model.predictors if predictor.name == name]
    if not found or not found[0].knots:
        splines = [predictor.name for predictor in model.predictors if predictor.knots]
        msg = (
            f"expected a predictor that enters as a spline, came '{name}'; those of this model: "
            f"{', '.join(splines) or 'none'}"
        )
        raise UsageError(msg)
    columns = [model.columns.index(column) for column in nonlinear_columns(found[0])]
    statistic = wald_statistic(
        np.asarray(model.coefficients)[columns],
        np.asarray(model.covariance)[np.ix_(columns, columns)],
    )
    return LinearityTest(
        predictor=name,
        knots=found[0].knots,
        chi_square=statistic,
        df=len(columns),
        p=float(chi2.sf(statistic, len(columns))),
        n=model.n,
        n_events=model.n_events,
    )
