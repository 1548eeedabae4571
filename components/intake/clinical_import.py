"""A hospital's clinical sheet as a table of armwise, by a column mapping."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.cohort.schema import RULE_COLUMNS, Variable
from components.errors import CohortRejected
from components.intake.cells import id_of, missing_cells
from components.intake.clinical_columns import ColumnReader
from components.intake.clinical_dates import disagreeing, interval_columns, treatment_dates
from components.intake.clinical_notes import capped_values, tell_times, varying, wrong_unit
from components.intake.duplicates import settle_duplicates
from components.intake.findings import Findings, named
from components.intake.mapping import ColumnMapping
from components.intake.mapping_parts import FollowUp, PredictorColumn, RuleColumn
from components.intake.spreadsheets import Sheet, read_sheet, require_columns
from components.intake.units import DAYS_IN, UNITS, converted, factor
from components.study.results import Adaptation, Quarantined
from components.study.vocabulary import TreatmentArm

_FOUND_BY = "clinical import"


@dataclass(frozen=True)
class SheetOrigin:
    """Who a pseudonym is: the id and row of the sheet and the day of treatment. Never stored."""

    patient_id: str
    row: int
    treated_on: date | None


@dataclass(frozen=True, eq=False)
class ClinicalImport:
    """A clinical table in armwise's columns, and everything that its reading found.

    `table` is indexed by `patient_id`, one row for each row of the sheet (identical repetitions
    once); quarantined patients' rows are in it. `variables` are the mapped predictors in the
    mapping's order, `predictors` the candidates by arm, without constant ones. `origins` says who
    stands behind a pseudonym, where ids were replaced.
    """

    table: pd.DataFrame
    variables: dict[str, Variable]
    predictors: dict[str, tuple[str, ...]]
    quarantined: tuple[Quarantined, ...]
    adaptations: tuple[Adaptation, ...]
    notes: tuple[str, ...]
    origins: Mapping[str, SheetOrigin] = field(default_factory=dict, repr=False)

    def without(self, patients: Sequence[str]) -> "ClinicalImport":
        """The same without some patients, who have left the study."""
        left = set(patients)
        notes = [note for note in self.notes if not any(one in note for one in left)]
        return replace(
            self,
            table=self.table[~self.table.index.isin(left)],
            quarantined=tuple(one for one in self.quarantined if one.patient_id not in left),
            notes=(*notes, f"{len(left)} patients of the sheet have withdrawn: not imported"),
            origins={name: origin for name, origin in self.origins.items() if name not in left},
        )


def import_clinical(
    path: Path, mapping: ColumnMapping, *, pseudonym: Callable[[str], str] | None = None
) -> ClinicalImport:
    """The clinical table of a sheet.

    Args:
        path: The sheet.
        mapping: Where its columns stand.
        pseudonym: What stands for a patient's id from here on; without it ids are pseudonyms.

    Raises:
        CohortRejected: The sheet as a whole cannot be used: no table, a column missing, a unit that
            cannot be, no patient left. The message names columns, patients and what to do.
    """
    wanted = mapping.sheet_columns()
    sheet = read_sheet(path, mapping, wanted=tuple(wanted.values()))
    require_columns(sheet, wanted)
    sheet, ids, said = _identified(sheet, mapping)
    patients = ids if pseudonym is None else [pseudonym(one) for one in ids]
    findings = Findings(
        patients,
        sheet_rows=sheet.rows if pseudonym else (),
        adaptations=[*sheet.adaptations, *said],
    )
    reader = ColumnReader(sheet, mapping, findings)
    treated = treatment_dates(reader, mapping) or [None] * len(patients)
    table = _table(reader, mapping, patients, treated)
    findings.require(sheet.name)
    table = settle_duplicates(table, findings)
    origins = {
        patient: SheetOrigin(patient_id, row, day)
        for patient, patient_id, row, day in zip(patients, ids, sheet.rows, treated, strict=True)
    }
    return _finished(table, mapping, findings, sheet.name, origins if pseudonym else {})


def _identified(sheet: Sheet, mapping: ColumnMapping) -> tuple[Sheet, list[str], list[Adaptation]]:
    """The sheet's rows that name a patient, and the patients."""
    cells = sheet.cells[mapping.patient_id.column]
    nameless = missing_cells(cells)
    if nameless.all():
        msg = f"{sheet.name}: column '{mapping.patient_id.column}' (patient_id) is empty"
        raise CohortRejected(msg)
    patients = [id_of(cell) for cell in cells[~nameless]]
    if not nameless.any():
        return sheet, patients, []
    rows = [row for row, empty in zip(sheet.rows, nameless, strict=True) if empty]
    said = Adaptation(
        step="intake",
        asked="a patient id in every row",
        done=f"left out: row {named(map(str, rows))} of the sheet",
        why=f"column '{mapping.patient_id.column}' is empty there",
    )
    kept = tuple(row for row, empty in zip(sheet.rows, nameless, strict=True) if not empty)
    left = sheet.cells[~nameless].reset_index(drop=True)
    return Sheet(sheet.name, left, kept, sheet.adaptations), patients, [said]


def _table(
    reader: ColumnReader,
    mapping: ColumnMapping,
    patients: Sequence[str],
    treated: Sequence[date | None],
) -> pd.DataFrame:
    columns: dict[str, object] = {
        "arm": _arm(reader, mapping, len(patients)),
        "os_days": _os_days(reader, mapping),
        "death": _death(reader, mapping),
    }
    for name, predictor in mapping.predictors.items():
        columns[name] = _predictor(reader, name, predictor)
    for name, rule in mapping.eligibility.items():
        columns[name] = _rule(reader, name, rule)
    if any(treated):
        columns.update(interval_columns(reader, mapping, treated))
    if mapping.center is not None:
        columns["center"] = reader.words(mapping.center.column)
    if (split := mapping.split) is not None:
        sides = {"train": split.train, "test": split.test}
        columns["split"] = reader.levels("split", split.column, sides)
    table = pd.DataFrame({name: pd.Series(column) for name, column in columns.items()})
    return table.set_axis(pd.Index(patients, name="patient_id", dtype=object), axis=0)


