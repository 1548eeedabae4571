"""The Cox model of named predictors, as a record that predicts without its data."""

from collections.abc import Sequence
from typing import Literal, Self

import numpy as np
import pandas as pd
from pydantic import Field

from components.errors import FitFailed, UsageError
from components.study.results import Record
from components.survival.design import Predictor, column_names, design_matrix
from components.survival.folds import draw_folds
from components.survival.newton import CoxFit, fit_cox
from components.survival.partial_likelihood import baseline_hazard, log_likelihood
from components.survival.risk_sets import Ties
from components.survival.target import BoolArray, FloatArray, IntArray, SurvivalTarget

__all__ = [
    "BaselineHazard",
    "CoxFit",
    "CoxModel",
    "RidgeChoice",
    "choose_ridge",
    "fit_cox",
    "fit_cox_model",
]


class BaselineHazard(Record):
    """Cumulative hazard at a centred linear predictor of 0, at the distinct death times.

    Efron's estimate for Efron ties (R: `survfit` of `coxph`), Breslow's for Breslow's.
    """

    times_days: tuple[float, ...]
    cumulative_hazard: tuple[float, ...]

    def at(self, times_days: Sequence[float]) -> FloatArray:
        """The cumulative hazard (n_times,): a right-continuous step function, 0 at first."""
        steps = np.concatenate([[0.0], self.cumulative_hazard])
        return np.asarray(steps[np.searchsorted(self.times_days, times_days, side="right")])


class CoxModel(Record):
    """A fitted Cox model: coefficients, covariance, centre and baseline hazard.

    `means` are those of all columns of the design matrix (indicators too, as `rms::cph`), and the
    linear predictor is centred by them. A model without predictors is the sample's own survival.
    """

    schema_: Literal["armwise.cox_model/1"] = Field(default="armwise.cox_model/1", alias="schema")
    predictors: tuple[Predictor, ...]
    columns: tuple[str, ...]
    coefficients: tuple[float, ...]
    standard_errors: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    means: tuple[float, ...]
    ties: Ties
    ridge: float
    n: int
    n_events: int
    log_likelihood_null: float
    log_likelihood: float
    follow_up_days: float
    baseline: BaselineHazard

    def linear_predictor(self, table: pd.DataFrame) -> FloatArray:
        """The centred linear predictor (n_patients,) of a table that holds the predictors.

        Raises:
            CohortRejected: A column or cell is missing, or a level is unknown.
        """
        x = design_matrix(table, self.predictors) - np.asarray(self.means)
        return np.asarray(x @ np.asarray(self.coefficients))

    def survival_at(self, linear_predictor: FloatArray, times_days: Sequence[float]) -> FloatArray:
        """Survival probabilities (n_patients, n_times): S(t) = exp(-H0(t) exp(lp)).

        Raises:
            UsageError: A time lies beyond the follow-up of the fitting patients.
        """
        late = [time for time in times_days if time > self.follow_up_days]
        if late:
            msg = (
                f"horizon {late[0]:g} days exceeds the follow-up of the patients that the model "
                f"was fitted on (at most {self.follow_up_days:g} days); choose a smaller horizon"
            )
            raise UsageError(msg)
        hazard = np.exp(np.asarray(linear_predictor))[:, None] * self.baseline.at(times_days)
        return np.asarray(np.exp(-hazard))

    def median_days(self, linear_predictor: FloatArray) -> list[float | None]:
        """Median survival times: the first time at which S(t) <= 0.5, None where not reached."""
        needed = np.log(2.0) / np.exp(np.asarray(linear_predictor))
        steps = np.asarray(self.baseline.cumulative_hazard)
        index = np.searchsorted(steps, needed, side="left")
        return [self.baseline.times_days[i] if i < steps.size else None for i in index]

    @classmethod
    def of(
        cls,
        fit: CoxFit,
        x: FloatArray,
        target: SurvivalTarget,
        *,
        predictors: Sequence[Predictor],
        ties: Ties,
        ridge: float,
        weights: FloatArray | None = None,
        rows: BoolArray | None = None,
    ) -> Self:
        """The record of a fit to the design matrix `x` (n, p) of `predictors`.

        `weights` are the fit's; `rows` (n,) are those of one stratum, whose baseline hazard and
        follow-up the model then has.
        """
        means = x.mean(axis=0)
        lp = (x - means) @ fit.coefficients
        if rows is not None:
            lp, target = lp[rows], target.subset(rows)
            weights = None if weights is None else weights[rows]
        times, hazard = baseline_hazard(lp, target, ties=ties, weights=weights)
        return cls(
            predictors=tuple(predictors),
            columns=column_names(predictors),
            coefficients=tuple(fit.coefficients.tolist()),
            standard_errors=tuple(fit.standard_errors.tolist()),
            covariance=tuple(tuple(row) for row in fit.covariance.tolist()),
            means=tuple(means.tolist()),
            ties=ties,
            ridge=ridge,
            n=fit.n,
            n_events=fit.n_events,
            log_likelihood_null=fit.log_likelihood_null,
            log_likelihood=fit.log_likelihood,
            follow_up_days=float(target.time_days.max()),
            baseline=BaselineHazard(
                times_days=tuple(times.tolist()), cumulative_hazard=tuple(hazard.tolist())
            ),
        )


