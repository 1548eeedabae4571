"""Which patients the models of an arm can score, and why not the others."""

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from components.arms.preparation import (
    SIGNATURE,
    check_present,
    complete_rows,
    unknown_levels,
    with_some_value,
)
from components.study.results import Adaptation, Quarantined
from components.study.vocabulary import TreatmentArm
from components.survival.design import Predictor


class ScorablePatients(NamedTuple):
    """The patients whom every model can score; who is quarantined or left out, and why."""

    table: pd.DataFrame
    quarantined: tuple[Quarantined, ...]
    adaptations: tuple[Adaptation, ...]


def scorable_patients(
    arm: TreatmentArm,
    table: pd.DataFrame,
    predictors: Sequence[Predictor],
    *,
    imputes: bool,
    split: str,
) -> ScorablePatients:
    """The patients whose predictors the models know, or can impute.

    A patient with a level that no training patient has is quarantined: no model can say anything
    of it. The signature is never imputed, and of the clinical predictors one must be known.

    Raises:
        CohortRejected: A predictor's column is missing.
    """
    names = [one.name for one in predictors]
    check_present(table, names)
    signature = [name for name in names if name == SIGNATURE]
    known, left_out = complete_rows(arm, table, signature if imputes else names, split=split)
    if imputes:
        others = [name for name in names if name != SIGNATURE]
        known, blank = with_some_value(arm, known, others, split=split)
        left_out = [*left_out, *blank]
    strange = unknown_levels(known, predictors)
    quarantined = tuple(
        Quarantined(
            patient_id=str(patient_id),
            reason=f"no training patient of the arm has this patient's level of '{column}'",
            found_by="models of the arm",
        )
        for patient_id, column in strange.items()
        if column
    )
    return ScorablePatients(known[strange == ""], quarantined, tuple(left_out))