def _arm(reader: ColumnReader, mapping: ColumnMapping, n: int) -> pd.Series:
    arm = mapping.arm
    if arm.column is not None:
        levels = {one.value: cells for one, cells in arm.levels.items()}
        return reader.levels("arm", arm.column, levels, missing=arm.other)
    constant = arm.constant.value if arm.constant else ""
    reader.findings.adapted(
        "the treatment arm of each patient",
        f"every patient counts as {constant}",
        "the sheet has no column for it; the mapping says arm.constant",
    )
    return pd.Series([constant] * n, dtype=object)


def _os_days(reader: ColumnReader, mapping: ColumnMapping) -> NDArray[np.float64]:
    follow_up = mapping.follow_up
    if follow_up.start is not None:
        days = reader.days_between(follow_up.start, follow_up.end or "", follow_up.format)
        source = f"'{follow_up.start}' and '{follow_up.end}'"
        _compare_with_column(reader, follow_up, days)
    else:
        unit = follow_up.unit or "days"
        days = converted(reader.numbers("follow_up", follow_up.column or ""), DAYS_IN[unit])
        source = f"'{follow_up.column}'"
        if unit in {"months", "years"}:
            reader.findings.adapted(
                "follow-up in days",
                f"{unit} counted as {DAYS_IN[unit]:g} days each",
                f"column {source} is in {unit}",
            )
    negative = np.flatnonzero(days < 0)
    if negative.size:
        reason = f"column {source} (follow_up): a negative time; correct or empty it"
        reader.findings.set_aside(negative.tolist(), reason)
    tell_times(days, mapping, reader.findings)
    return days


def _compare_with_column(
    reader: ColumnReader, follow_up: FollowUp, days: NDArray[np.float64]
) -> None:
    """Sets aside whose time by dates and time by column differ by more than one of its units."""
    if follow_up.column is None:
        return
    unit = follow_up.unit or "days"
    given = converted(reader.numbers("follow_up", follow_up.column), DAYS_IN[unit])
    reason = (
        f"columns '{follow_up.start}', '{follow_up.end}' and '{follow_up.column}' (follow_up): the "
        f"dates and the time in {unit} disagree; correct one of them"
    )
    reader.findings.set_aside(disagreeing(days, given, DAYS_IN[unit]), reason)


def _death(reader: ColumnReader, mapping: ColumnMapping) -> pd.Series:
    coding = mapping.death
    sides = {"dead": coding.dead, "censored": coding.censored}
    levels = reader.levels("death", coding.column, sides)
    return levels.map({"dead": 1.0, "censored": 0.0}).astype(np.float64)


def _predictor(
    reader: ColumnReader, name: str, source: PredictorColumn
) -> NDArray[np.float64] | pd.Series:
    key = f"predictors.{name}"
    variable = source.variable(name)
    if variable.kind == "categorical":
        levels = source.levels or {level: (level,) for level in variable.levels}
        return reader.levels(key, source.column, levels, missing=source.missing)
    if name not in UNITS:
        own = {source.unit: 1.0} if source.unit else {}
        return reader.numbers(key, source.column, missing=source.missing, units=own)
    unit = source.unit or next(iter(UNITS[name]))
    by = factor(name, unit) or 1.0
    behind = {one: value / by for one, value in UNITS[name].items()}
    values = reader.numbers(key, source.column, missing=source.missing, units=behind)
    in_house = converted(values, by)
    if refusal := wrong_unit(variable, values, unit):
        reader.findings.refused.append(f"{key}: column '{source.column}': {refusal}")
    return in_house


def _rule(reader: ColumnReader, name: str, source: RuleColumn) -> object:
    key = f"eligibility.{name}"
    if name in RULE_COLUMNS:
        sides = {"yes": source.yes, "no": source.no}
        levels = reader.levels(key, source.column, sides, missing=source.missing)
        return levels.map({"yes": True, "no": False}).astype("boolean")
    values = reader.numbers(key, source.column, missing=source.missing)
    unit = source.unit or next(iter(UNITS[name]))
    return converted(values, factor(name, unit) or 1.0)


def _finished(
    table: pd.DataFrame,
    mapping: ColumnMapping,
    findings: Findings,
    name: str,
    origins: Mapping[str, SheetOrigin],
) -> ClinicalImport:
    usable = table[~table.index.isin(list(findings.reasons))]
    if usable.empty:
        reasons = "; ".join(
            dict.fromkeys(one for all_ in findings.reasons.values() for one in all_)
        )
        msg = f"{name}: no patient can be used: {reasons}"
        raise CohortRejected(msg)
    variables = {key: source.variable(key) for key, source in mapping.predictors.items()}
    kept = varying(usable, variables, mapping, findings)
    capped_values(usable, variables, mapping, findings)
    models = mapping.models or dict.fromkeys(TreatmentArm, tuple(variables))
    predictors = {
        arm.value: tuple(one for one in models.get(arm, ()) if one in kept) for arm in TreatmentArm
    }
    return ClinicalImport(
        table=table,
        variables=variables,
        predictors=predictors,
        quarantined=findings.quarantined(_FOUND_BY),
        adaptations=tuple(findings.adaptations),
        notes=tuple(findings.notes),
        origins=origins,
    )
