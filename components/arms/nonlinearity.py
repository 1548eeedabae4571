"""Whether the effect of a continuous predictor bends: the test of its spline's further columns."""

from collections.abc import Iterator, Sequence

import numpy as np

from components.cohort.imputation import CompletedTables
from components.errors import FitFailed
from components.study.results import Record
from components.survival.cox import CoxModel, fit_cox_model
from components.survival.design import Predictor, column_names, nonlinear_columns
from components.survival.pooling import wald_test
from components.survival.target import SurvivalTarget


class Nonlinearity(Record):
    """The joint Wald test that a spline's nonlinear coefficients are 0 (`rms`: Nonlinear).

    A chi-square, or with imputation D1, an F statistic with `denominator` degrees of freedom.
    `why` says why there is none.
    """

    name: str
    label: str
    knots: tuple[float, ...]
    statistic: float | None
    degrees_of_freedom: int
    denominator: float | None
    p_value: float | None
    why: str | None = None


def nonlinearity(
    completed: CompletedTables, predictors: Sequence[Predictor], target: SurvivalTarget
) -> Iterator[Nonlinearity]:
    """The test of each spline in the unpenalised model of all these predictors.

    Args:
        completed: The training patients, empty cells filled.
        predictors: Of the model; those without knots are not tested.
        target: Follow-up in the tables' order.
    """
    splines = [one for one in predictors if one.knots]
    if not splines:
        return
    try:
        models = [fit_cox_model(table, predictors, target) for table in completed.of(predictors)]
    except FitFailed as error:
        yield from (_none(one, str(error)) for one in splines)
        return
    columns = column_names(predictors)
    for one in splines:
        yield _tested(one, models, [columns.index(name) for name in nonlinear_columns(one)])


def _tested(one: Predictor, models: Sequence[CoxModel], columns: Sequence[int]) -> Nonlinearity:
    coefficients = np.asarray([model.coefficients for model in models])[:, columns]
    covariances = np.asarray([model.covariance for model in models])
    found = wald_test(coefficients, covariances[:, columns][:, :, columns])
    return Nonlinearity(
        name=one.name,
        label=one.label,
        knots=one.knots,
        statistic=found.statistic,
        degrees_of_freedom=found.degrees_of_freedom,
        denominator=found.denominator,
        p_value=found.p_value,
    )


def _none(one: Predictor, why: str) -> Nonlinearity:
    return Nonlinearity(
        name=one.name,
        label=one.label,
        knots=one.knots,
        statistic=None,
        degrees_of_freedom=len(nonlinear_columns(one)),
        denominator=None,
        p_value=None,
        why=why,
    )
