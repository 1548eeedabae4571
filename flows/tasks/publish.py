"""Step `publish`: evidence, the gate's decision, the registry and the one pointer."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from components.arms.metrics import evaluation_metrics
from components.arms.records import ArmModels
from components.cohort.dataset import Dataset
from components.errors import FitFailed
from components.networks.arm_signal import signal_sentence
from components.networks.records import NetworkCard
from components.platform.champion import champion_facts, promote
from components.platform.model_version import ModelVersion
from components.platform.recommenders import fetch_content
from components.platform.registry import Lineage, Registration, registering
from components.platform.tracking import Tracking
from components.promotion.decision import decide
from components.promotion.evidence import arm_evidence
from components.promotion.records import ChampionFacts, Decision, Evidence
from components.reporting import model_card as cards
from components.study.protocol import Protocol
from components.study.vocabulary import DataOrigin, SignatureState, Split, TreatmentArm
from flows.keys import digest
from flows.search_result import read_search
from flows.steps import Result, step_task
from flows.tasks.arms import part, read_arms, state_of, with_scores
from flows.tasks.cohort import read_cohort
from flows.tasks.judgement import Judgement, read_judgement, write_judgement
from flows.tasks.nomograms import read_nomograms
from flows.tasks.rivals import Rival, difference_from, open_rival
from flows.terminal import current_display


@step_task
def publish(
    step: str,
    key: str,
    *,
    dataset: Dataset,
    protocol: Protocol,
    results: Mapping[str, Result],
    tracking: Tracking,
    run_id: str,
    home: Path,
    folder: Path,
    lineage: Lineage,
    card_lineage: cards.Lineage,
    on_test_reading: Callable[[str], int],
) -> Result:
    """The evidence, the decision with its reasons, and the versions registered.

    Args:
        step: Name of the step.
        key: Its key.
        dataset: The data.
        protocol: The science.
        results: Of the steps before; without `search` and `refit` there is no backbone.
        tracking: Where the models are recorded.
        run_id: The study's run.
        home: For the journal.
        folder: Where the judgement is kept.
        lineage: Tags of every version.
        card_lineage: The same for the models' cards.
        on_test_reading: Told that the test patients are being judged; answers how often decisions
            have done so, this one included.
    """
    del step, key
    display = current_display()
    with display.step("Registry and promotion") as progress:
        models = read_arms(results["arms"])
        table = with_scores(read_cohort(results["cohort"]), results["signature"])
        judged = _judged(
            models,
            table[table["split"] == Split.TEST.value],
            results,
            kept=folder / "judgement.json",
            dataset=dataset,
            protocol=protocol,
            origin=lineage.data_origin,
            tracking=tracking,
            run_id=run_id,
            on_test_reading=on_test_reading,
        )
        decision = judged.decision
        with display.platform("MLflow"):
            with registering(tracking, home=home, run_id=run_id, lineage=lineage) as made:
                versions = _register(
                    made,
                    models,
                    results,
                    protocol=protocol,
                    decision=decision,
                    card_lineage=card_lineage,
                )
            if decision.is_promoted:
                promote(tracking, versions[-1], home=home, reason=" ".join(decision.reasons))
        progress.note = f"{len(versions)} models registered; gate: {decision.verdict}"
    return {
        "evidence": judged.evidence.model_dump(mode="json"),
        "decision": decision.model_dump(mode="json"),
        "versions": {version.name: version.version for version in versions},
    }


def _judged(
    models: dict[TreatmentArm, ArmModels],
    test: pd.DataFrame,
    results: Mapping[str, Result],
    *,
    kept: Path,
    dataset: Dataset,
    protocol: Protocol,
    origin: DataOrigin,
    tracking: Tracking,
    run_id: str,
    on_test_reading: Callable[[str], int],
) -> Judgement:
    """The gate's judgement, taken once: what is `kept` of these models is carried out as it is."""
    with current_display().platform("MLflow"):
        champion = champion_facts(tracking)
        judged_models = digest(results["arms"])
        known = read_judgement(
            kept, models=judged_models, champion=champion, tracking=tracking, run_id=run_id
        )
    if known is not None:
        return known
    evidence = _evidence(
        models,
        test,
        dataset=dataset if "refit" in results else None,
        protocol=protocol,
        origin=origin,
        champion=champion,
        tracking=tracking,
        n_test_readings=on_test_reading("evidence for a promotion decision"),
        arm_only=_arm_only(results),
    )
    decision = decide(evidence, protocol.promotion, champion)
    judgement = Judgement(models=judged_models, evidence=evidence, decision=decision)
    write_judgement(kept, judgement)
    return judgement


