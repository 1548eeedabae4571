"""One Cox model of an arm: its penalty by cross-validation, pooled over completed tables."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from components.cohort.imputation import CompletedTables
from components.errors import FitFailed
from components.study.protocol import ClinicalSection
from components.study.randomness import step_seed
from components.study.results import Adaptation
from components.study.vocabulary import ModelKind, TreatmentArm
from components.survival.cox import CoxModel, RidgeChoice, choose_ridge, fit_cox_model
from components.survival.design import Predictor
from components.survival.pooling import pool_models
from components.survival.target import SurvivalTarget


@dataclass(frozen=True, eq=False)
class FittedModel:
    """A model, the fits to the completed tables that it is pooled of, and how it was penalised.

    `rescued` says that a penalty was needed where none was asked for.
    """

    model: CoxModel
    parts: tuple[CoxModel, ...]
    ridge: RidgeChoice | None = None
    rescued: Adaptation | None = None


def fit_kind(
    arm: TreatmentArm,
    kind: ModelKind,
    completed: CompletedTables,
    predictors: Sequence[Predictor],
    target: SurvivalTarget,
    *,
    section: ClinicalSection,
    seed: int,
) -> FittedModel:
    """The model of one kind: penalised where the protocol says so or no estimate exists without.

    Raises:
        NoEventsInArm: Nobody has died.
        FitFailed: The estimate does not exist at any penalty.
    """
    tables = completed.of(predictors)
    if section.method == "ridge" and kind is not ModelKind.DLRADIOMICS and predictors:
        ridge = _choose(arm, completed, predictors, target, section, seed=seed)
        parts = [fit_cox_model(one, predictors, target, ridge=ridge.penalty) for one in tables]
        return FittedModel(pool_models(parts), tuple(parts), ridge)
    try:
        parts = [fit_cox_model(one, predictors, target) for one in tables]
        return FittedModel(pool_models(parts), tuple(parts))
    except FitFailed as error:
        if len(predictors) < 2 or max(section.ridge_penalties) == 0:
            raise
        ridge = _choose(arm, completed, predictors, target, _penalised(section), seed=seed)
        parts = [fit_cox_model(one, predictors, target, ridge=ridge.penalty) for one in tables]
        said = _rescue(arm, kind, ridge.penalty, error)
        return FittedModel(pool_models(parts), tuple(parts), ridge, said)


def small_strata(
    arm: TreatmentArm, target: SurvivalTarget, section: ClinicalSection
) -> tuple[Adaptation, ...]:
    """That the folds of the penalty's cross-validation have too few deaths or censored to share."""
    words = {"death": target.n_events, "censored patient": target.n - target.n_events}
    return tuple(
        Adaptation(
            step=f"models of {arm.value}",
            asked=f"{arm.label}: {section.cv_folds} folds for the ridge penalty, stratified by "
            "death",
            done=f"{section.cv_folds - count} folds hold no {word}",
            why=f"there are {count} of these in training",
        )
        for word, count in words.items()
        if count < section.cv_folds
    )


def _penalised(section: ClinicalSection) -> ClinicalSection:
    """The section with its positive penalties alone."""
    positive = tuple(one for one in section.ridge_penalties if one > 0)
    return section.model_copy(update={"ridge_penalties": positive})


def _rescue(arm: TreatmentArm, kind: ModelKind, penalty: float, error: FitFailed) -> Adaptation:
    return Adaptation(
        step=f"models of {arm.value}",
        asked=f"{arm.label}: the {kind.value} model without a penalty",
        done=f"{arm.label}: the {kind.value} model with the ridge penalty {penalty:g}",
        why=str(error),
    )


def _choose(
    arm: TreatmentArm,
    completed: CompletedTables,
    predictors: Sequence[Predictor],
    target: SurvivalTarget,
    section: ClinicalSection,
    *,
    seed: int,
) -> RidgeChoice:
    # One step name for all models and completed tables: they are compared on the same folds.
    choices = [
        choose_ridge(
            table,
            predictors,
            target,
            penalties=section.ridge_penalties,
            n_folds=section.cv_folds,
            rng=np.random.default_rng(step_seed(seed, f"ridge folds of {arm.value}")),
        )
        for table in completed.of(predictors)
    ]
    return mean_choice(choices)


def mean_choice(choices: Sequence[RidgeChoice]) -> RidgeChoice:
    """The penalty of least deviance averaged over choices among the same penalties.

    Raises:
        FitFailed: At no penalty has every one of them a deviance.
    """
    penalties = choices[0].penalties
    deviance = tuple(_mean(row) for row in zip(*(one.deviance for one in choices), strict=True))
    needed = f"in all folds of all {len(choices)} completed tables; allow larger penalties"
    return RidgeChoice.of(penalties, deviance, needed=needed)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [one for one in values if one is not None]
    return float(np.mean(known)) if len(known) == len(values) else None
