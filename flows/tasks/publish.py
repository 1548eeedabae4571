"""Step `publish`: evidence, the gate's decision, the registry and the one pointer."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from components.arms.metrics import evaluation_metrics
from components.arms.records import ArmModels
from components.cohort.dataset import Dataset
from components.networks.records import BackboneRow, NetworkCard
from components.nomogram.nomogram import Nomogram
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
from flows.steps import Result, step_task
from flows.tasks.arms import part, read_arms, state_of, with_scores
from flows.tasks.cohort import read_cohort
from flows.tasks.nomograms import read_nomograms
from flows.tasks.rivals import Rival, difference_from, open_rival
from flows.tasks.search import read_search
from flows.terminal import current_display


@step_task
def publish(
    step: str,
    key: str,
    *,
    dataset: Dataset,
    protocol: Protocol,
    cohort: Result,
    search: Result,
    refit: Result,
    signature: Result,
    arms: Result,
    nomograms: Result,
    tracking: Tracking,
    run_id: str,
    home: Path,
    lineage: Lineage,
    card_lineage: cards.Lineage,
    on_test_reading: Callable[[str], int],
) -> Result:
    """The evidence, the decision with its reasons, and the versions registered.

    `on_test_reading` is told that the test patients are being judged and answers how often
    decisions have done so, this one included.
    """
    del step, key
    display = current_display()
    with display.step("Registry and promotion") as progress:
        models = read_arms(arms)
        table = with_scores(read_cohort(cohort), signature)
        with display.platform("MLflow"):
            champion = champion_facts(tracking)
        evidence = _evidence(
            models,
            table[table["split"] == Split.TEST.value],
            dataset=dataset,
            protocol=protocol,
            origin=lineage.data_origin,
            champion=champion,
            tracking=tracking,
            n_test_readings=on_test_reading("evidence for a promotion decision"),
        )
        decision = decide(evidence, protocol.promotion, champion)
        with display.platform("MLflow"):
            with registering(tracking, home=home, run_id=run_id, lineage=lineage) as made:
                versions = _register(
                    made,
                    models,
                    read_nomograms(nomograms),
                    protocol=protocol,
                    search=search,
                    refit=refit,
                    signature=signature,
                    decision=decision,
                    card_lineage=card_lineage,
                )
            if decision.is_promoted:
                promote(tracking, versions[-1], home=home, reason=" ".join(decision.reasons))
        progress.note = f"{len(versions)} models registered; gate: {decision.verdict}"
    return {
        "evidence": evidence.model_dump(mode="json"),
        "decision": decision.model_dump(mode="json"),
        "versions": {version.name: version.version for version in versions},
    }


def _evidence(
    models: dict[TreatmentArm, ArmModels],
    test: pd.DataFrame,
    *,
    dataset: Dataset,
    protocol: Protocol,
    origin: DataOrigin,
    champion: ChampionFacts | None,
    tracking: Tracking,
    n_test_readings: int,
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
        champion_version=champion.recommender_version if champion else None,
    )


def _rivals(
    champion: ChampionFacts | None, tracking: Tracking, dataset: Dataset, test: list[str]
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
    nomograms: dict[TreatmentArm, Nomogram],
    *,
    protocol: Protocol,
    search: Result,
    refit: Result,
    signature: Result,
    decision: Decision,
    card_lineage: cards.Lineage,
) -> list[ModelVersion]:
    """Backbone, nomograms and recommender, the recommender last."""
    backbone = made.backbone(
        Path(refit["network_folder"]),
        signature_json=signature["deployed"],
        imaging=protocol.imaging,
        card=cards.backbone_card(
            NetworkCard.model_validate(refit["card"]), _chosen_row(search), card_lineage
        ),
    )
    pinned = {
        arm: made.nomogram(
            nomogram,
            card=cards.nomogram_card(nomogram, models[arm], card_lineage),
            metrics=evaluation_metrics(models[arm]),
        )
        for arm, nomogram in nomograms.items()
    }
    reads_images = state_of(signature) is SignatureState.FITTED
    recommender = made.recommender(
        {arm: (version, nomograms[arm]) for arm, version in pinned.items()},
        backbone=backbone if reads_images else None,
        card=cards.recommender_card(
            {arm: version.version for arm, version in pinned.items()},
            decision,
            card_lineage,
            backbone_version=backbone.version if reads_images else None,
        ),
        tags={"armwise.gate": decision.verdict},
    )
    return [backbone, *pinned.values(), recommender]


def _chosen_row(search: Result) -> BackboneRow:
    _, choice = read_search(search)
    return next(row for row in choice.rows if row.is_chosen)
