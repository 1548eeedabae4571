"""A study's own patients, read from tables as `fit-arms` reads them, for a model of others."""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from components.arms.published import PublishedModel, read_published
from components.arms.published_patients import MatchedPatients, match_patients
from components.cohort.eligibility import Eligibility, assess_eligibility
from components.cohort.endpoint import with_endpoint
from components.cohort.schema import Variable
from components.errors import UsageError
from components.intake.clinical_import import import_clinical
from components.intake.feature_import import import_features, unmatched
from components.study.protocol import Protocol
from components.study.results import Adaptation, Quarantined
from components.study.vocabulary import DataOrigin, TreatmentArm
from flows.table_inputs import TableInputs

_UNREADABLE = "set aside when the table was read"


@dataclass(frozen=True, eq=False)
class OwnPatients:
    """Eligible patients of all arms, with features as further columns.

    `left_out` counts the others of each arm by reason; `codebook` says what the columns are.
    """

    table: pd.DataFrame
    codebook: dict[str, Variable]
    origin: DataOrigin
    left_out: dict[TreatmentArm, dict[str, int]]
    adaptations: tuple[Adaptation, ...]
    notes: tuple[str, ...]

    @property
    def arms(self) -> tuple[TreatmentArm, ...]:
        """The arms that have a patient."""
        present = set(self.table["arm"])
        return tuple(arm for arm in TreatmentArm if arm.value in present)

    def matched(self, model: PublishedModel, arm: TreatmentArm) -> MatchedPatients:
        """The arm's patients as a published model takes them.

        Raises:
            CohortRejected: A column is missing, or the model can score nobody.
            UsageError: A unit or coding does not fit.
        """
        found = match_patients(model, self.table[self.table["arm"] == arm.value], self.codebook)
        return replace(found, left_out={**self.left_out[arm], **found.left_out})


def read_own_patients(inputs: TableInputs, protocol: Protocol) -> OwnPatients:
    """The eligible patients of the tables.

    Raises:
        CohortRejected: A table as a whole cannot be used.
    """
    clinical = import_clinical(inputs.clinical, inputs.mapping)
    adaptations, notes = [*clinical.adaptations], [*clinical.notes]
    table, left_out = clinical.table, clinical.quarantined
    if inputs.features is not None:
        features = import_features(inputs.features, inputs.mapping)
        notes += [*features.notes, *unmatched(features, table.index)]
        adaptations += features.adaptations
        fresh = [name for name in features.features if name not in table]
        table = table.join(features.features[fresh])
    eligible, eligibility = assess_eligibility(
        table,
        left_out,
        section=protocol.eligibility.model_copy(update={"require_complete_clinical_data": False}),
        arms=tuple(TreatmentArm),
        predictors=(),
    )
    eligible, said = with_endpoint(eligible)
    if eligibility.not_assessable:
        notes.append(f"Not assessable: {', '.join(eligibility.not_assessable)}.")
    return OwnPatients(
        table=eligible,
        codebook=dict(clinical.variables),
        origin=inputs.mapping.study.origin,
        left_out=_left_out(table, left_out, eligibility),
        adaptations=(*adaptations, *said),
        notes=tuple(notes),
    )


def _left_out(
    table: pd.DataFrame, quarantined: tuple[Quarantined, ...], eligibility: Eligibility
) -> dict[TreatmentArm, dict[str, int]]:
    """How many of each arm were left out, by reason; a patient of no arm belongs to none."""
    arms = table["arm"][~table.index.duplicated()].to_dict()
    reasons = [(one.patient_id, _UNREADABLE) for one in quarantined]
    reasons += [(one.patient_id, f"rule not met: {one.rule}") for one in eligibility.excluded]
    counted = Counter((arms.get(patient), reason) for patient, reason in reasons)
    return {
        arm: {reason: n for (own, reason), n in counted.items() if own == arm.value}
        for arm in TreatmentArm
    }


def open_model(path: Path) -> PublishedModel:
    """The model of a JSON file.

    Raises:
        UsageError: The file is missing, or no model.
    """
    if not path.is_file():
        msg = f"expected a model as JSON at {path}, found none"
        raise UsageError(msg)
    return read_published(path.read_bytes(), where=path.name)


def arms_to_judge(
    patients: OwnPatients, model: PublishedModel, wanted: TreatmentArm | None
) -> tuple[TreatmentArm, ...]:
    """The arms in which a model is judged: the one asked for, the model's own, or all.

    Raises:
        UsageError: The arm asked for has no patient, or the model's own has none.
    """
    arm = wanted or model.arm
    if arm is None:
        return patients.arms
    if arm not in patients.arms:
        present = ", ".join(one.value for one in patients.arms) or "none"
        whose = "asked for" if wanted else f"of the model {model.name}"
        msg = f"expected patients of the arm {arm.value} ({whose}); arms in the table: {present}"
        raise UsageError(msg)
    return (arm,)
