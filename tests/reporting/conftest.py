"""A small study of simulated patients: every record that a report draws, really fitted."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from components.arms.fitting import fit_arm
from components.arms.nomogram import arm_nomogram
from components.arms.records import ArmModels
from components.cohort.baseline import table_one
from components.cohort.eligibility import assess_eligibility
from components.cohort.endpoint import survival_target
from components.cohort.label import label_ledger
from components.cohort.splitting import first_split, split_hash
from components.networks.records import (
    ArmTarget,
    BackboneChoice,
    BackboneRow,
    Configuration,
    EpochMetrics,
    SearchResult,
    TrialResult,
    TuningPlan,
)
from components.promotion.decision import decide
from components.promotion.evidence import arm_evidence
from components.promotion.records import Evidence
from components.reporting.content import ReportContent
from components.reporting.flow_diagram import PartCount
from components.reporting.records import (
    STUDY_SOFTWARE,
    DataSummary,
    Provenance,
    Software,
    StepTiming,
    TestReading,
)
from components.signature.cross_fit import CrossFit
from components.signature.report import SignatureReport, report_signature
from components.signature.signature import fit_signature
from components.study.protocol import Protocol, read_protocol
from components.study.results import Adaptation, Estimate, Quarantined
from components.study.vocabulary import DataOrigin, SignatureState, Split, TreatmentArm
from components.survival.discrimination import auc_ipcw
from components.survival.kaplan_meier import median_follow_up
from components.survival.time_roc import classification_at, roc_ipcw, youden_cutoff

PROTOCOL = Path(__file__).parents[2] / "flows" / "protocols" / "demo.yaml"
N_PATIENTS = {TreatmentArm.HEPATECTOMY: 278, TreatmentArm.TACE: 131}
MEDIAN_DAYS = {TreatmentArm.HEPATECTOMY: 1100, TreatmentArm.TACE: 330}
BACKBONES = {"resnet18": 1.8e9, "resnet50": 4.1e9, "densenet121": 2.9e9}


def simulated_arm(arm: TreatmentArm, rng: np.random.Generator) -> pd.DataFrame:
    """Patients of an arm with predictors, a signature and survival of known hazards."""
    n = N_PATIENTS[arm]
    table = pd.DataFrame(
        {
            "arm": arm.value,
            "center": rng.choice(["a", "b"], n),
            "age_years": np.round(rng.normal(58, 11, n)).clip(17, 88),
            "sex": rng.choice(["male", "female"], n, p=[0.86, 0.14]),
            "bclc_stage": rng.choice(["A", "B", "C"], n, p=[0.45, 0.25, 0.3]),
            "cirrhosis": rng.choice(["absent", "present"], n, p=[0.7, 0.3]),
            "albi_grade": rng.choice(["1", "2", "3"], n, p=[0.45, 0.47, 0.08]),
            "tumor_location": rng.choice(["left", "right", "both"], n, p=[0.3, 0.55, 0.15]),
            "tumor_diameter_cm": np.round(np.exp(rng.normal(1.8, 0.5, n)), 1).clip(0.8, 22),
            "days_ct_to_treatment": rng.integers(1, 33, n).astype(float),
            "dl_signature": rng.normal(0, 1, n),
        },
        index=pd.Index([f"{arm.value[0]}{i:04d}" for i in range(n)], name="patient_id"),
    )
    lp = (
        0.5 * (table["bclc_stage"] == "B")
        + 0.7 * (table["bclc_stage"] == "C")
        + 0.3 * (table["cirrhosis"] == "present")
        + 0.35 * (table["albi_grade"] == "2")
        + 0.8 * (table["albi_grade"] == "3")
        + 0.05 * (table["tumor_diameter_cm"] - 6)
        + 0.5 * table["dl_signature"]
    )
    scale = MEDIAN_DAYS[arm] / np.log(2)
    death_days = scale * rng.exponential(size=n) * np.exp(-(lp - lp.mean()))
    seen_days = rng.uniform(200, 1900 if arm is TreatmentArm.HEPATECTOMY else 1300, n)
    table["os_days"] = np.maximum(1.0, np.ceil(np.minimum(death_days, seen_days)))
    table["death"] = (death_days <= seen_days).astype(int)
    return table


@dataclass(frozen=True)
class Simulated:
    """Patients after eligibility, with `split`; what was set aside on the way."""

    protocol: Protocol
    table: pd.DataFrame
    everyone: pd.DataFrame
    quarantined: tuple[Quarantined, ...]

    def part(self, arm: TreatmentArm, split: Split) -> pd.DataFrame:
        chosen = (self.table["arm"] == arm.value) & (self.table["split"] == split.value)
        return self.table[chosen]


@pytest.fixture(scope="session")
def simulated() -> Simulated:
    """The simulated cohort."""
    protocol = read_protocol(PROTOCOL)
    rng = np.random.default_rng(7)
    everyone = pd.concat([simulated_arm(arm, rng) for arm in TreatmentArm])
    quarantined = (
        Quarantined(patient_id="h0003", reason="the ROI is empty", found_by="image check"),
        Quarantined(patient_id="t0011", reason="os_days is negative", found_by="table check"),
    )
    studied, _ = assess_eligibility(
        everyone,
        quarantined,
        section=protocol.eligibility,
        arms=protocol.study.arms,
        predictors=(),
    )
    split = first_split(studied, section=protocol.split, seed=protocol.study.seed)
    return Simulated(protocol, studied.assign(split=split), everyone, quarantined)


@pytest.fixture(scope="session")
def arms(simulated) -> tuple[ArmModels, ...]:
    """The arms' models."""
    return tuple(_fit(simulated, arm, is_null=False) for arm in TreatmentArm)


