"""The validation gate: Great Expectations on the clinical table and the image manifest.

The suites are code (`components.platform.data_expectations`). What makes a table unusable stops the
flow; what concerns single patients puts these into quarantine, named by pseudonym. Types are
checked where the table is read; here it is shares, levels, ranges and uniqueness.
"""

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from components.cohort.schema import PREDICTORS, Variable
from components.errors import CohortRejected
from components.platform.data_docs import render_page
from components.platform.data_expectations import Rule, clinical_rules, manifest_rules
from components.study.protocol.cohort import CohortSection
from components.study.results import Quarantined, Record

_SHOWN = 20


class ExpectationResult(Record):
    """What became of one expectation; `n_unexpected` counts rows, values are never kept."""

    name: str
    column: str | None
    success: bool
    n_unexpected: int
    n_rows: int
    consequence: Literal["stop", "quarantine"]


class ValidationReport(Record):
    """The gate's answer. `stopped_by` says in sentences why the flow must not go on."""

    table: str
    passed: bool
    stopped_by: tuple[str, ...]
    quarantined: tuple[Quarantined, ...]
    expectations: tuple[ExpectationResult, ...]
    docs: str | None = None

    def require(self) -> "ValidationReport":
        """The report itself, if the flow may go on.

        Raises:
            CohortRejected: It may not; the message names columns and patients.
        """
        if not self.passed:
            msg = f"{self.table}: {'; '.join(self.stopped_by)}"
            raise CohortRejected(msg)
        return self


def validate_clinical(
    table: pd.DataFrame,
    section: CohortSection,
    *,
    predictors: Sequence[str],
    arms: Sequence[str],
    codebook: Mapping[str, Variable] = PREDICTORS,
    docs_dir: Path | None = None,
) -> ValidationReport:
    """What is wrong with a clinical table, and with whom.

    Args:
        table: One row a patient, indexed by `patient_id` (may repeat), as `read_clinical` gives it.
        section: How much may be wrong.
        predictors: The predictors that the protocol's models need.
        arms: The treatments studied.
        codebook: Levels and plausible ranges of the predictors.
        docs_dir: Folder for the Data Docs page; none is written without it.
    """
    rules = clinical_rules(
        list(table.columns), section, predictors=predictors, arms=arms, codebook=codebook
    )
    return _validate(table, rules, section, name="clinical table", docs_dir=docs_dir, before=())


def validate_manifest(
    manifest: pd.DataFrame,
    section: CohortSection,
    *,
    patient_ids: Sequence[str],
    quarantined: Sequence[Quarantined] = (),
    docs_dir: Path | None = None,
) -> ValidationReport:
    """What is wrong with the images' manifest, and with whom.

    Args:
        manifest: One row a patient with images, column `patient_id` or an index of that name.
        section: How much may be wrong.
        patient_ids: The patients of the clinical table; one without a row here lacks images.
        quarantined: Who is in quarantine already; counts toward the protocol's limit.
        docs_dir: Folder for the Data Docs page; none is written without it.
    """
    known = manifest.reset_index() if manifest.index.name == "patient_id" else manifest
    joined = _join(known, patient_ids) if "patient_id" in known.columns else known
    rules = manifest_rules(list(known.columns))
    return _validate(
        joined, rules, section, name="image manifest", docs_dir=docs_dir, before=quarantined
    )


def _join(manifest: pd.DataFrame, patient_ids: Sequence[str]) -> pd.DataFrame:
    """The manifest's rows of the cohort's patients; a patient without images has empty cells."""
    patients = pd.DataFrame({"patient_id": pd.unique(pd.Series(patient_ids, dtype="object"))})
    rows = manifest.assign(patient_id=manifest["patient_id"].astype(str))
    return patients.merge(rows, on="patient_id", how="left").set_index("patient_id")