def _evidence(
    models: dict[TreatmentArm, ArmModels],
    test: pd.DataFrame,
    *,
    dataset: Dataset | None,
    protocol: Protocol,
    origin: DataOrigin,
    champion: ChampionFacts | None,
    tracking: Tracking,
    n_test_readings: int,
    arm_only: str | None,
) -> Evidence:
    comparable = (
        champion is not None
        and champion.study_id == protocol.study.study_id
        and champion.data_origin == origin
    )
    rivals = _rivals(champion, tracking, dataset, list(test.index)) if comparable else (None, None)
    level, evaluation = protocol.promotion.interval_level, protocol.evaluation
    evidence = {}
    for arm, fitted in models.items():
        patients = part(test, arm, Split.TEST)
        differences = [
            None
            if rival is None
            else difference_from(rival, arm, fitted, patients, evaluation=evaluation, level=level)
            for rival in rivals
        ]
        evidence[arm] = arm_evidence(
            fitted,
            patients,
            evaluation=evaluation,
            level=level,
            difference=differences[0],
            difference_to_first=differences[1],
        )
    return Evidence(
        study_id=protocol.study.study_id,
        data_origin=origin,
        arms=evidence,
        signature=next(iter(models.values())).signature,
        n_test_readings=n_test_readings,
        not_independent=_not_independent(protocol) if dataset is not None else None,
        arm_only=arm_only,
        champion_version=champion.recommender_version if champion else None,
    )


def _arm_only(results: Mapping[str, Result]) -> str | None:
    """What is to be said where the chosen network's scores tell only the arms apart."""
    if "search" not in results:
        return None
    row = read_search(results["search"])[1].chosen_row
    if row is None or row.signal is None or row.signal.verdict != "arm_only":
        return None
    return signal_sentence(row.signal)


def _not_independent(protocol: Protocol) -> str | None:
    if protocol.backbone.selection != "test_accuracy":
        return None
    return (
        "The test patients chose the backbone (backbone.selection: test_accuracy), so their "
        "figures are no independent evidence: such models are registered and never promoted."
    )


def _rivals(
    champion: ChampionFacts | None, tracking: Tracking, dataset: Dataset | None, test: list[str]
) -> tuple[Rival | None, Rival | None]:
    """The champion and the first model ever approved, opened once where they are the same."""
    if champion is None:
        return None, None
    versions = dict.fromkeys([champion.recommender_version, champion.first_approved_version])
    opened = {}
    for version in versions:
        with tempfile.TemporaryDirectory(prefix="armwise-") as folder:
            content = fetch_content(tracking, version, folder=Path(folder))
            opened[version] = open_rival(content, dataset, test)
    return opened[champion.recommender_version], opened[champion.first_approved_version]


def _register(
    made: Registration,
    models: dict[TreatmentArm, ArmModels],
    results: Mapping[str, Result],
    *,
    protocol: Protocol,
    decision: Decision,
    card_lineage: cards.Lineage,
) -> list[ModelVersion]:
    """Backbone, where there is one, nomograms and recommender, the recommender last."""
    nomograms = read_nomograms(results["nomograms"])
    if not nomograms:
        msg = "no arm has a nomogram, so there is nothing to register; run without publishing"
        raise FitFailed(msg)
    backbone = _backbone(made, results, protocol, card_lineage) if "refit" in results else None
    pinned = {
        arm: made.nomogram(
            nomogram,
            card=cards.nomogram_card(nomogram, models[arm], card_lineage),
            metrics=evaluation_metrics(models[arm]),
        )
        for arm, nomogram in nomograms.items()
    }
    state = state_of(results["signature"])
    reader = backbone if state is SignatureState.FITTED else None
    recommender = made.recommender(
        {arm: (version, nomograms[arm]) for arm, version in pinned.items()},
        backbone=reader,
        card=cards.recommender_card(
            {arm: version.version for arm, version in pinned.items()},
            decision,
            card_lineage,
            backbone_version=reader.version if reader else None,
            signature=state,
        ),
        tags={"armwise.gate": decision.verdict},
    )
    return [*([backbone] if backbone else []), *pinned.values(), recommender]


def _backbone(
    made: Registration,
    results: Mapping[str, Result],
    protocol: Protocol,
    card_lineage: cards.Lineage,
) -> ModelVersion:
    refit, (_, choice) = results["refit"], read_search(results["search"])
    chosen = next(row for row in choice.rows if row.is_chosen)
    return made.backbone(
        Path(refit["network_folder"]),
        signature_json=results["signature"]["deployed"],
        imaging=protocol.imaging,
        card=cards.backbone_card(NetworkCard.model_validate(refit["card"]), chosen, card_lineage),
    )
