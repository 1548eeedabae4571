"""The fold networks of one configuration, trained in lock-step, and their out-of-fold scores."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from components.errors import IntegrityError
from components.networks.crops import Crops
from components.networks.device import seed_of
from components.networks.features import predict_rows
from components.networks.frozen_trunk import whole_networks
from components.networks.labels import Lesson
from components.networks.network import Network
from components.networks.records import Configuration
from components.networks.stopping import Stopping, each_at_its_best, look, split_lesson
from components.networks.training import (
    Learner,
    TrainingPlan,
    memory_adaptations,
    start_learner,
    train_epoch,
)
from components.networks.weights import read_tensors, save_network, save_tensors
from components.study.results import Adaptation
from components.survival.target import FloatArray, IntArray


@dataclass(eq=False)
class CrossValidation:
    """One network a fold; each learns from the other folds' patients and scores its own.

    `fold_of` (n,) numbers the patients' folds. A fold's patients never decide how long the network
    that scores them is trained: all train for the same fixed epochs, or each is stopped by patients
    of its own training part, whom it then does not learn from.
    """

    configuration: Configuration
    learners: tuple[Learner, ...]
    fold_of: IntArray
    crops: Crops
    plan: TrainingPlan
    said_before: tuple[Adaptation, ...] = ()

    @property
    def epochs_done(self) -> int:
        """Epochs that every fold network has been trained."""
        return self.learners[0].epochs_done

    def train_epoch(self) -> float:
        """Train every fold network for an epoch; the mean of their losses."""
        losses = []
        for learner in self.learners:
            losses.append(train_epoch(learner, self.configuration, self.crops, plan=self.plan))
            if learner.stopping is not None:
                look(
                    learner.stopping,
                    learner.network,
                    self.crops,
                    epoch=learner.epochs_done,
                    mixed_precision=self.plan.mixed_precision,
                )
        return float(np.mean(losses))

    @property
    def stopped_epochs(self) -> tuple[int, ...]:
        """The epoch whose weights count, of each fold; nothing without early stopping."""
        found = (learner.stopping for learner in self.learners)
        return tuple(max(stopping.epoch, 1) for stopping in found if stopping is not None)

    def _each_at_its_best(self) -> Iterator[Network]:
        return each_at_its_best((learner.network, learner.stopping) for learner in self.learners)

    def scores(self) -> FloatArray:
        """Out-of-fold probabilities of high risk (n,), NaN where training diverged."""
        scores = np.full(len(self.fold_of), np.nan)
        for fold, network in enumerate(self._each_at_its_best()):
            rows = np.flatnonzero(self.fold_of == fold)
            predictions = predict_rows(
                network, self.crops, rows, mixed_precision=self.plan.mixed_precision
            )
            scores[rows] = predictions.probability
        return scores

    def adaptations(self) -> tuple[Adaptation, ...]:
        """Where training departs from the protocol, before a pause too."""
        said = dict.fromkeys(self.said_before)
        for learner in self.learners:
            said |= dict.fromkeys(memory_adaptations(learner, self.configuration, plan=self.plan))
        return tuple(said)

    def save(self, folder: Path, *, to_continue: bool) -> tuple[Path, ...]:
        """Write the networks, and the optimizers where training goes on; the networks' files.

        Where the trunk is frozen it is written with its heads at the end only.
        """
        paths = []
        networks = self._each_at_its_best()
        if not to_continue:
            networks = whole_networks(
                networks,
                self.configuration.backbone,
                section=self.plan.section,
                seed=self.plan.seed,
            )
        for fold, network in enumerate(networks):
            paths.append(folder / f"fold-{fold}.safetensors")
            save_network(network, paths[-1])
        for fold, learner in enumerate(self.learners if to_continue else ()):
            save_tensors(_optimizer_state(learner), folder / f"optimizer-{fold}.safetensors")
            if learner.stopping is not None:
                save_tensors(_in_training(learner), folder / f"training-{fold}.safetensors")
        return tuple(paths)

    def load(self, folder: Path, *, epochs_done: int) -> None:
        """Take training up again where `save` left it.

        Raises:
            IntegrityError: A file is missing, damaged, or of another network.
        """
        for fold, learner in enumerate(self.learners):
            state = read_tensors(folder / f"fold-{fold}.safetensors")
            moments = read_tensors(folder / f"optimizer-{fold}.safetensors")
            try:
                learner.network.load_state_dict(state)
                if learner.stopping is not None:
                    _restore(learner, read_tensors(folder / f"training-{fold}.safetensors"))
                _restore_optimizer(learner, moments)
            except (RuntimeError, KeyError, ValueError) as error:
                msg = f"{folder}: expected the state of {learner.name}, it holds another's"
                raise IntegrityError(msg) from error
            learner.epochs_done = epochs_done


def start_crossvalidation(
    configuration: Configuration,
    *,
    crops: Crops,
    fold_of: IntArray,
    lessons: tuple[Lesson, ...],
    plan: TrainingPlan,
) -> CrossValidation:
    """The fold networks of a configuration before their first epoch.

    Raises:
        UsageError: An ImageNet file is missing.
        IntegrityError: An ImageNet file is not what it should be.
    """
    learners = tuple(
        _start_fold(fold, configuration, lesson, plan=plan) for fold, lesson in enumerate(lessons)
    )
    return CrossValidation(configuration, learners, fold_of, crops, plan)


def _start_fold(
    fold: int, configuration: Configuration, lesson: Lesson, *, plan: TrainingPlan
) -> Learner:
    name = f"{configuration.key} fold {fold}"
    if plan.section.stopping == "fixed_epochs":
        return start_learner(name, configuration, lesson, plan=plan)
    seed = seed_of(plan.seed, f"held back within fold {fold}")
    taught, held_back = split_lesson(lesson, share=plan.section.inner_share, seed=seed)
    learner = start_learner(name, configuration, taught, plan=plan)
    learner.stopping = Stopping(held_back)
    return learner


def _in_training(learner: Learner) -> dict[str, Tensor]:
    """The weights in training, and when and how well the ones that count did."""
    best = learner.stopping
    if best is None:
        raise ValueError(learner.name)
    return {
        **learner.network.state_dict(),
        "best.loss": torch.tensor(best.loss, dtype=torch.float64),
        "best.epoch": torch.tensor(best.epoch),
    }


def _restore(learner: Learner, tensors: dict[str, Tensor]) -> None:
    """The contrary of `_in_training`; the network holds the weights that count."""
    best = learner.stopping
    if best is None:
        raise ValueError(learner.name)
    best.loss = float(tensors.pop("best.loss"))
    best.epoch = int(tensors.pop("best.epoch"))
    if best.epoch:
        best.weights = {key: value.clone() for key, value in learner.network.state_dict().items()}
    learner.network.load_state_dict(tensors)


_STATE_KEY = re.compile(r"(\d+)\.(\w+)")


def _optimizer_state(learner: Learner) -> dict[str, Tensor]:
    """AdamW's moments and step counts, keyed `<parameter>.<name>`."""
    state = learner.optimizer.state_dict()["state"]
    return {
        f"{number}.{name}": value for number, part in state.items() for name, value in part.items()
    }


def _restore_optimizer(learner: Learner, tensors: dict[str, Tensor]) -> None:
    parts: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        match = _STATE_KEY.fullmatch(key)
        if match is None:
            raise KeyError(key)
        # The moments lie in memory as the weights do, else every step would have to turn them.
        moved = value if value.ndim != 4 else value.contiguous(memory_format=torch.channels_last)
        parts.setdefault(int(match[1]), {})[match[2]] = moved
    groups = learner.optimizer.state_dict()["param_groups"]
    learner.optimizer.load_state_dict({"state": parts, "param_groups": groups})
