"""The Cox models of an arm, fitted and evaluated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from components.arms.choosing import ChosenArm, choose_predictors
from components.arms.evaluation import (
    ScoredPatients,
    calibration,
    differences,
    evaluate,
    roc_curves,
)
from components.arms.horizons import not_estimable_horizons
from components.arms.preparation import PreparedArm
from components.arms.records import ArmModels, ModelDifference, RiskGroups, SampleSize
from components.arms.risk_groups import risk_groups
from components.arms.sample_size import sample_size
from components.arms.separation import separations
from components.cohort.endpoint import survival_target
from components.cohort.schema import PREDICTORS, Variable
from components.errors import FitFailed
from components.study.protocol import ClinicalSection, EvaluationSection, StudySection
from components.study.randomness import step_seed
from components.study.results import Adaptation
from components.study.vocabulary import ModelKind, SignatureState, Split, TreatmentArm
from components.survival.cox import CoxModel, RidgeChoice, choose_ridge, fit_cox_model
from components.survival.design import Predictor
from components.survival.target import FloatArray

_NO_SIGNATURE = {
    SignatureState.NULL: "the signature is null",
    SignatureState.ABSENT: "no signature was given",
}


@dataclass(frozen=True, eq=False)
class _Fitted:
    """The models of an arm and how they were chosen."""

    models: dict[ModelKind, CoxModel]
    ridge: dict[ModelKind, RidgeChoice]
    sample_size: dict[ModelKind, SampleSize]
    rescued: tuple[Adaptation, ...]


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
        train: Indexed by patient, with `os_days`, `death`, the predictors and, unless the
            signature is null, `dl_signature` as cross-fitted.
        test: The same columns, `dl_signature` as deployed.
        clinical: The predictors and the ridge penalties to try.
        evaluation: Confidence level and horizon rule.
        study: The horizons.
        signature: Where it is null, the DLRadiomics model has no predictor and the combined model
            is the clinical one; where it is absent, there is the clinical model alone.
        seed: The study's seed, for the folds of the penalty's cross-validation.
        codebook: What the predictors are.

    Raises:
        UsageError: The protocol names a predictor that the codebook does not know.
        CohortRejected: A column is missing.
        NoEventsInArm: No training patient has died.
        FitFailed: A model's estimate does not exist at any penalty.
    """
    chosen = choose_predictors(
        arm, train, test, clinical=clinical, signature=signature, codebook=codebook
    )
    prepared = chosen.prepared
    fitted = _fit_models(arm, chosen, clinical, signature=signature, seed=seed)
    separated = _remedies(arm, prepared, fitted)
    refused = not_estimable_horizons(
        survival_target(prepared.train), study.horizons_days, evaluation
    )
    scored = _score(arm, fitted.models, prepared, study.horizons_days, refused, evaluation)
    return ArmModels(
        arm=arm,
        signature=signature,
        models=fitted.models,
        ridge=fitted.ridge,
        nomogram_kind=ModelKind.COMBINED if prepared.signature else ModelKind.CLINICAL,
        horizons_estimable=tuple(days for days in study.horizons_days if days not in refused),
        horizons_not_estimable=refused,
        evaluations=tuple(evaluate(one, evaluation) for one in scored),
        differences=_differences(fitted.models, scored, evaluation),
        risk_groups=tuple(_risk_groups(scored, evaluation)),
        calibration=tuple(one for each in scored for one in calibration(each, evaluation)),
        roc_curves=tuple(one for each in scored for one in roc_curves(each, evaluation)),
        sample_size=fitted.sample_size,
        selection=chosen.selection,
        notes=(
            *_notes(arm, prepared, fitted, signature),
            *(f"{arm.label}: {one.why}; {one.done}." for one in separated),
        ),
        adaptations=(*prepared.adaptations, *separated, *fitted.rescued),
        quarantined=prepared.quarantined,
    )


def _differences(
    models: dict[ModelKind, CoxModel], scored: list[ScoredPatients], section: EvaluationSection
) -> tuple[ModelDifference, ...]:
    if ModelKind.COMBINED not in models:
        return ()
    pair = {"kind": ModelKind.COMBINED, "reference": ModelKind.CLINICAL}
    return tuple(differences(scored, section, **pair))


def _notes(
    arm: TreatmentArm, prepared: PreparedArm, fitted: _Fitted, signature: SignatureState
) -> tuple[str, ...]:
    why = _NO_SIGNATURE.get(signature)
    null = [f"{arm.label}: {why}, so models and nomogram are clinical."] if why else []
    small = [one.sentence for one in fitted.sample_size.values() if not one.is_sufficient]
    return (*null, *prepared.notes, *small)


