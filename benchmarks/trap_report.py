"""The study report of a trap: the same page that a run writes."""

import platform

from benchmarks.trap_path import Judged, Scored
from components.arms.nomogram import arm_nomogram
from components.cohort.eligibility import assess_eligibility
from components.cohort.label import label_ledger
from components.cohort.splitting import split_hash
from components.networks.records import BackboneChoice, SearchResult
from components.reporting.content import ReportContent
from components.reporting.flow_diagram import PartCount
from components.reporting.records import DataSummary, Provenance, TestReading
from components.reporting.report import render_report
from components.study.protocol import Protocol
from components.study.vocabulary import DataOrigin, Split


def trap_report(
    search: SearchResult,
    choice: BackboneChoice,
    scored: Scored,
    judged: Judged,
    *,
    protocol: Protocol,
) -> str:
    """The report as HTML."""
    table = scored.table
    _, eligibility = assess_eligibility(
        table, (), section=protocol.eligibility, arms=protocol.study.arms, predictors=()
    )
    reading = TestReading(
        when="-", run_id="-", data_md5="-", protocol_hash=protocol.hash(), purpose="the gate"
    )
    content = ReportContent(
        protocol=protocol,
        protocol_text="",
        data=DataSummary(
            name="arm trap",
            origin=DataOrigin.SYNTHETIC,
            md5="0" * 32,
            n_files=0,
            n_bytes=0,
            source="benchmark",
            split_hash=split_hash(table["split"]),
        ),
        provenance=_provenance(search),
        eligibility=eligibility,
        quarantined=(),
        parts=tuple(
            PartCount(arm=arm, split=split, n=len(rows), n_events=int(rows["death"].sum()))
            for arm in protocol.study.arms
            for split in Split
            for rows in [table[(table["arm"] == arm.value) & (table["split"] == split.value)]]
        ),
        baseline=(),
        ledger=label_ledger(table, section=protocol.label, arms=protocol.study.arms),
        arms=judged.models,
        nomograms={
            models.arm: arm_nomogram(
                models,
                table[(table["arm"] == models.arm.value) & (table["split"] == Split.TRAIN.value)],
                section=protocol.nomogram,
                origin=DataOrigin.SYNTHETIC,
            )
            for models in judged.models
        },
        adaptations=search.adaptations,
        readings=(reading,),
        search=search,
        choice=choice,
        signature=scored.report,
        evidence=judged.evidence,
        decision=judged.decision,
    )
    return render_report(content)


def _provenance(search: SearchResult) -> Provenance:
    return Provenance(
        package_version="benchmark",
        git_commit=None,
        git_is_clean=False,
        mlflow_run_id="-",
        started="-",
        machine=platform.machine(),
        device=search.device,
        software=(),
        timings=(),
        platform_seconds={},
        places={},
    )
