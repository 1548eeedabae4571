"""The validation gate: Great Expectations on the clinical table and the image manifest.

The suites are code (`components.platform.data_expectations`). What makes a table unusable stops the
flow; what concerns single patients puts these into quarantine, named by pseudonym; what a reader
must know is a warning, one a rule; and what cannot be judged is "not assessable", never passed.
Types are checked where the table is read; here it is shares, levels, ranges, units, uniqueness, and
whether columns contradict each other.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from components.cohort.consistency_rules import Consistency, consistency_rules, whole_number
from components.cohort.gate_records import ValidationReport
from components.cohort.image_consistency import image_rules
from components.cohort.schema import PREDICTORS, Variable
from components.platform.data_expectations import clinical_rules
from components.platform.expectation_rule import Rule
from components.platform.gate_report import answer_of, quarantine_of, too_many
from components.platform.image_expectations import manifest_rules
from components.platform.suite import judge
from components.study.protocol.cohort import CohortSection
from components.study.results import Quarantined

_KEY = "patient_id"
_SIZES = ("tumor_diameter_cm", "tumor_number")


def validate_clinical(
    table: pd.DataFrame,
    section: CohortSection,
    *,
    predictors: Sequence[str],
    arms: Sequence[str],
    codebook: Mapping[str, Variable] = PREDICTORS,
    maximum_days_ct: float = 31,
    docs_dir: Path | None = None,
) -> ValidationReport:
    """What is wrong with a clinical table, and with whom.

    Args:
        table: One row a patient, indexed by `patient_id` (may repeat), as `read_clinical` gives it.
        section: How much may be wrong.
        predictors: The predictors that the protocol's models need.
        arms: The treatments studied.
        codebook: Levels and plausible ranges of the predictors.
        maximum_days_ct: The protocol's largest number of days from CT to treatment.
        docs_dir: Folder for the Data Docs page; none is written without it.
    """
    counts = [one.name for one in codebook.values() if one.kind == "count"]
    between = (
        *consistency_rules(maximum_days_ct=maximum_days_ct),
        *(whole_number(name) for name in counts),
    )
    rules = clinical_rules(
        section, predictors=predictors, arms=arms, codebook=codebook, between_columns=between
    )
    derived = _derived(table, between)
    return _validate(
        pd.concat([table, derived], axis=1),
        rules,
        section,
        name="clinical table",
        derived=tuple(derived.columns),
        docs_dir=docs_dir,
    )


def validate_manifest(
    manifest: pd.DataFrame,
    section: CohortSection,
    *,
    patient_ids: Sequence[str],
    clinical: pd.DataFrame | None = None,
    quarantined: Sequence[Quarantined] = (),
    docs_dir: Path | None = None,
) -> ValidationReport:
    """What is wrong with the images' manifest, and with whom.

    Args:
        manifest: One row a patient with images, column `patient_id` or an index of that name.
        section: How much may be wrong.
        patient_ids: The patients of the clinical table; one without a row here lacks images.
        clinical: The clinical table, whose diameters the ROIs are compared with.
        quarantined: Who is in quarantine already; counts toward the protocol's limit.
        docs_dir: Folder for the Data Docs page; none is written without it.
    """
    known = manifest.reset_index() if manifest.index.name == _KEY else manifest
    joined = _join(known, patient_ids) if _KEY in known.columns else known
    table = _with_sizes(joined, clinical)
    between = image_rules()
    derived = _derived(table, between)
    return _validate(
        pd.concat([table, derived], axis=1),
        manifest_rules(between),
        section,
        name="image manifest",
        derived=tuple(derived.columns),
        docs_dir=docs_dir,
        before=quarantined,
    )


def _join(manifest: pd.DataFrame, patient_ids: Sequence[str]) -> pd.DataFrame:
    """The manifest's rows of the cohort's patients; a patient without images has empty cells."""
    patients = pd.DataFrame({_KEY: pd.unique(pd.Series(patient_ids, dtype="object"))})
    rows = manifest.assign(patient_id=manifest[_KEY].astype(str))
    return patients.merge(rows, on=_KEY, how="left").set_index(_KEY)


def _with_sizes(manifest: pd.DataFrame, clinical: pd.DataFrame | None) -> pd.DataFrame:
    """The manifest and what the clinical table says of the tumor's size, patient by patient."""
    if clinical is None or manifest.index.name != _KEY:
        return manifest
    sizes = clinical.reindex(columns=[name for name in _SIZES if name in clinical])
    return manifest.join(sizes[~sizes.index.duplicated()])


def _derived(table: pd.DataFrame, rules: Sequence[Consistency]) -> pd.DataFrame:
    """The columns of the rules between columns, as far as the table has what they need."""
    return pd.DataFrame(
        {one.name: one.holds(table) for one in rules if set(one.needs) <= set(table.columns)},
        index=table.index,
    )


def _validate(
    table: pd.DataFrame,
    rules: Sequence[Rule],
    section: CohortSection,
    *,
    name: str,
    docs_dir: Path | None,
    before: Sequence[Quarantined] = (),
    derived: Sequence[str] = (),
) -> ValidationReport:
    if table.empty:
        empty = f"expected at least one patient in the {name}, found none"
        return ValidationReport(
            table=name, passed=False, stopped_by=(empty,), quarantined=(), expectations=()
        )
    rows = table.rename_axis(_KEY).reset_index()
    judged = judge(rows, rules, name=name, key=_KEY, derived=derived)
    quarantined = quarantine_of(judged, key=_KEY, found_by=name)
    return answer_of(
        judged,
        name=name,
        key=_KEY,
        n_rows=len(table),
        docs_dir=docs_dir,
        stopped_by=too_many(quarantined, before, section, judged=judged),
        quarantined=quarantined,
    )