@pytest.fixture(scope="session")
def null_arms(simulated) -> tuple[ArmModels, ...]:
    """The arms' models where no deep feature survived the penalty."""
    return tuple(_fit(simulated, arm, is_null=True) for arm in TreatmentArm)


def _fit(simulated: Simulated, arm: TreatmentArm, *, is_null: bool) -> ArmModels:
    protocol = simulated.protocol
    return fit_arm(
        arm,
        simulated.part(arm, Split.TRAIN),
        simulated.part(arm, Split.TEST),
        clinical=protocol.clinical,
        evaluation=protocol.evaluation,
        study=protocol.study,
        signature=SignatureState.NULL if is_null else SignatureState.FITTED,
        seed=protocol.study.seed,
    )


@pytest.fixture(scope="session")
def content(simulated, arms) -> ReportContent:
    """A whole report of synthetic patients."""
    return _content(simulated, arms, is_null=False)


@pytest.fixture(scope="session")
def null_content(simulated, null_arms) -> ReportContent:
    """A whole report in which the signature is null."""
    return _content(simulated, null_arms, is_null=True)


@pytest.fixture(scope="session")
def real_content(content) -> ReportContent:
    """The same report as if the patients existed."""
    nomograms = {
        arm: nomogram.model_copy(update={"data_origin": DataOrigin.REAL})
        for arm, nomogram in content.nomograms.items()
    }
    data = content.data.model_copy(update={"origin": DataOrigin.REAL})
    return replace(content, data=data, nomograms=nomograms)


