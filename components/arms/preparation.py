"""The patients and predictors of an arm's models: what is left out, and that it is said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from components.arms.candidates import build_predictors, left_out
from components.cohort.schema import PREDICTORS, Variable
from components.errors import CohortRejected, UsageError
from components.study.results import Adaptation
from components.study.vocabulary import SignatureState, TreatmentArm
from components.survival.design import Predictor

SIGNATURE = "dl_signature"
_SIGNATURE_LABEL = "Deep-learning signature"


@dataclass(frozen=True, eq=False)
class PreparedArm:
    """The training patients of an arm's models, and the predictors that can be fitted in them.

    With imputation their clinical predictors may have empty cells, of which at least one a patient
    is filled; without, there is none.
    """

    train: pd.DataFrame
    clinical: tuple[Predictor, ...]
    signature: Predictor | None
    notes: tuple[str, ...]
    adaptations: tuple[Adaptation, ...]

    @property
    def predictors(self) -> tuple[Predictor, ...]:
        """All of them, the signature last."""
        return (*self.clinical, *([self.signature] if self.signature else []))


def prepare_arm(
    arm: TreatmentArm,
    train: pd.DataFrame,
    *,
    names: Sequence[str],
    signature: SignatureState,
    codebook: Mapping[str, Variable] = PREDICTORS,
    imputes: bool = False,
    splines: Mapping[str, int] | None = None,
) -> PreparedArm:
    """The arm's training patients and predictors.

    The same patients for every model of the arm, so that models are compared on the same ones:
    complete cases over all predictors or, where the protocol imputes, everybody with a signature
    and at least one clinical predictor. What nobody has a value of is left out before patients are.
    `splines` gives the number of knots of continuous predictors; the knots are quantiles of what is
    known of these patients.

    Raises:
        UsageError: The protocol names a predictor that the codebook does not know, or a spline of
            what is not continuous.
        CohortRejected: A predictor's column is missing.
    """
    with_signature = signature is SignatureState.FITTED
    columns = [*names, *([SIGNATURE] if with_signature else [])]
    _check_columns(names, columns, train, codebook)
    _check_splines(splines or {}, codebook)
    known, empty = _known_columns(arm, train, [codebook[name] for name in names])
    kept = [one.name for one in known]
    needed = [SIGNATURE] * with_signature if imputes else [*kept, *columns[len(names) :]]
    train, incomplete = complete_rows(arm, train, needed, split="training")
    if imputes:
        train, blank = with_some_value(arm, train, kept, split="training")
        incomplete = [*incomplete, *blank]
    varying, constant = _varying(arm, train, known)
    predictors, notes, changed = build_predictors(arm, train, varying, splines or {})
    said = (*empty, *incomplete, *constant, *changed)
    return PreparedArm(
        train=train,
        clinical=predictors,
        signature=signature_predictor(train) if with_signature else None,
        notes=(*notes, *(said_of(arm, one) for one in said)),
        adaptations=said,
    )


def said_of(arm: TreatmentArm, adaptation: Adaptation) -> str:
    """An adaptation as a note."""
    return f"{arm.label}: {adaptation.done}, {adaptation.why}."


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
    table: pd.DataFrame,
    codebook: Mapping[str, Variable],
) -> None:
    unknown = [name for name in names if name not in codebook]
    if unknown:
        msg = f"clinical.predictors: '{unknown[0]}' is no predictor; known: {', '.join(codebook)}"
        raise UsageError(msg)
    check_present(table, columns)


def _check_splines(splines: Mapping[str, int], codebook: Mapping[str, Variable]) -> None:
    for name in splines:
        if name not in codebook or codebook[name].kind == "categorical":
            found = "it has levels" if name in codebook else "it is no predictor"
            msg = f"clinical.splines: expected continuous predictors, came '{name}': {found}"
            raise UsageError(msg)


def check_present(table: pd.DataFrame, columns: Sequence[str]) -> None:
    """Refuse a table without these columns.

    Raises:
        CohortRejected: One is missing.
    """
    missing = [name for name in columns if name not in table.columns]
    if missing:
        msg = f"expected the column '{missing[0]}', found none"
        raise CohortRejected(msg)


def complete_rows(
    arm: TreatmentArm, table: pd.DataFrame, columns: Sequence[str], *, split: str
) -> tuple[pd.DataFrame, list[Adaptation]]:
    """The patients of whom all these columns are known, and who was left out and why."""
    missing = table[list(columns)].isna()
    incomplete = missing.any(axis=1)
    if not incomplete.any():
        return table, []
    where = ", ".join(f"{name} {n}" for name, n in missing.sum().items() if n)
    only_signature = set(columns) == {SIGNATURE}
    said = Adaptation(
        step=f"models of {arm.value}",
        asked="models of all patients" if only_signature else "missing predictors imputed",
        done=f"{int(incomplete.sum())} of {len(table)} {split} patients left out",
        why="they have no signature, which is not imputed"
        if only_signature
        else f"their predictors have empty cells ({where}) and only complete cases are analysed",
    )
    return table[~incomplete], [said]


def with_some_value(
    arm: TreatmentArm, table: pd.DataFrame, columns: Sequence[str], *, split: str
) -> tuple[pd.DataFrame, list[Adaptation]]:
    """The patients of whom at least one of these columns is known, where there are columns."""
    blank = table[list(columns)].isna().all(axis=1)
    if not columns or not blank.any():
        return table, []
    said = Adaptation(
        step=f"models of {arm.value}",
        asked="missing predictors imputed",
        done=f"{int(blank.sum())} of {len(table)} {split} patients left out",
        why=f"none of their clinical predictors is known ({', '.join(columns)}), so that nothing "
        "of them can be imputed from",
    )
    return table[~blank], [said]


def _known_columns(
    arm: TreatmentArm, train: pd.DataFrame, variables: Sequence[Variable]
) -> tuple[list[Variable], list[Adaptation]]:
    """The variables of which somebody has a value; the others are left out, and that is said."""
    kept = [one for one in variables if train[one.name].notna().any()]
    said = [
        left_out(arm, one.label, f"column '{one.name}' is empty in all training patients")
        for one in variables
        if one not in kept
    ]
    return kept, said


def _varying(
    arm: TreatmentArm, train: pd.DataFrame, variables: Sequence[Variable]
) -> tuple[list[Variable], list[Adaptation]]:
    """The variables that vary in training; the others are left out, and that is said."""
    kept = [one for one in variables if train[one.name].nunique() > 1]
    said = [
        left_out(arm, one.label, f"column '{one.name}' is the same in all training patients")
        for one in variables
        if one not in kept
    ]
    return kept, said


def complete_patients(table: pd.DataFrame, predictors: Sequence[Predictor]) -> pd.DataFrame:
    """The patients of whom all predictors are known, with levels that the models know."""
    missing = table[[one.name for one in predictors]].isna().any(axis=1)
    return table[~missing & (unknown_levels(table, predictors) == "")]


def unknown_levels(table: pd.DataFrame, predictors: Sequence[Predictor]) -> pd.Series:
    """For each patient the first predictor with a level that the models do not know, or ""."""
    found = pd.Series("", index=table.index)
    for predictor in predictors:
        if predictor.kind != "categorical":
            continue
        cells = table[predictor.name]
        unusable = cells.notna() & ~cells.astype(str).isin(predictor.levels)
        found = found.mask(unusable & (found == ""), predictor.name)
    return found
