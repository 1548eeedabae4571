"""The Cox models of an arm, fitted and evaluated."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from components.arms.assumptions import hazard_tests, unexpected_signs
from components.arms.choosing import ChosenPredictors, choose_predictors
from components.arms.estimating import FittedModel, fit_kind, small_strata
from components.arms.evaluation import (
    ScoredPatients,
    calibration,
    decision_curves,
    evaluate,
    model_differences,
    roc_curves,
)
from components.arms.horizons import not_estimable_horizons
from components.arms.imputing import completed_training, imputation_report, imputer_of
from components.arms.nonlinearity import nonlinearity
from components.arms.preparation import PreparedArm, prepare_arm, said_of
from components.arms.records import ArmModels
from components.arms.risk_groups import all_risk_groups
from components.arms.sample_size import sample_size
from components.arms.scorable import ScorablePatients, scorable_patients
from components.arms.separation import separations
from components.cohort.endpoint import survival_target
from components.cohort.imputation import CompletedTables, PredictorImputer
from components.cohort.schema import PREDICTORS, Variable
from components.study.protocol import ClinicalSection, EvaluationSection, StudySection
from components.study.results import Adaptation
from components.study.vocabulary import ModelKind, SignatureState, Split, TreatmentArm
from components.survival.cox import CoxModel, RidgeChoice, fit_cox_model
from components.survival.target import FloatArray

_NO_SIGNATURE = {
    SignatureState.NULL: "the signature is null",
    SignatureState.ABSENT: "no signature was given",
}


@dataclass(frozen=True, eq=False)
class FittedModels:
    """The models of an arm, without any evaluation, and what they were fitted on.

    Attributes:
        models: By kind.
        prepared: The training patients, as the models need them, and the predictors.
        completed: The same patients with empty cells filled, once or as often as imputed.
        chosen: The predictors of each model.
        fits: What each model that was fitted is pooled of, and its penalty.
        imputer: Fills the empty cells of patients to be scored; None where nothing is imputed.
    """

    arm: TreatmentArm
    models: dict[ModelKind, CoxModel]
    prepared: PreparedArm
    completed: CompletedTables
    chosen: ChosenPredictors
    fits: dict[ModelKind, FittedModel]
    imputer: PredictorImputer | None

    @property
    def nomogram_kind(self) -> ModelKind:
        """The model that the arm's nomogram shows: the combined one where there is a signature."""
        return ModelKind.COMBINED if self.prepared.signature else ModelKind.CLINICAL

    @property
    def ridge(self) -> dict[ModelKind, RidgeChoice]:
        """How the penalties were chosen, of the models that have one."""
        return {kind: one.ridge for kind, one in self.fits.items() if one.ridge is not None}

    @property
    def rescued(self) -> tuple[Adaptation, ...]:
        """Which models have a penalty that was not asked for, and why."""
        return tuple(one.rescued for one in self.fits.values() if one.rescued is not None)

    def scorable(self, table: pd.DataFrame, *, split: str = "test") -> ScorablePatients:
        """The patients of a table whom every model can score, and who is left out and why."""
        used = {one.name: one for model in self.models.values() for one in model.predictors}
        return scorable_patients(
            self.arm, table, tuple(used.values()), imputes=self.imputer is not None, split=split
        )

    def linear_predictor(self, kind: ModelKind, table: pd.DataFrame) -> FloatArray:
        """The centred linear predictor (n_patients,) of scorable patients.

        With empty cells it is the mean over their imputations, which know their predictors alone
        (Wood, Royston and White 2015, doi:10.1002/bimj.201400004).

        Raises:
            CohortRejected: A column or cell is missing, or a level is unknown.
        """
        model = self.models[kind]
        if self.imputer is None or not table[[one.name for one in model.predictors]].isna().any(
            axis=None
        ):
            return model.linear_predictor(table)
        completed = self.imputer.complete(table)
        return np.asarray(
            np.mean([model.linear_predictor(one) for one in completed.tables], axis=0)
        )


def fit_models(
    arm: TreatmentArm,
    train: pd.DataFrame,
    *,
    clinical: ClinicalSection,
    signature: SignatureState,
    seed: int,
    codebook: Mapping[str, Variable] = PREDICTORS,
) -> FittedModels:
    """The Cox models of an arm alone, as often as a bootstrap or cross-validation needs them.

    Args:
        arm: The arm; the table holds its patients only.
        train: Indexed by patient (one who was drawn twice stands there twice), with `os_days`,
            `death`, the predictors and, with a signature, `dl_signature` as cross-fitted.
        clinical: The predictors, how they are chosen, penalised and imputed.
        signature: Where it is null, the DLRadiomics model has no predictor and the combined model
            is the clinical one; where it is absent, there is the clinical model alone.
        seed: The study's seed, for imputation and the folds of the penalty's cross-validation.
        codebook: What the predictors are.

    Raises:
        UsageError: The protocol names a predictor that the codebook does not know.
        CohortRejected: A column is missing.
        NoEventsInArm: No patient has died.
        FitFailed: A model's estimate does not exist at any penalty.
    """
    prepared = prepare_arm(
        arm,
        train,
        names=clinical.predictors[arm],
        signature=signature,
        codebook=codebook,
        imputes=clinical.imputation is not None,
        splines=clinical.splines,
    )
    target = survival_target(prepared.train)
    completed = completed_training(arm, prepared, target, clinical.imputation, seed=seed)
    chosen = choose_predictors(prepared, completed, clinical)
    fits = {
        kind: fit_kind(arm, kind, completed, predictors, target, section=clinical, seed=seed)
        for kind, predictors in chosen.wanted.items()
    }
    models = {kind: one.model for kind, one in fits.items()}
    if signature is SignatureState.NULL:
        models[ModelKind.DLRADIOMICS] = fit_cox_model(prepared.train, (), target)
        models[ModelKind.COMBINED] = models[ModelKind.CLINICAL]
    imputer = imputer_of(arm, prepared, clinical.imputation, seed=seed)
    return FittedModels(arm, models, prepared, completed, chosen, fits, imputer)