def fit_cox_model(
    table: pd.DataFrame,
    predictors: Sequence[Predictor],
    target: SurvivalTarget,
    *,
    ridge: float = 0.0,
    ties: Ties = "efron",
    weights: FloatArray | None = None,
) -> CoxModel:
    """The Cox model of a table's predictors, rows in the order of `target`.

    `ridge` penalises 0.5 * ridge * sum((b_j sd_j)^2), sd_j the 1/n standard deviations; `weights`
    (n,) are case weights.

    Raises:
        CohortRejected: A column or cell is missing, or a level is unknown.
        NoEventsInArm: Nobody has died.
        FitFailed: The estimate does not exist (see `fit_cox`).
    """
    x = design_matrix(table, predictors)
    names = column_names(predictors)
    fit = fit_cox(x, target, ties=ties, ridge=ridge, columns=names, weights=weights)
    return CoxModel.of(
        fit, x, target, predictors=predictors, ties=ties, ridge=ridge, weights=weights
    )


class RidgeChoice(Record):
    """The penalty of least cross-validated deviance among `penalties`.

    `deviance` is None for a penalty at which some fold's estimate does not exist.
    """

    penalty: float
    penalties: tuple[float, ...]
    deviance: tuple[float | None, ...]

    @classmethod
    def of(
        cls, penalties: Sequence[float], deviance: Sequence[float | None], *, needed: str
    ) -> Self:
        """The choice; of penalties of equal deviance the smallest.

        Raises:
            FitFailed: No penalty has a deviance; `needed` says where each has to give an estimate.
        """
        usable = [
            (value, ridge)
            for value, ridge in zip(deviance, penalties, strict=True)
            if value is not None
        ]
        if not usable:
            tried = ", ".join(f"{ridge:g}" for ridge in penalties)
            msg = f"no ridge penalty among {tried} gives an estimate {needed}"
            raise FitFailed(msg)
        return cls(penalty=min(usable)[1], penalties=tuple(penalties), deviance=tuple(deviance))


def choose_ridge(
    table: pd.DataFrame,
    predictors: Sequence[Predictor],
    target: SurvivalTarget,
    *,
    penalties: Sequence[float],
    n_folds: int,
    rng: np.random.Generator,
) -> RidgeChoice:
    """The ridge penalty by cross-validated partial likelihood, folds stratified by event.

    Rows of one patient (of equal index, as a bootstrap draws them) share a fold.

    Of fold k counts l(b_-k) of all patients minus l_-k(b_-k) of the others (Verweij and van
    Houwelingen 1993, doi:10.1002/sim.4780122407); the deviance is -2 times the sum over folds.

    Raises:
        NoEventsInArm: Nobody has died.
        FitFailed: At no penalty does every fold's estimate exist.
    """
    x = design_matrix(table, predictors)
    units = pd.factorize(table.index)[0]
    fold_of = draw_folds(target.event.astype(np.int64), n_folds=n_folds, rng=rng, units=units)
    columns = column_names(predictors)
    deviance = _deviances(x, target, fold_of, penalties=penalties, columns=columns)
    needed = f"in all {n_folds} folds; allow larger penalties or fewer predictors"
    return RidgeChoice.of(penalties, deviance, needed=needed)


def _deviances(
    x: FloatArray,
    target: SurvivalTarget,
    fold_of: IntArray,
    *,
    penalties: Sequence[float],
    columns: tuple[str, ...],
) -> list[float | None]:
    """The cross-validated deviance at each penalty, None where some fold's estimate is missing."""
    total = np.zeros(len(penalties))
    # The scale of all patients: a column that is constant in a fold is then still penalised.
    scale, centred = x.std(axis=0), x - x.mean(axis=0)
    for fold in np.unique(fold_of):
        kept = fold_of != fold
        part = target.subset(kept)
        lp = np.zeros((target.n, len(penalties)))
        for at in np.flatnonzero(np.isfinite(total)):
            try:
                fit = fit_cox(x[kept], part, ridge=penalties[int(at)], scale=scale, columns=columns)
            except FitFailed:
                total[at] = np.nan
                continue
            lp[:, at] = centred @ fit.coefficients
        total += log_likelihood(lp, target) - log_likelihood(lp[kept], part)
    return [None if np.isnan(value) else -2.0 * float(value) for value in total]
