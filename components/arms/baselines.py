"""The baselines of an arm: what its models are worth beyond stage, radiomics and a label's odds.

Each is fitted to the training patients of the arm's models by the same steps (imputation, penalty)
and judged in the same test patients by the same figures; differences are paired.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from components.arms.arm_patients import ArmPatients, scored
from components.arms.baseline_records import (
    ArmBaselines,
    BaselineDifference,
    BaselineKind,
    BaselineModel,
)
from components.arms.evaluation import evaluate
from components.arms.fitting import fit_models
from components.arms.horizons import not_estimable_horizons, uno_tau_days
from components.arms.label_regression import (
    LabelledPart,
    LabelRegression,
    fit_label_regression,
)
from components.arms.preparation import SIGNATURE
from components.cohort.endpoint import survival_target
from components.cohort.schema import Variable
from components.errors import FitFailed
from components.study.protocol import (
    BaselinesSection,
    ClinicalSection,
    EvaluationSection,
    LabelSection,
    Protocol,
)
from components.study.results import Adaptation
from components.study.vocabulary import ModelKind, SignatureState, Split
from components.survival.comparison import PairedComparison, compare_auc, compare_c
from components.survival.design import column_names, design_matrix

RADIOMICS_SCORE = "radiomics_signature"

_RADIOMICS_KINDS = {
    BaselineKind.RADIOMICS: ModelKind.DLRADIOMICS,
    BaselineKind.CLINICAL_RADIOMICS: ModelKind.COMBINED,
}


def arm_baselines(
    patients: ArmPatients,
    *,
    section: BaselinesSection,
    protocol: Protocol,
    codebook: Mapping[str, Variable],
) -> ArmBaselines:
    """Stage only, radiomics where `radiomics_signature` is a column, and the label's regressions.

    Args:
        patients: The arm's models and their patients.
        section: Which baselines.
        protocol: How they are fitted and judged.
        codebook: What the predictors are.
    """
    adaptations: list[Adaptation] = []
    notes: list[str] = []
    models = [*_stage(patients, section, protocol, codebook, adaptations)]
    if RADIOMICS_SCORE in patients.tables[Split.TRAIN]:
        models += _radiomics(patients, protocol, codebook, notes)
    regressions = (
        _regressions(patients, protocol.label, protocol.evaluation)
        if section.label_regression
        else []
    )
    notes += [
        f"{one.arm.label}: no logistic regression ({one.kind.value}): {one.why_not}."
        for one in regressions
        if one.why_not
    ]
    return ArmBaselines(
        arm=patients.arm,
        models=tuple(models),
        regressions=tuple(regressions),
        notes=tuple(notes),
        adaptations=tuple(adaptations),
    )


def _stage(
    patients: ArmPatients,
    section: BaselinesSection,
    protocol: Protocol,
    codebook: Mapping[str, Variable],
    adaptations: list[Adaptation],
) -> list[BaselineModel]:
    arm, train = patients.arm, patients.tables[Split.TRAIN]
    known = tuple(
        name
        for name in section.stage
        if name in codebook and name in train and train[name].notna().any()
    )
    absent = [name for name in section.stage if name not in known]
    if absent:
        adaptations.append(
            Adaptation(
                step="baselines",
                asked=f"{arm.label}: stage alone by {', '.join(section.stage)}",
                done=f"{arm.label}: by {', '.join(known)}" if known else f"{arm.label}: none",
                why=f"the data have no column {', '.join(absent)}",
            )
        )
    if not known:
        return []
    named = protocol.clinical.model_copy(
        update={"predictors": {arm: known}, "method": "ridge", "two_step": None, "splines": {}}
    )
    baseline = _refitted(patients, named, SignatureState.ABSENT, protocol, codebook, adaptations)
    if baseline is None:
        return []
    return [_baseline(BaselineKind.STAGE, ModelKind.CLINICAL, baseline, patients, protocol)]


def _radiomics(
    patients: ArmPatients, protocol: Protocol, codebook: Mapping[str, Variable], notes: list[str]
) -> list[BaselineModel]:
    """Radiomics alone and beside the clinical predictors, by the very steps of the deep models."""
    tables = {
        split: table[table[RADIOMICS_SCORE].notna()].assign(**{SIGNATURE: table[RADIOMICS_SCORE]})
        for split, table in patients.tables.items()
    }
    without = {split: len(patients.tables[split]) - len(one) for split, one in tables.items()}
    if any(without.values()):
        notes.append(
            f"{patients.arm.label}: {without[Split.TRAIN]} training and {without[Split.TEST]} test "
            "patients have no radiomics features; comparisons are of the others."
        )
    having = ArmPatients(patients.fitted, tables)
    said: list[Adaptation] = []
    baseline = _refitted(having, protocol.clinical, SignatureState.FITTED, protocol, codebook, said)
    if baseline is None:
        notes += [f"{one.done}, {one.why}." for one in said]
        return []
    return [
        _baseline(kind, own, baseline, patients, protocol) for kind, own in _RADIOMICS_KINDS.items()
    ]


def _refitted(
    patients: ArmPatients,
    clinical: ClinicalSection,
    signature: SignatureState,
    protocol: Protocol,
    codebook: Mapping[str, Variable],
    adaptations: list[Adaptation],
) -> ArmPatients | None:
    """Models of other predictors in the same patients; None, and that is said, if none exists."""
    try:
        fitted = fit_models(
            patients.arm,
            patients.tables[Split.TRAIN],
            clinical=clinical,
            signature=signature,
            seed=protocol.study.seed,
            codebook=codebook,
        )
    except FitFailed as error:
        names = ", ".join(clinical.predictors[patients.arm])
        adaptations.append(
            Adaptation(
                step="baselines",
                asked=f"{patients.arm.label}: a baseline of {names}",
                done=f"{patients.arm.label}: none",
                why=str(error),
            )
        )
        return None
    return ArmPatients.of(fitted, patients.tables[Split.TEST])


def _baseline(
    kind: BaselineKind,
    own: ModelKind,
    baseline: ArmPatients,
    patients: ArmPatients,
    protocol: Protocol,
) -> BaselineModel:
    fitted = baseline.fitted
    model = fitted.models[own]
    ridge = fitted.ridge.get(own)
    return BaselineModel(
        kind=kind,
        predictors=tuple(_named(one.name) for one in model.predictors),
        coefficients={
            _named(name): b for name, b in zip(model.columns, model.coefficients, strict=True)
        },
        ridge_penalty=ridge.penalty if ridge else 0.0,
        n=model.n,
        n_events=model.n_events,
        estimates={
            split: evaluate(scored(baseline, own, split, protocol), protocol.evaluation).estimates
            for split in Split
        },
        differences=tuple(
            one
            for split in Split
            for other in (ModelKind.CLINICAL, ModelKind.COMBINED)
            if other in patients.fitted.models
            for one in _differences(patients, other, baseline, own, split, protocol)
        ),
    )


def _named(column: str) -> str:
    return RADIOMICS_SCORE if column == SIGNATURE else column


def _differences(
    patients: ArmPatients,
    kind: ModelKind,
    baseline: ArmPatients,
    own: ModelKind,
    split: Split,
    protocol: Protocol,
) -> list[BaselineDifference]:
    """C and AUC of a model of the arm minus the baseline's, in the patients whom both score."""
    mine, theirs = patients.tables[split], baseline.tables[split]
    both = mine.loc[mine.index.isin(theirs.index)]
    target = survival_target(both)
    a = patients.linear_predictor(kind, split).loc[both.index].to_numpy()
    b = baseline.linear_predictor(own, split).loc[both.index].to_numpy()
    section = protocol.evaluation
    level, tau_days = section.confidence_level, uno_tau_days(target, section)
    refused = not_estimable_horizons(target, protocol.study.horizons_days, section)
    found = {"c_harrell": compare_c(target, a, b, level=level)}
    if tau_days is not None:
        found["c_uno"] = compare_c(target, a, b, tau_days=tau_days, level=level)
    for days in protocol.study.horizons_days:
        if days not in refused:
            found[f"auc_cd_{days}d"] = compare_auc(target, a, b, horizon_days=days, level=level)
    return [_difference(kind, split, name, one) for name, one in found.items()]


