"""Training one network, an epoch at a time.

Every epoch of every network seeds torch anew, so that a training that is taken up again at an
epoch's end continues exactly as if it had never stopped.
"""

from dataclasses import dataclass

import torch

from components.networks.backbones import build_network
from components.networks.crops import Crops
from components.networks.device import bfloat16_pays, pick_device, seed_of
from components.networks.frozen_trunk import head_network, is_frozen
from components.networks.labels import Lesson
from components.networks.losses import batch_loss, lesson_logits, log_baseline_hazard
from components.networks.network import Network
from components.networks.records import Configuration
from components.networks.steps import (
    Stepper,
    epoch_norms,
    forget_batch_statistics,
    learning_rate_at,
    make_optimizer,
    split_at_random,
    train_steps,
)
from components.networks.stopping import Stopping
from components.study.protocol.backbone import BackboneSection
from components.study.protocol.search import SearchSection
from components.study.results import Adaptation


@dataclass(frozen=True)
class TrainingPlan:
    """What all networks of a search share.

    `mixed_precision` is what is really done on `device`, which the section only asks for.
    """

    section: BackboneSection
    total_epochs: int
    seed: int
    n_threads: int
    device: str
    mixed_precision: bool


def gpus_of_trial(search: SearchSection) -> float:
    """GPUs, or the share of one, that a trial occupies on this machine; 0 where it has none."""
    return search.gpus_per_trial if pick_device().type == "cuda" else 0.0


def plan_training(search: SearchSection, backbone: BackboneSection, *, seed: int) -> TrainingPlan:
    """The plan of a protocol on this machine.

    bfloat16 is used where it is asked for and the device computes with it.
    """
    device = torch.device("cuda" if gpus_of_trial(search) > 0 else "cpu")
    return TrainingPlan(
        section=backbone,
        total_epochs=search.rungs[-1],
        seed=seed,
        n_threads=search.threads_per_trial,
        device=device.type,
        mixed_precision=backbone.mixed_precision and bfloat16_pays(device),
    )


def precision_adaptations(plan: TrainingPlan) -> tuple[Adaptation, ...]:
    """What is to be said where mixed precision was asked for and is not used."""
    if plan.mixed_precision or not plan.section.mixed_precision:
        return ()
    return (
        Adaptation(
            step="search",
            asked="training in mixed precision",
            done="float32",
            why=f"this {plan.device} has no bfloat16 arithmetic; emulated it is slower",
        ),
    )


@dataclass(eq=False)
class Learner:
    """A network in training. `name` seeds its epochs; `epochs_done` counts them.

    `part_size` is the number of images that the device holds at once, where it is no whole batch.
    With early stopping the weights that count are those of `stopping`.
    """

    name: str
    network: Network
    optimizer: torch.optim.AdamW
    lesson: Lesson
    initialization: str
    epochs_done: int = 0
    part_size: int | None = None
    stopping: Stopping | None = None


def start_learner(
    name: str, configuration: Configuration, lesson: Lesson, *, plan: TrainingPlan
) -> Learner:
    """A network before its first epoch.

    Raises:
        UsageError: The weights file is missing.
        IntegrityError: The weights file is not what it should be.
    """
    seed = seed_of(plan.seed, f"weights of {name}")
    start = head_network if is_frozen(plan.section) else build_network
    network, origin = start(
        configuration.backbone, dropout=configuration.dropout, section=plan.section, seed=seed
    )
    network.to(plan.device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack this pair
    optimizer = make_optimizer(
        network,
        learning_rate=configuration.learning_rate,
        weight_decay=configuration.weight_decay,
        stage_rate_decay=plan.section.stage_rate_decay,
    )
    return Learner(name, network, optimizer, lesson, origin)


def train_epoch(
    learner: Learner, configuration: Configuration, crops: Crops, *, plan: TrainingPlan
) -> float:
    """One pass over the learner's lesson; the mean weighted loss, NaN where it diverged.

    Of a patient with several slices an epoch sees one, drawn anew.
    """
    torch.manual_seed(seed_of(plan.seed, f"epoch {learner.epochs_done} of {learner.name}"))
    learner.network.train()
    batches = split_at_random(len(learner.lesson.rows), plan.section.batch_size)
    rates = [
        learning_rate_at(
            learner.epochs_done + step / len(batches),
            peak=configuration.learning_rate,
            warmup_epochs=plan.section.warmup_epochs,
            total_epochs=plan.total_epochs,
        )
        for step in range(len(batches))
    ]
    stepper = _stepper(learner, configuration, crops, plan=plan)
    forget_batch_statistics(stepper)
    loss = train_steps(stepper, batches, rates)
    learner.part_size = stepper.part_size
    learner.epochs_done += 1
    learner.optimizer.zero_grad(set_to_none=True)  # the other folds' networks need the memory
    _settle_baseline(learner, crops, plan=plan)
    return float(loss)


def _stepper(
    learner: Learner, configuration: Configuration, crops: Crops, *, plan: TrainingPlan
) -> Stepper:
    lesson, smoothing = learner.lesson, configuration.label_smoothing
    return Stepper(
        network=learner.network,
        optimizer=learner.optimizer,
        draw=lambda batch: crops.draw(lesson.rows[batch]),
        loss=lambda logits, batch: batch_loss(logits, lesson, batch, smoothing=smoothing),
        changes=None if is_frozen(plan.section) else plan.section.augment,
        device=plan.device,
        mixed_precision=plan.mixed_precision,
        part_size=learner.part_size,
        norms=epoch_norms(learner.network),
    )


def memory_adaptations(
    learner: Learner, configuration: Configuration, *, plan: TrainingPlan, step: str = "search"
) -> tuple[Adaptation, ...]:
    """What is to be said where the device's memory did not hold whole batches."""
    if learner.part_size is None:
        return ()
    found = min(plan.section.batch_size, len(learner.lesson.rows))
    return (
        Adaptation(
            step=step,
            asked=f"batches of {found} for {configuration.backbone}",
            done=f"gradients accumulated over {learner.part_size} images at a time; batch norm "
            "sees as many",
            why=f"the {plan.device}'s memory did not hold more",
        ),
    )


def _settle_baseline(learner: Learner, crops: Crops, *, plan: TrainingPlan) -> None:
    """Let a network of Cox' likelihood keep the baseline hazard of the patients it learns from."""
    lesson, network = learner.lesson, learner.network
    if network.log_baseline_hazard is None or lesson.follow_up is None:
        return
    said = lesson_logits(network, lesson, crops, mixed_precision=plan.mixed_precision)
    predictors = said.double().cpu().numpy()
    network.log_baseline_hazard.fill_(log_baseline_hazard(predictors, lesson.follow_up))
