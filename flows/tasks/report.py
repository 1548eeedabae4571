"""Step `report`: the self-contained report of a retraining."""

from pathlib import Path
from typing import Any

import pandas as pd

from components.arms.records import ArmModels
from components.cohort.baseline import TableOne
from components.cohort.eligibility import Eligibility
from components.cohort.endpoint import survival_target
from components.cohort.label import LabelLedger
from components.cohort.missingness import Missingness
from components.promotion.records import Decision, Evidence
from components.reporting.content import ReportContent
from components.reporting.flow_diagram import PartCount
from components.reporting.records import DataSummary, Provenance, TestReading
from components.reporting.report import write_report
from components.signature.report import SignatureReport
from components.study.protocol import Protocol
from components.study.results import Adaptation, ArtifactRef, Estimate, Quarantined
from components.study.vocabulary import Split, TreatmentArm
from components.survival.kaplan_meier import median_follow_up
from flows.gate_answers import gate_reports
from flows.heat_result import read_heat_maps
from flows.search_result import read_checks, read_search
from flows.steps import Result, step_task
from flows.tasks.arms import read_arms
from flows.tasks.baselines import read_baselines
from flows.tasks.cohort import read_cohort
from flows.tasks.nested import read_nested
from flows.tasks.nomograms import read_nomograms
from flows.tasks.optimism import read_optimism
from flows.tasks.radiomics import read_radiomics, read_stability
from flows.tasks.subgroups import read_subgroups
from flows.terminal import current_display


@step_task
def report_study(
    step: str,
    key: str,
    *,
    protocol: Protocol,
    protocol_text: str,
    results: dict[str, Result],
    data: DataSummary,
    provenance: Provenance,
    readings: tuple[TestReading, ...],
    adaptations: tuple[Adaptation, ...],
    quarantined: tuple[Quarantined, ...],
    folder: Path,
    notes: tuple[str, ...] = (),
    mapping_text: str | None = None,
) -> Result:
    """One HTML page with all that the run found, and where it lies."""
    del step, key
    with current_display().step("Report") as progress:
        table = read_cohort(results["cohort"])
        arms = read_arms(results["arms"])
        content = ReportContent(
            protocol=protocol,
            protocol_text=protocol_text,
            data=data,
            provenance=provenance,
            eligibility=Eligibility.model_validate(results["cohort"]["eligibility"]),
            quarantined=quarantined,
            parts=part_counts(table, tuple(arms)),
            baseline=tuple(TableOne.model_validate(one) for one in results["cohort"]["tables_one"]),
            ledger=LabelLedger.model_validate(results["cohort"]["ledger"]),
            gate=gate_reports(results),
            missing=Missingness.model_validate(results["cohort"]["missing"]),
            arms=tuple(arms.values()),
            nomograms=read_nomograms(results["nomograms"]),
            adaptations=adaptations,
            readings=readings,
            follow_up=_follow_up(table, arms, level=protocol.evaluation.confidence_level),
            notes=notes,
            mapping_text=mapping_text,
            **_where_done(results),
        )
        folder.mkdir(parents=True, exist_ok=True)
        path = write_report(content, folder / "report.html")
        progress.note = f"{path.stat().st_size / 1e6:.1f} MB"
    return {"report": ArtifactRef.of(path).model_dump()}


def _where_done(results: dict[str, Result]) -> dict[str, Any]:
    """What the report holds of the steps that not every run has."""
    found: dict[str, Any] = {}
    if "search" in results:
        found["search"], found["choice"] = read_search(results["search"])
    found["heat"] = read_heat_maps(results)
    if "report" in results.get("signature", {}):
        found["signature"] = SignatureReport.model_validate(results["signature"]["report"])
    found["nested"] = read_nested(results)
    found["network_checks"] = read_checks(results)
    found["optimism"], found["subgroups"] = read_optimism(results), read_subgroups(results)
    found["baselines"] = read_baselines(results)
    found["radiomics"] = read_radiomics(results)
    found["radiomics_stability"] = read_stability(results)
    if "publish" in results:
        found["evidence"] = Evidence.model_validate(results["publish"]["evidence"])
        found["decision"] = Decision.model_validate(results["publish"]["decision"])
    return found


def part_counts(table: pd.DataFrame, arms: tuple[TreatmentArm, ...]) -> tuple[PartCount, ...]:
    """Patients and deaths by arm and split."""
    return tuple(
        PartCount(arm=arm, split=split, n=len(rows), n_events=int((rows["death"] == 1).sum()))
        for arm in arms
        for split in Split
        for rows in [table[(table["arm"] == arm.value) & (table["split"] == split.value)]]
    )


def _follow_up(
    table: pd.DataFrame, arms: dict[TreatmentArm, ArmModels], *, level: float
) -> dict[TreatmentArm, Estimate]:
    return {
        arm: median_follow_up(survival_target(table[table["arm"] == arm.value]), level=level)
        for arm in arms
    }
