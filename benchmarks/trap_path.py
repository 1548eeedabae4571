"""From images to the gate, as a retraining goes it, without servers: one process, no Ray."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks.trap_cohort import Trap
from components.arms.fitting import fit_arm
from components.arms.records import ArmModels
from components.networks.arm_signal import signal_sentence
from components.networks.bundle import load_network
from components.networks.configurations import draw_configurations
from components.networks.features import predict
from components.networks.labels import fold_lessons
from components.networks.records import BackboneChoice, SearchResult
from components.networks.refit import fold_predictions, refit
from components.networks.selection import choose
from components.networks.training import plan_training
from components.networks.training_set import TrainingSet
from components.networks.trial import SearchTask, run_trial, settle_trial
from components.networks.tuning import plan_tuning
from components.promotion.decision import decide
from components.promotion.evidence import arm_evidence
from components.promotion.records import Decision, Evidence
from components.signature.cross_fit import cross_fit
from components.signature.report import SignatureReport, report_signature
from components.signature.signature import fit_signature
from components.study.protocol import Protocol
from components.study.randomness import step_seed
from components.study.vocabulary import DataOrigin, SignatureState, Split
from components.survival.target import FloatArray


def search_networks(
    patients: TrainingSet, protocol: Protocol, folder: Path
) -> tuple[SearchResult, BackboneChoice]:
    """Every configuration cross-validated, and the choice among them.

    The trials are those of a search, run one after the other without Ray.
    """
    plan = plan_training(protocol.search, protocol.backbone, seed=protocol.study.seed)
    tuning = plan_tuning(
        patients.target,
        patients.arms,
        horizon_days=protocol.label.horizon_days,
        evaluation=protocol.evaluation,
    )
    task = SearchTask(
        patients=patients,
        lessons=fold_lessons(
            patients.target, patients.arms, fold_of=patients.fold_of, section=protocol.label
        ),
        tuning=tuning,
        plan=plan,
        rungs=protocol.search.rungs,
        folder=folder,
    )
    configurations = draw_configurations(protocol.search, protocol.backbone, protocol.study.seed)
    for configuration in configurations:
        run_trial(configuration, task, report=lambda _: None)
    found = SearchResult(
        trials=tuple(
            settle_trial(folder, one, last_rung=protocol.search.rungs[-1]) for one in configurations
        ),
        patient_ids=patients.patient_ids,
        fold_of=tuple(patients.fold_of.tolist()),
        total_epochs=plan.total_epochs,
        tuning=tuning,
        device=plan.device,
        mixed_precision=plan.mixed_precision,
        adaptations=tuning.adaptations,
    )
    choice = choose(
        found,
        patients.target,
        patients.arms,
        label=protocol.label,
        evaluation=protocol.evaluation,
        backbone=protocol.backbone,
    )
    return found, choice


def features_of(
    trap: Trap,
    patients: TrainingSet,
    found: SearchResult,
    choice: BackboneChoice,
    *,
    protocol: Protocol,
    folder: Path,
) -> tuple[list[FloatArray], list[str], FloatArray]:
    """Deep features: of the training patients by each fold's network, of everybody by the refit."""
    trial = next(t for t in found.trials if t.configuration == choice.configuration)
    by_network = fold_predictions(trial, patients.crops, device=torch.device("cpu"))
    refit(
        patients,
        choice.configuration,
        label=protocol.label,
        plan=plan_training(protocol.search, protocol.backbone, seed=protocol.study.seed),
        imaging_hash="",
        channels=("arterial", "portal_venous", "arterial_minus_portal_hu"),
        folder=folder,
    )
    network = load_network(folder, device=torch.device("cpu")).network
    tables = [said.features.astype(np.float64) for said in by_network.values()]
    return tables, list(by_network), predict(network, trap.crops).features.astype(np.float64)


@dataclass(frozen=True, eq=False)
class Scored:
    """The table with `dl_signature`, cross-fitted in training patients, and what is told of it."""

    table: pd.DataFrame
    report: SignatureReport

    @property
    def state(self) -> SignatureState:
        """Whether something was selected."""
        return SignatureState.NULL if self.report.is_null else SignatureState.FITTED


def score(
    trap: Trap,
    patients: TrainingSet,
    features: tuple[list[FloatArray], list[str], FloatArray],
    *,
    protocol: Protocol,
) -> Scored:
    """Everybody's signature: cross-fitted in training patients, deployed in the others."""
    tables, names, everyone = features
    inside, seed = trap.side(Split.TRAIN), protocol.study.seed
    deployed = fit_signature(
        everyone[inside],
        patients.target,
        patients.arms,
        section=protocol.signature,
        network_id="refit",
        rng=np.random.default_rng(step_seed(seed, "signature deployed")),
    )
    crossed = cross_fit(
        tables,
        patients.target,
        patients.arms,
        patients.fold_of,
        section=protocol.signature,
        network_ids=names,
        seed=seed,
    )
    scores = deployed.apply(everyone)
    unseen = scores[~inside]
    scores[inside] = crossed.scores
    report = report_signature(
        deployed, crossed, patients.target, patients.arms, deployed_unseen=unseen
    )
    return Scored(trap.table.assign(dl_signature=scores), report)


@dataclass(frozen=True, eq=False)
class Judged:
    """The models of the arms, and what the gate says of them as of a first champion."""

    models: tuple[ArmModels, ...]
    evidence: Evidence
    decision: Decision


def judge(scored: Scored, choice: BackboneChoice, protocol: Protocol) -> Judged:
    """The Cox models of each arm, judged on its test patients."""
    row = choice.chosen_row
    told = None if row is None or row.signal is None else row.signal
    evidence, models = {}, []
    for arm in protocol.study.arms:
        inside = scored.table[scored.table["arm"] == arm.value]
        train, test = (inside[inside["split"] == side.value] for side in Split)
        fitted = fit_arm(
            arm,
            train,
            test,
            clinical=protocol.clinical,
            evaluation=protocol.evaluation,
            study=protocol.study,
            signature=scored.state,
            seed=protocol.study.seed,
        )
        models.append(fitted)
        evidence[arm] = arm_evidence(
            fitted,
            test,
            evaluation=protocol.evaluation,
            level=protocol.promotion.interval_level,
        )
    found = Evidence(
        study_id=protocol.study.study_id,
        data_origin=DataOrigin.SYNTHETIC,
        arms=evidence,
        signature=scored.state,
        n_test_readings=1,
        arm_only=signal_sentence(told) if told and told.verdict == "arm_only" else None,
    )
    return Judged(tuple(models), found, decide(found, protocol.promotion, None))