def _content(simulated: Simulated, arms: tuple[ArmModels, ...], *, is_null: bool) -> ReportContent:
    protocol, table = simulated.protocol, simulated.table
    _, eligibility = assess_eligibility(
        simulated.everyone,
        simulated.quarantined,
        section=protocol.eligibility,
        arms=protocol.study.arms,
        predictors=(),
    )
    search, choice = _search(simulated)
    evidence = _evidence(simulated, arms, is_null=is_null)
    return ReportContent(
        protocol=protocol,
        protocol_text=PROTOCOL.read_text(encoding="utf-8"),
        data=DataSummary(
            name="demo",
            origin=DataOrigin.SYNTHETIC,
            md5="0c1b2d3e4f5061728394a5b6c7d8e9f0.dir",
            n_files=1231,
            n_bytes=412_345_678,
            source="workspace",
            split_hash=split_hash(table["split"]),
        ),
        provenance=_provenance(),
        eligibility=eligibility,
        quarantined=simulated.quarantined,
        parts=tuple(
            PartCount(arm=arm, split=split, n=len(part), n_events=int(part["death"].sum()))
            for arm in TreatmentArm
            for split in Split
            for part in [simulated.part(arm, split)]
        ),
        baseline=(table_one(table, table["arm"], title="Hepatectomy and TACE at baseline"),),
        ledger=label_ledger(table, section=protocol.label, arms=protocol.study.arms),
        search=search,
        choice=choice,
        signature=_signature(simulated, is_null=is_null),
        arms=arms,
        nomograms={
            models.arm: arm_nomogram(
                models,
                simulated.part(models.arm, Split.TRAIN),
                section=protocol.nomogram,
                origin=DataOrigin.SYNTHETIC,
            )
            for models in arms
        },
        evidence=evidence,
        decision=decide(evidence, protocol.promotion, None),
        adaptations=(
            Adaptation(
                step="search",
                asked="tuning on the AUC at 1095 days within the TACE arm",
                done="Uno's C up to 730 days in this arm",
                why="fewer than 10 patients at risk after 1095 days",
            ),
        ),
        readings=(
            TestReading(
                when="2026-01-26 10:00 UTC",
                run_id="0123456789abcdef",
                data_md5="0c1b2d3e4f5061728394a5b6c7d8e9f0.dir",
                protocol_hash=protocol.hash(),
                purpose="evaluation and gate of one retraining",
            ),
        ),
        follow_up={
            arm: median_follow_up(survival_target(table[table["arm"] == arm.value]))
            for arm in TreatmentArm
        },
    )


def _provenance() -> Provenance:
    return Provenance(
        package_version="0.1.0",
        git_commit="67d6a2d0c0ffee0000000000000000000000aaaa",
        git_is_clean=True,
        mlflow_run_id="0123456789abcdef",
        started="2026-01-26 09:53 UTC",
        machine="x86_64, 2 cores",
        device="cpu",
        software=tuple(
            Software(name=name, version=version, study_version=STUDY_SOFTWARE.get(name))
            for name, version in {"python": "3.11.7", "torch": "2.15.0", "numpy": "2.4"}.items()
        ),
        timings=(
            StepTiming(step="data", seconds=4.2),
            StepTiming(step="search", seconds=231.5),
            StepTiming(step="arms", seconds=9.0, from_cache=True),
        ),
        platform_seconds={"Ray": 12.4, "Prefect": 20.1, "MLflow": 11.0},
        places={"MLflow experiment": "hcc-demo"},
    )


def _search(simulated: Simulated) -> tuple[SearchResult, BackboneChoice]:
    """Trials whose scores mix the signature with noise, and the table made of the best."""
    rng = np.random.default_rng(11)
    train = simulated.table[simulated.table["split"] == Split.TRAIN.value]
    trials = tuple(_trial(name, number, train, rng) for name in BACKBONES for number in range(4))
    search = SearchResult(
        trials=trials,
        patient_ids=tuple(train.index),
        fold_of=tuple(int(k) for k in rng.integers(0, 3, len(train))),
        total_epochs=6,
        tuning=TuningPlan(
            arms={
                TreatmentArm.HEPATECTOMY: ArmTarget(estimator="auc_cd", horizon_days=1095),
                TreatmentArm.TACE: ArmTarget(estimator="c_uno", horizon_days=730),
            },
            adaptations=(),
        ),
        device="cpu",
        mixed_precision=True,
        adaptations=(),
    )
    best = [next(t for t in trials if t.configuration.key == f"{name}-0") for name in BACKBONES]
    rows = tuple(_backbone_row(trial, train, is_chosen=i == 0) for i, trial in enumerate(best))
    reason = "resnet18 is within one standard error of the best and has the fewest multiply-adds."
    choice = BackboneChoice(
        backbone="resnet18", configuration=rows[0].configuration, reason=reason, rows=rows
    )
    return search, choice


