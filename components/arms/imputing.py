"""Imputation of an arm's missing predictors, and the report of what it adds to the variance.

Each arm is imputed by itself: its models have coefficients of their own, and an equation shared by
the arms would take the arms' differences out of the imputed values. The equations hold all
candidates of the arm's models and the signature, which is known of everybody who is fitted on.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from components.arms.estimating import FittedModel
from components.arms.preparation import PreparedArm
from components.cohort.endpoint import survival_target
from components.cohort.imputation import (
    ChainSettings,
    CompletedTables,
    PredictorImputer,
    impute_training,
)
from components.errors import FitFailed, NoEventsInArm
from components.study.protocol import ImputationSection
from components.study.randomness import step_seed
from components.study.results import Record
from components.study.vocabulary import ModelKind, TreatmentArm
from components.survival.cox import CoxModel, fit_cox_model
from components.survival.design import column_names
from components.survival.pooling import pool_fits
from components.survival.target import SurvivalTarget


class ImputedCoefficient(Record):
    """A coefficient pooled by Rubin's rules, and that of the complete cases beside it.

    `within` and `between` are the two parts of its variance; `share_of_imputation` (lambda) is what
    the missing values add to it, `missing_information` (gamma) the fraction of information that
    they cost, `relative_efficiency` that of so many imputations against infinitely many. The
    complete cases' figures are None where these have no finite estimate.
    """

    column: str
    coefficient: float
    standard_error: float
    within: float
    between: float
    share_of_imputation: float
    missing_information: float
    degrees_of_freedom: float
    relative_efficiency: float
    complete_coefficient: float | None
    complete_standard_error: float | None


class ImputationReport(Record):
    """What was imputed, and what that adds to the variance of each model that it touches.

    `missing_train` and `missing_test` count empty cells by column; `coefficients` holds the models
    with an imputed predictor.
    """

    imputations: int
    iterations: int
    n_train: int
    n_train_incomplete: int
    n_train_incomplete_events: int
    missing_train: dict[str, int]
    n_test: int
    n_test_incomplete: int
    missing_test: dict[str, int]
    coefficients: dict[ModelKind, tuple[ImputedCoefficient, ...]]

    @property
    def sentence(self) -> str:
        """What was imputed, in words for a report."""
        largest = [one.share_of_imputation for each in self.coefficients.values() for one in each]
        added = (
            f"; at most {100 * max(largest):.0f}% of a coefficient's variance comes from that"
            if largest
            else ""
        )
        return (
            f"{self.n_train_incomplete} of {self.n_train} training and {self.n_test_incomplete} of "
            f"{self.n_test} test patients had missing predictors, imputed {self.imputations} times "
            f"by chained equations ({self.iterations} rounds){added}"
        )


def completed_training(
    arm: TreatmentArm,
    prepared: PreparedArm,
    target: SurvivalTarget,
    section: ImputationSection | None,
    *,
    seed: int,
) -> CompletedTables:
    """The training patients with empty cells filled, their outcome known; as given without them."""
    if section is None:
        return CompletedTables((prepared.train,), {})
    settings = _settings(section, seed, f"imputation of {arm.value}")
    return impute_training(prepared.train, prepared.predictors, target, settings)


def imputer_of(
    arm: TreatmentArm, prepared: PreparedArm, section: ImputationSection | None, *, seed: int
) -> PredictorImputer | None:
    """What fills the empty cells of patients to be scored; None without imputation."""
    if section is None:
        return None
    settings = _settings(section, seed, f"imputation of {arm.value} without outcome")
    return PredictorImputer(prepared.train, prepared.predictors, settings)


def _settings(section: ImputationSection, seed: int, step: str) -> ChainSettings:
    return ChainSettings(section.imputations, section.iterations, step_seed(seed, step))


def imputation_report(
    section: ImputationSection | None,
    completed: CompletedTables,
    fits: Mapping[ModelKind, FittedModel],
    *,
    train: pd.DataFrame,
    test: pd.DataFrame,
) -> ImputationReport | None:
    """The report of an arm's imputation; None where no predictor of a model was missing.

    Args:
        section: Number of imputations and rounds; None where nothing is imputed.
        completed: The training patients as the models were fitted on them.
        fits: The models, and the fits that they are pooled of.
        train: The training patients with their empty cells.
        test: The test patients who were scored, with theirs.
    """
    names = {one.name for fit in fits.values() for one in fit.model.predictors}
    missing_train = {name: n for name, n in completed.imputed.items() if name in names}
    missing_test = _missing(test, sorted(names))
    if section is None or not (missing_train or missing_test):
        return None
    incomplete = train[list(missing_train)].isna().any(axis=1)
    return ImputationReport(
        imputations=section.imputations,
        iterations=section.iterations,
        n_train=len(train),
        n_train_incomplete=int(incomplete.sum()),
        n_train_incomplete_events=survival_target(train[incomplete]).n_events,
        missing_train=missing_train,
        n_test=len(test),
        n_test_incomplete=int(test[list(missing_test)].isna().any(axis=1).sum()),
        missing_test=missing_test,
        coefficients={
            kind: _coefficients(fit, train) for kind, fit in fits.items() if len(fit.parts) > 1
        },
    )


def _missing(table: pd.DataFrame, names: Sequence[str]) -> dict[str, int]:
    counts = table[list(names)].isna().sum()
    return {str(name): int(n) for name, n in counts.items() if n}


def _coefficients(fit: FittedModel, train: pd.DataFrame) -> tuple[ImputedCoefficient, ...]:
    pooled, model = pool_fits(fit.parts), fit.model
    complete_df = max(model.n_events - len(model.columns), 1)
    within, between = np.diag(pooled.within), np.diag(pooled.between)
    share, information = pooled.share_of_imputation, pooled.missing_information(complete_df)
    df, efficiency = pooled.degrees_of_freedom(complete_df), pooled.relative_efficiency(complete_df)
    complete = _complete_cases(model, train)
    return tuple(
        ImputedCoefficient(
            column=column,
            coefficient=model.coefficients[j],
            standard_error=model.standard_errors[j],
            within=float(within[j]),
            between=float(between[j]),
            share_of_imputation=float(share[j]),
            missing_information=float(information[j]),
            degrees_of_freedom=float(df[j]),
            relative_efficiency=float(efficiency[j]),
            complete_coefficient=complete.coefficients[j] if complete else None,
            complete_standard_error=complete.standard_errors[j] if complete else None,
        )
        for j, column in enumerate(column_names(model.predictors))
    )


def _complete_cases(model: CoxModel, train: pd.DataFrame) -> CoxModel | None:
    """The same model, with its penalty, in the patients of whom all its predictors are known."""
    known = train[train[[one.name for one in model.predictors]].notna().all(axis=1)]
    try:
        return fit_cox_model(known, model.predictors, survival_target(known), ridge=model.ridge)
    except (FitFailed, NoEventsInArm):
        return None