def _remedies(arm: TreatmentArm, prepared: PreparedArm, fitted: _Fitted) -> tuple[Adaptation, ...]:
    """What was done about each level, of more than two, that separates deaths from others."""
    ridge = fitted.ridge.get(ModelKind.CLINICAL)
    shrunk = f"shrunk by the ridge penalty {ridge.penalty:g}" if ridge else "without a penalty"
    return tuple(
        Adaptation(
            step=f"models of {arm.value}",
            asked=f"a coefficient of {one.label} {one.level}",
            done=f"kept, its coefficient {shrunk}",
            why=one.sentence,
        )
        for one in separations(prepared.train, prepared.clinical)
    )


def _fit_models(
    arm: TreatmentArm,
    chosen: ChosenArm,
    section: ClinicalSection,
    *,
    signature: SignatureState,
    seed: int,
) -> _Fitted:
    prepared, wanted = chosen.prepared, chosen.wanted
    target = survival_target(prepared.train)
    ridge: dict[ModelKind, RidgeChoice] = {
        kind: _choose(arm, prepared.train, predictors, section, seed=seed)
        for kind, predictors in wanted.items()
        if section.method == "ridge" and kind != ModelKind.DLRADIOMICS and predictors
    }
    models: dict[ModelKind, CoxModel] = {}
    rescued: list[Adaptation] = []
    for kind, predictors in wanted.items():
        penalty = ridge[kind].penalty if kind in ridge else 0.0
        try:
            models[kind] = fit_cox_model(prepared.train, predictors, target, ridge=penalty)
        except FitFailed as error:
            if kind in ridge or len(predictors) < 2 or max(section.ridge_penalties) == 0:
                raise
            ridge[kind] = _choose(arm, prepared.train, predictors, _penalised(section), seed=seed)
            penalty = ridge[kind].penalty
            models[kind] = fit_cox_model(prepared.train, predictors, target, ridge=penalty)
            rescued.append(_rescue(arm, kind, penalty, error))
    sizes = {
        kind: sample_size(arm, kind, prepared.train, predictors, target)
        for kind, predictors in chosen.tried.items()
        if predictors
    }
    if signature is SignatureState.NULL:
        models[ModelKind.DLRADIOMICS] = fit_cox_model(prepared.train, (), target)
        models[ModelKind.COMBINED] = models[ModelKind.CLINICAL]
    return _Fitted(models, ridge, sizes, tuple(rescued))


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
    train: pd.DataFrame,
    predictors: Sequence[Predictor],
    section: ClinicalSection,
    *,
    seed: int,
) -> RidgeChoice:
    # One step name for all models of the arm: they are compared on the same folds.
    rng = np.random.default_rng(step_seed(seed, f"ridge folds of {arm.value}"))
    return choose_ridge(
        train,
        predictors,
        survival_target(train),
        penalties=section.ridge_penalties,
        n_folds=section.cv_folds,
        rng=rng,
    )


def _score(
    arm: TreatmentArm,
    models: dict[ModelKind, CoxModel],
    prepared: PreparedArm,
    horizons_days: tuple[int, ...],
    refused_in_training: dict[int, str],
    section: EvaluationSection,
) -> list[ScoredPatients]:
    scored = []
    for split, table in ((Split.TRAIN, prepared.train), (Split.TEST, prepared.test)):
        target = survival_target(table)
        refused = not_estimable_horizons(target, horizons_days, section)
        scored += [
            ScoredPatients(
                arm=arm,
                kind=kind,
                split=split,
                model=models[kind],
                target=target,
                linear_predictor=models[kind].linear_predictor(table),
                horizons_days=horizons_days,
                not_estimable=refused,
                not_predictable={
                    **{days: f"in training, {why}" for days, why in refused_in_training.items()},
                    **refused,
                },
            )
            for kind in models
        ]
    return scored


def _risk_groups(scored: list[ScoredPatients], section: EvaluationSection) -> list[RiskGroups]:
    training = {one.kind: one.linear_predictor for one in scored if one.split is Split.TRAIN}
    is_frozen = section.cutoff == "training_median"
    return [
        risk_groups(
            one, _median(training[one.kind] if is_frozen else one.linear_predictor), section
        )
        for one in scored
        if not one.is_constant
    ]


def _median(linear_predictor: FloatArray) -> float:
    """The median; 0, the centre of every model, where there is nobody."""
    return float(np.median(linear_predictor)) if linear_predictor.size else 0.0