def fit_arm(
    arm: TreatmentArm,
    train: pd.DataFrame,
    test: pd.DataFrame,
    *,
    clinical: ClinicalSection,
    evaluation: EvaluationSection,
    study: StudySection,
    signature: SignatureState,
    seed: int,
    codebook: Mapping[str, Variable] = PREDICTORS,
) -> ArmModels:
    """The clinical, DLRadiomics and combined Cox models of an arm and how good they are.

    Args:
        arm: The arm; both tables hold its patients only.
        train: As of `fit_models`, whose other arguments and faults are the same.
        test: The same columns, `dl_signature` as deployed.
        clinical: The predictors, how they are chosen, penalised and imputed.
        evaluation: Confidence level and horizon rule.
        study: The horizons.
        signature: Whether there is one.
        seed: The study's seed.
        codebook: What the predictors are.
    """
    fitted = fit_models(
        arm, train, clinical=clinical, signature=signature, seed=seed, codebook=codebook
    )
    tested = fitted.scorable(test)
    tables = {Split.TRAIN: fitted.prepared.train, Split.TEST: tested.table}
    target = survival_target(fitted.prepared.train)
    refused = not_estimable_horizons(target, study.horizons_days, evaluation)
    scored = _score(fitted, tables, study, evaluation, seed=seed)
    sizes = {
        kind: sample_size(arm, kind, fitted.completed, predictors, target)
        for kind, predictors in fitted.chosen.tried.items()
        if predictors
    }
    imputation = imputation_report(
        clinical.imputation,
        fitted.completed,
        fitted.fits,
        train=fitted.prepared.train,
        test=tested.table,
    )
    return ArmModels(
        arm=arm,
        signature=signature,
        models=fitted.models,
        ridge=fitted.ridge,
        nomogram_kind=fitted.nomogram_kind,
        horizons_estimable=tuple(days for days in study.horizons_days if days not in refused),
        horizons_not_estimable=refused,
        evaluations=tuple(evaluate(one, evaluation) for one in scored),
        differences=tuple(model_differences(scored, evaluation)),
        risk_groups=tuple(all_risk_groups(scored, evaluation)),
        calibration=tuple(one for each in scored for one in calibration(each, evaluation)),
        roc_curves=tuple(one for each in scored for one in roc_curves(each, evaluation)),
        sample_size=sizes,
        decision_curves=tuple(decision_curves(scored, evaluation)),
        hazard_tests=tuple(hazard_tests(fitted.fits, fitted.completed, target)),
        unexpected_signs=unexpected_signs(fitted.models),
        selection=fitted.chosen.selection,
        elimination=fitted.chosen.elimination,
        nonlinearity=tuple(
            nonlinearity(fitted.completed, fitted.chosen.wanted[ModelKind.CLINICAL], target)
        ),
        imputation=imputation,
        notes=(
            *_notes(fitted, tested, signature),
            *([f"{arm.label}: {imputation.sentence}."] if imputation else []),
            *(one.sentence for one in sizes.values() if not one.is_sufficient),
            *(f"{arm.label}: {one.why}; {one.done}." for one in _remedies(fitted)),
        ),
        adaptations=(
            *fitted.prepared.adaptations,
            *tested.adaptations,
            *_remedies(fitted),
            *fitted.rescued,
            *(small_strata(arm, target, clinical) if fitted.ridge else ()),
        ),
        quarantined=tested.quarantined,
    )


def _notes(
    fitted: FittedModels, tested: ScorablePatients, signature: SignatureState
) -> tuple[str, ...]:
    label, why = fitted.arm.label, _NO_SIGNATURE.get(signature)
    null = [f"{label}: {why}, so models and nomogram are clinical."] if why else []
    return (
        *null,
        *fitted.prepared.notes,
        *(said_of(fitted.arm, one) for one in tested.adaptations),
        *(f"{label}: {one}." for one in fitted.chosen.notes),
    )


def _remedies(fitted: FittedModels) -> tuple[Adaptation, ...]:
    """What was done about each level, of more than two, that separates deaths from others."""
    ridge = fitted.ridge.get(ModelKind.CLINICAL)
    shrunk = f"shrunk by the ridge penalty {ridge.penalty:g}" if ridge else "without a penalty"
    return tuple(
        Adaptation(
            step=f"models of {fitted.arm.value}",
            asked=f"a coefficient of {one.label} {one.level}",
            done=f"kept, its coefficient {shrunk}",
            why=one.sentence,
        )
        for one in separations(fitted.prepared.train, fitted.chosen.wanted[ModelKind.CLINICAL])
    )


def _score(
    fitted: FittedModels,
    tables: Mapping[Split, pd.DataFrame],
    study: StudySection,
    section: EvaluationSection,
    *,
    seed: int,
) -> list[ScoredPatients]:
    train = survival_target(fitted.prepared.train)
    return [
        ScoredPatients.of(
            model,
            table,
            fitted.linear_predictor(kind, table),
            arm=fitted.arm,
            kind=kind,
            split=split,
            train=train,
            horizons_days=study.horizons_days,
            section=section,
            seed=seed,
        )
        for split, table in tables.items()
        for kind, model in fitted.models.items()
    ]