def _trial(
    backbone: str, number: int, train: pd.DataFrame, rng: np.random.Generator
) -> TrialResult:
    epochs = (6, 4, 2, 2)[number]
    level = 0.66 - 0.03 * number + rng.normal(0, 0.01)
    targets = level - 0.12 * np.exp(-np.arange(1, epochs + 1) / 2) + rng.normal(0, 0.01, epochs)
    scores = 1 / (1 + np.exp(-(train["dl_signature"] + rng.normal(0, 1.2, len(train)))))
    return TrialResult(
        configuration=Configuration(
            backbone=backbone,
            number=number,
            learning_rate=10 ** rng.uniform(-3.5, -2.5),
            weight_decay=10 ** rng.uniform(-4, -2),
            dropout=rng.uniform(0, 0.4),
            label_smoothing=rng.uniform(0, 0.1),
        ),
        status="finished" if epochs == 6 else "stopped",
        epochs_done=epochs,
        history=tuple(
            EpochMetrics(
                epoch=epoch,
                train_loss=0.7,
                tuning_target=float(target),
                arms={arm: float(target) for arm in TreatmentArm},
                seconds=3.0,
            )
            for epoch, target in enumerate(targets, start=1)
        ),
        seconds=3.0 * epochs,
        oof_scores=tuple(float(score) for score in scores),
        fold_networks=(),
    )


def _backbone_row(trial: TrialResult, train: pd.DataFrame, *, is_chosen: bool) -> BackboneRow:
    target, scores = survival_target(train), np.asarray(trial.oof_scores)
    arm_score = np.asarray(train["arm"] == TreatmentArm.TACE.value, dtype=float)
    curve = roc_ipcw(target, scores, horizon_days=1095)
    cutoff = youden_cutoff(curve)
    right = classification_at(target, scores, cutoff=cutoff, horizon_days=1095)
    hepatectomy = np.asarray(train["arm"] == TreatmentArm.HEPATECTOMY.value)
    within = auc_ipcw(target.subset(hepatectomy), scores[hepatectomy], horizon_days=1095)
    refused = Estimate.not_estimable(
        "fewer than 10 at risk after it", n=76, n_events=60, method="IPCW", horizon_days=1095
    )
    return BackboneRow(
        backbone=trial.configuration.backbone,
        configuration=trial.configuration,
        multiply_adds=int(BACKBONES[trial.configuration.backbone]),
        is_chosen=is_chosen,
        epochs_done=trial.epochs_done,
        tuning_target=within,
        standard_error=0.03,
        arm_targets={TreatmentArm.HEPATECTOMY: within},
        within_arm_auc={TreatmentArm.HEPATECTOMY: within, TreatmentArm.TACE: refused},
        pooled_auc=auc_ipcw(target, scores, horizon_days=1095),
        arm_only_auc=auc_ipcw(target, arm_score, horizon_days=1095),
        cutoff=cutoff,
        accuracy=right.accuracy,
        sensitivity=right.sensitivity,
        specificity=right.specificity,
        roc=curve,
    )


def _evidence(simulated: Simulated, arms: tuple[ArmModels, ...], *, is_null: bool) -> Evidence:
    return Evidence(
        study_id=simulated.protocol.study.study_id,
        data_origin=DataOrigin.SYNTHETIC,
        arms={
            models.arm: arm_evidence(
                models,
                simulated.part(models.arm, Split.TEST),
                evaluation=simulated.protocol.evaluation,
                level=simulated.protocol.promotion.interval_level,
            )
            for models in arms
        },
        signature=SignatureState.NULL if is_null else SignatureState.FITTED,
        n_test_readings=1,
    )


def _signature(simulated: Simulated, *, is_null: bool) -> SignatureReport:
    """A signature of 40 features, six of which carry the simulated score (or none selected)."""
    rng = np.random.default_rng(13)
    train = simulated.table[simulated.table["split"] == Split.TRAIN.value]
    features = rng.normal(size=(len(train), 40))
    features[:, :6] += 0.5 * train["dl_signature"].to_numpy()[:, None]
    target, groups = survival_target(train), train["arm"].to_numpy(dtype=str)
    section = simulated.protocol.signature.model_copy(update={"cv_folds": 5, "cv_repeats": 1})
    deployed = fit_signature(
        features, target, groups, section=section, network_id="resnet18-0", rng=rng
    )
    half = np.arange(len(train)) % 2
    crossfit = CrossFit(
        scores=deployed.apply(features), signatures=(deployed, deployed), fold_of=half
    )
    report = report_signature(
        deployed, crossfit, target, groups, deployed_unseen=rng.normal(0, 0.7, 100)
    )
    if not is_null:
        return report
    nothing = {"is_null": True, "n_selected": 0, "coefficients": (), "fold_selected": (0, 0)}
    return report.model_copy(update={**nothing, "sd_ratio": None, "sd_ratio_warns": False})