def _difference(
    kind: ModelKind, split: Split, estimator: str, compared: PairedComparison
) -> BaselineDifference:
    return BaselineDifference(
        model=kind,
        split=split,
        estimator=estimator,
        estimate=compared.difference,
        p_value=compared.p,
    )


def _regressions(
    patients: ArmPatients, label: LabelSection, evaluation: EvaluationSection
) -> list[LabelRegression]:
    """The label's logistic regression on the predictors of the clinical and the combined model."""
    fitted = patients.fitted
    kinds = [ModelKind.CLINICAL]
    if fitted.prepared.signature is not None:
        kinds.append(ModelKind.COMBINED)
    found = []
    for kind in kinds:
        predictors = fitted.models[kind].predictors
        if not predictors:
            continue
        test = patients.tables[Split.TEST]
        completed = [test] if fitted.imputer is None else list(fitted.imputer.complete(test).tables)
        tables: dict[Split, Sequence[pd.DataFrame]] = {
            Split.TRAIN: fitted.completed.tables,
            Split.TEST: completed,
        }
        parts = {
            split: LabelledPart(
                patients.tables[split], [design_matrix(one, predictors) for one in each]
            )
            for split, each in tables.items()
        }
        found.append(
            fit_label_regression(
                patients.arm,
                kind,
                column_names(predictors),
                parts,
                label=label,
                evaluation=evaluation,
            )
        )
    return found
