"""The networks after the search: the refit that is deployed, and the fold networks asked again."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from components.errors import FitFailed
from components.networks.backbones import feature_layer
from components.networks.bundle import CARD_FILE, WEIGHTS_FILE
from components.networks.device import training_thread
from components.networks.features import Predictions, predict
from components.networks.frozen_trunk import whole_networks
from components.networks.labels import lesson
from components.networks.network import Network
from components.networks.records import Configuration, NetworkCard, TrialResult
from components.networks.stopping import refit_epochs
from components.networks.training import (
    TrainingPlan,
    memory_adaptations,
    start_learner,
    train_epoch,
)
from components.networks.training_set import TrainingSet
from components.networks.trunk_features import network_inputs
from components.networks.weights import load_network_weights, save_network
from components.study.protocol.label import LabelSection
from components.study.results import ArtifactRef


def refit(
    patients: TrainingSet,
    configuration: Configuration,
    *,
    label: LabelSection,
    plan: TrainingPlan,
    imaging_hash: str,
    channels: tuple[str, ...],
    folder: Path,
    stopped_epochs: Sequence[int] = (),
) -> NetworkCard:
    """Train the chosen configuration on all training patients and write it as a bundle.

    The training runs along the same schedule as the search's and is as long; where the folds'
    networks were stopped early, as long as the median of them.

    Args:
        patients: The training patients; their folds play no part.
        configuration: What the search has chosen.
        label: Protocol section.
        plan: As `plan_training` gives it for the search's sections.
        imaging_hash: Of the protocol section that made the crops.
        channels: What the crops' channels are.
        folder: Where the bundle is written; an older bundle there is replaced.
        stopped_epochs: The trial's.

    Raises:
        FitFailed: The patients share one label, or training diverged.
        UsageError: The ImageNet file is missing.
        IntegrityError: The ImageNet file is not what it should be.
    """
    everyone = lesson(
        patients.target,
        patients.arms,
        seen=np.ones(patients.target.n, dtype=np.bool_),
        section=label,
        loss=plan.section.loss,
        learner="the refit",
    )
    loss = math.nan
    with training_thread(plan.n_threads):
        learner = start_learner(f"{configuration.key} refit", configuration, everyone, plan=plan)
        source = network_inputs(configuration.backbone, patients.crops, plan=plan)
        for _ in range(refit_epochs(stopped_epochs, total=plan.total_epochs)):
            loss = train_epoch(learner, configuration, source, plan=plan)
    _require_converged(learner.network, configuration, loss)
    (network,) = whole_networks(
        [learner.network], configuration.backbone, section=plan.section, seed=plan.seed
    )
    save_network(network, folder / WEIGHTS_FILE)
    digest = ArtifactRef.of(folder / WEIGHTS_FILE).sha256
    features = feature_layer(plan.section, configuration.backbone)
    card = NetworkCard(
        network_id=network_id(configuration, "refit", weights_sha256=digest),
        configuration=configuration,
        feature_layer=features.layer,
        width=features.width,
        crop_px=patients.crops.shape[-1],
        channels=channels,
        imaging_hash=imaging_hash,
        initialization=learner.initialization,
        epochs=learner.epochs_done,
        seed=plan.seed,
        n_patients=len(everyone.rows),
        train_loss=loss if math.isfinite(loss) else None,
        weights_sha256=digest,
        loss=plan.section.loss,
        adaptations=memory_adaptations(learner, configuration, plan=plan, step="refit"),
    )
    (folder / CARD_FILE).write_text(card.to_json(), encoding="utf-8")
    return card


def _require_converged(network: Network, configuration: Configuration, loss: float) -> None:
    """Refuse a network of which nothing can be asked: it would be deployed."""
    if math.isfinite(loss) and all(bool(one.isfinite().all()) for one in network.parameters()):
        return
    msg = (
        f"the refit of {configuration.key} on all training patients diverged (learning rate "
        f"{configuration.learning_rate:.2e}), though its cross-validation did not; lower "
        "search.space.learning_rate or lengthen backbone.warmup_epochs"
    )
    raise FitFailed(msg)


def network_id(configuration: Configuration, role: str, *, weights_sha256: str) -> str:
    """The name of a trained network, for example `resnet18-2/fold-0/1a2b3c4d`."""
    return f"{configuration.key}/{role}/{weights_sha256[:8]}"


def fold_predictions(
    trial: TrialResult, crops: NDArray[np.float32], *, device: torch.device
) -> dict[str, Predictions]:
    """What each fold network of a finished trial says of all training patients, by network id.

    The features of two networks have nothing in common but their width: never stack them.

    Raises:
        IntegrityError: A weights file is missing or not as recorded.
    """
    found = {}
    for fold, reference in enumerate(trial.fold_networks):
        network = load_network_weights(
            reference.verified(),
            backbone=trial.configuration.backbone,
            dropout=trial.configuration.dropout,
            device=device,
        )
        name = network_id(trial.configuration, f"fold-{fold}", weights_sha256=reference.sha256)
        found[name] = predict(network, crops)
    return found
