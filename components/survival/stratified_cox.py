"""A Cox model whose strata share the coefficients and have a baseline hazard each."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field

from components.errors import CohortRejected
from components.study.results import Record
from components.survival.cox import CoxModel, fit_cox
from components.survival.design import Predictor, column_names, design_matrix
from components.survival.risk_sets import Ties
from components.survival.target import BoolArray, FloatArray, SurvivalTarget


class StratifiedCoxModel(Record):
    """One `CoxModel` a stratum: the same coefficients and centre, its own baseline hazard.

    The likelihoods, `n` and `n_events` of each are those of the whole fit, `follow_up_days` is the
    stratum's own. `without_deaths` are the strata that add nothing and have no baseline hazard.
    """

    schema_: Literal["armwise.stratified_cox_model/1"] = Field(
        default="armwise.stratified_cox_model/1", alias="schema"
    )
    stratified_by: str
    by_stratum: dict[str, CoxModel]
    without_deaths: tuple[str, ...]

    def linear_predictor(self, table: pd.DataFrame) -> FloatArray:
        """The linear predictor (n_patients,), centred by all fitting patients alike.

        Raises:
            CohortRejected: A column or cell is missing, or a level is unknown.
        """
        return next(iter(self.by_stratum.values())).linear_predictor(table)

    def survival(self, table: pd.DataFrame, times_days: Sequence[float]) -> FloatArray:
        """Survival probabilities (n_patients, n_times), each patient's by the own stratum.

        Raises:
            CohortRejected: A column or cell is missing, a stratum is unknown or had no death.
            UsageError: A time lies beyond the follow-up of a stratum.
        """
        stratum = _strata(table, self.stratified_by)
        unknown = ~np.isin(stratum, list(self.by_stratum))
        if unknown.any():
            found = sorted(set(stratum[unknown]) & set(self.without_deaths))
            silent = f"; without a death when fitted: {', '.join(found)}" if found else ""
            msg = (
                f"column '{self.stratified_by}': expected one of {', '.join(self.by_stratum)}, "
                f"{int(unknown.sum())} patients are of a stratum without a baseline hazard{silent}"
            )
            raise CohortRejected(msg)
        lp = self.linear_predictor(table)
        survival = np.empty((len(table), len(times_days)))
        for name, model in self.by_stratum.items():
            rows = stratum == name
            if rows.any():
                survival[rows] = model.survival_at(lp[rows], times_days)
        return survival


def fit_stratified_cox_model(
    table: pd.DataFrame,
    predictors: Sequence[Predictor],
    target: SurvivalTarget,
    *,
    by: str,
    ridge: float = 0.0,
    ties: Ties = "efron",
    weights: FloatArray | None = None,
) -> StratifiedCoxModel:
    """The Cox model of a table's predictors with the strata that the column `by` names.

    Raises:
        CohortRejected: A column or cell is missing, or a level is unknown.
        NoEventsInArm: Nobody has died.
        FitFailed: The estimate does not exist (see `fit_cox`).
    """
    x, stratum = design_matrix(table, predictors), _strata(table, by)
    names, number = np.unique(stratum, return_inverse=True)
    fit = fit_cox(
        x,
        target,
        strata=number,
        ties=ties,
        ridge=ridge,
        columns=column_names(predictors),
        weights=weights,
    )
    counted: BoolArray = target.event if weights is None else target.event & (weights > 0)
    has_death = {str(name): bool(counted[stratum == name].any()) for name in names}
    return StratifiedCoxModel(
        stratified_by=by,
        by_stratum={
            name: CoxModel.of(
                fit,
                x,
                target,
                predictors=predictors,
                ties=ties,
                ridge=ridge,
                weights=weights,
                rows=stratum == name,
            )
            for name in has_death
            if has_death[name]
        },
        without_deaths=tuple(name for name in has_death if not has_death[name]),
    )


def _strata(table: pd.DataFrame, by: str) -> np.ndarray:
    if by not in table.columns:
        msg = f"expected the column '{by}' of the strata, found none"
        raise CohortRejected(msg)
    if table[by].isna().any():
        msg = f"column '{by}': the stratum of {int(table[by].isna().sum())} patients is missing"
        raise CohortRejected(msg)
    return np.asarray(table[by].astype(str), dtype=object)