def _validate(
    table: pd.DataFrame,
    rules: Sequence[Rule],
    section: CohortSection,
    *,
    name: str,
    docs_dir: Path | None,
    before: Sequence[Quarantined],
) -> ValidationReport:
    if table.empty:
        empty = f"expected at least one patient in the {name}, found none"
        return ValidationReport(
            table=name, passed=False, stopped_by=(empty,), quarantined=(), expectations=()
        )
    answer = _run(table.rename_axis("patient_id").reset_index(), rules, name)
    judged = [(rules[int(row.expectation_config.meta["rule"])], row) for row in answer.results]
    stopped = [_sentence(rule) for rule, row in judged if _stops(rule, row)]
    quarantined = _quarantined(judged, found_by=name)
    stopped += _too_many(quarantined, before, section)
    docs = None
    if docs_dir is not None:
        path = docs_dir / f"{name.replace(' ', '_')}.html"
        docs = render_page(answer, path, quarantined=quarantined, stopped_by=stopped)
    return ValidationReport(
        table=name,
        passed=not stopped,
        stopped_by=tuple(stopped),
        quarantined=quarantined,
        expectations=tuple(_expectation(rule, row, len(table)) for rule, row in judged),
        docs=docs and str(docs),
    )


def _run(table: pd.DataFrame, rules: Sequence[Rule], name: str) -> Any:
    """Great Expectations' own result object, with the unexpected rows' patients listed."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")  # read at import
    import great_expectations as gx  # 6 s: only where a table is judged

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    batches = (
        context.data_sources.add_pandas("cohort")
        .add_dataframe_asset(name)
        .add_batch_definition_whole_dataframe("whole")
    )
    expectations = [
        getattr(gx.expectations, rule.kind)(**rule.arguments, meta={"rule": number})
        for number, rule in enumerate(rules)
    ]
    suite = context.suites.add(gx.ExpectationSuite(name=name, expectations=expectations))
    definition = gx.ValidationDefinition(name=name, data=batches, suite=suite)
    return context.validation_definitions.add(definition).run(
        batch_parameters={"dataframe": table},
        result_format={
            "result_format": "COMPLETE",
            "unexpected_index_column_names": ["patient_id"],
        },
    )


def _stops(rule: Rule, row: Any) -> bool:
    return not row.success and (rule.consequence == "stop" or not _patients(row))


def _sentence(rule: Rule) -> str:
    if rule.consequence == "stop":
        return rule.reason
    # Neither met nor broken by anyone: the expectation itself could not be computed.
    return f"column '{rule.arguments['column']}' could not be judged ({rule.kind})"


def _patients(row: Any) -> list[str]:
    return [str(entry["patient_id"]) for entry in row.result.get("unexpected_index_list") or ()]


def _quarantined(judged: Sequence[tuple[Rule, Any]], *, found_by: str) -> tuple[Quarantined, ...]:
    reasons: dict[str, list[str]] = {}
    for rule, row in judged:
        if rule.consequence == "quarantine" and not row.success:
            for patient_id in dict.fromkeys(_patients(row)):
                reasons.setdefault(patient_id, []).append(rule.reason)
    return tuple(
        Quarantined(patient_id=patient_id, reason="; ".join(sorted(why)), found_by=found_by)
        for patient_id, why in sorted(reasons.items())
    )


def _too_many(
    quarantined: Sequence[Quarantined], before: Sequence[Quarantined], section: CohortSection
) -> list[str]:
    reasons = {row.patient_id: row.reason for row in (*before, *quarantined)}
    if len(reasons) <= section.max_quarantined:
        return []
    named = [f"{patient} ({reason})" for patient, reason in sorted(reasons.items())]
    more = f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
    return [
        f"{len(named)} patients are in quarantine, the protocol allows "
        f"{section.max_quarantined} (cohort.max_quarantined): {', '.join(named[:_SHOWN])}{more}"
    ]


def _expectation(rule: Rule, row: Any, n_rows: int) -> ExpectationResult:
    return ExpectationResult(
        name=row.expectation_config.type,
        column=rule.arguments.get("column"),
        success=bool(row.success),
        n_unexpected=int(row.result.get("unexpected_count") or 0),
        n_rows=n_rows,
        consequence=rule.consequence,
    )
