"""The patients and predictors of an arm's models: what is left out, and that it is said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from components.arms.separation import separations
from components.cohort.schema import PREDICTORS, Variable
from components.errors import CohortRejected, UsageError
from components.study.results import Adaptation, Quarantined
from components.study.vocabulary import SignatureState, TreatmentArm
from components.survival.design import Predictor

SIGNATURE = "dl_signature"
_SIGNATURE_LABEL = "Deep-learning signature"


@dataclass(frozen=True, eq=False)
class PreparedArm:
    """Training and test patients whose predictors are complete, and the predictors."""

    train: pd.DataFrame
    test: pd.DataFrame
    clinical: tuple[Predictor, ...]
    signature: Predictor | None
    notes: tuple[str, ...]
    adaptations: tuple[Adaptation, ...]
    quarantined: tuple[Quarantined, ...]


def prepare_arm(
    arm: TreatmentArm,
    train: pd.DataFrame,
    test: pd.DataFrame,
    *,
    names: Sequence[str],
    signature: SignatureState,
    codebook: Mapping[str, Variable] = PREDICTORS,
) -> PreparedArm:
    """The arm's patients and predictors.

    Complete cases over all predictors, the same for every model of the arm, so that models are
    compared on the same patients. A test patient with a level that no training patient has is
    quarantined: no model can say anything of it.

    Raises:
        UsageError: The protocol names a predictor that the codebook does not know.
        CohortRejected: A predictor's column is missing.
    """
    columns = [*names, *([SIGNATURE] if signature is SignatureState.FITTED else [])]
    _check_columns(names, columns, (train, test), codebook)
    train, train_said = _complete(arm, train, columns, split="training")
    test, test_said = _complete(arm, test, columns, split="test")
    varying, constant = _varying(arm, train, [codebook[name] for name in names])
    predictors, notes = _predictors(arm, train, varying)
    predictors, separated = _without_separating(arm, train, predictors)
    test, quarantined = _known_levels(test, predictors)
    said = (*train_said, *test_said, *constant, *separated)
    return PreparedArm(
        train=train,
        test=test,
        clinical=predictors,
        signature=signature_predictor(train) if SIGNATURE in columns else None,
        notes=(*notes, *(f"{arm.label}: {one.done}, {one.why}." for one in said)),
        adaptations=said,
        quarantined=quarantined,
    )


def signature_predictor(train: pd.DataFrame) -> Predictor:
    """`dl_signature` as a predictor, with the range of these patients."""
    return Predictor(
        name=SIGNATURE,
        label=_SIGNATURE_LABEL,
        kind="continuous",
        unit="SD",
        lower=float(train[SIGNATURE].min()),
        upper=float(train[SIGNATURE].max()),
    )


def _check_columns(
    names: Sequence[str],
    columns: Sequence[str],
    tables: Sequence[pd.DataFrame],
    codebook: Mapping[str, Variable],
) -> None:
    unknown = [name for name in names if name not in codebook]
    if unknown:
        msg = f"clinical.predictors: '{unknown[0]}' is no predictor; known: {', '.join(codebook)}"
        raise UsageError(msg)
    missing = [name for table in tables for name in columns if name not in table.columns]
    if missing:
        msg = f"expected the column '{missing[0]}', found none"
        raise CohortRejected(msg)


def _complete(
    arm: TreatmentArm, table: pd.DataFrame, columns: Sequence[str], *, split: str
) -> tuple[pd.DataFrame, list[Adaptation]]:
    missing = table[list(columns)].isna()
    incomplete = missing.any(axis=1)
    if not incomplete.any():
        return table, []
    where = ", ".join(f"{name} {n}" for name, n in missing.sum().items() if n)
    said = Adaptation(
        step=f"models of {arm.value}",
        asked="missing predictors imputed",
        done=f"{int(incomplete.sum())} of {len(table)} {split} patients left out",
        why=f"their predictors have empty cells ({where}) and only complete cases are analysed",
    )
    return table[~incomplete], [said]


def _varying(
    arm: TreatmentArm, train: pd.DataFrame, variables: Sequence[Variable]
) -> tuple[list[Variable], list[Adaptation]]:
    """The variables that vary in training; the others are left out, and that is said."""
    kept = [one for one in variables if train[one.name].nunique() > 1]
    said = [
        _left_out(arm, one.label, f"column '{one.name}' is the same in all training patients")
        for one in variables
        if one not in kept
    ]
    return kept, said


def _left_out(arm: TreatmentArm, label: str, why: str) -> Adaptation:
    return Adaptation(
        step=f"models of {arm.value}",
        asked=f"{arm.label}: the predictor {label}",
        done=f"{label} left out",
        why=why,
    )


def _predictors(
    arm: TreatmentArm, train: pd.DataFrame, variables: Sequence[Variable]
) -> tuple[tuple[Predictor, ...], list[str]]:
    """Predictors of the variables, and notes on levels that no training patient has."""
    notes: list[str] = []
    predictors = [
        _categorical(arm, train, variable, notes)
        if variable.kind == "categorical"
        else _continuous(train, variable)
        for variable in variables
    ]
    return tuple(predictors), notes


def _without_separating(
    arm: TreatmentArm, train: pd.DataFrame, predictors: tuple[Predictor, ...]
) -> tuple[tuple[Predictor, ...], list[Adaptation]]:
    """Leaves out predictors of two levels of which one separates: they hold nothing to estimate.

    A ridge penalty would keep the coefficient finite, but as large as the penalty lets it: a level
    of two patients could then span a nomogram.
    """
    two_level = [one for one in predictors if len(one.levels) == 2]
    found = {one.predictor: one for one in separations(train, two_level)}
    said = [_left_out(arm, one.label, one.sentence) for one in found.values()]
    return tuple(one for one in predictors if one.name not in found), said


def _categorical(
    arm: TreatmentArm, train: pd.DataFrame, variable: Variable, notes: list[str]
) -> Predictor:
    seen = set(train[variable.name].astype(str))
    absent = [level for level in variable.levels if level not in seen]
    if absent:
        notes.append(
            f"{arm.label}: no training patient has {variable.label} {' or '.join(absent)}; the "
            "models do not know it."
        )
    levels = tuple(level for level in variable.levels if level in seen)
    return Predictor(name=variable.name, label=variable.label, kind="categorical", levels=levels)


def _continuous(train: pd.DataFrame, variable: Variable) -> Predictor:
    values = train[variable.name]
    return Predictor(
        name=variable.name,
        label=variable.label,
        kind="continuous",
        unit=variable.unit,
        lower=float(values.min()),
        upper=float(values.max()),
    )


def _known_levels(
    test: pd.DataFrame, predictors: Sequence[Predictor]
) -> tuple[pd.DataFrame, tuple[Quarantined, ...]]:
    quarantined = tuple(
        Quarantined(
            patient_id=str(patient_id),
            reason=f"no training patient of the arm has this patient's level of '{column}'",
            found_by="models of the arm",
        )
        for patient_id, column in _unusable_columns(test, predictors).items()
        if column
    )
    return complete_patients(test, predictors), quarantined


def complete_patients(table: pd.DataFrame, predictors: Sequence[Predictor]) -> pd.DataFrame:
    """The patients of whom all predictors are known, with levels that the models know."""
    return table[_unusable_columns(table, predictors) == ""]


def _unusable_columns(table: pd.DataFrame, predictors: Sequence[Predictor]) -> pd.Series:
    """For each patient the first predictor that is missing or unknown to the models, or ""."""
    found = pd.Series("", index=table.index)
    for predictor in predictors:
        cells = table[predictor.name]
        unusable = cells.isna()
        if predictor.kind == "categorical":
            unusable |= ~cells.astype(str).isin(predictor.levels)
        found = found.mask(unusable & (found == ""), predictor.name)
    return found
