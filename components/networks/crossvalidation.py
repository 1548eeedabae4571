"""The fold networks of one configuration, trained in lock-step, and their out-of-fold scores."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from components.errors import IntegrityError
from components.networks.backbones import Network
from components.networks.crops import Crops
from components.networks.features import predict_rows
from components.networks.frozen_trunk import whole_networks
from components.networks.labels import Lesson
from components.networks.records import Configuration
from components.networks.training import Learner, TrainingPlan, start_learner, train_epoch
from components.networks.weights import read_tensors, save_network, save_tensors
from components.study.results import Adaptation
from components.survival.target import FloatArray, IntArray


@dataclass(eq=False)
class CrossValidation:
    """One network a fold; each learns from the other folds' patients and scores its own.

    `fold_of` (n,) numbers the patients' folds. A fold's patients never decide how long the network
    that scores them is trained: all train for the same fixed epochs.
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
        losses = [
            train_epoch(learner, self.configuration, self.crops, plan=self.plan)
            for learner in self.learners
        ]
        return float(np.mean(losses))

    def scores(self) -> FloatArray:
        """Out-of-fold probabilities of high risk (n,), NaN where training diverged."""
        scores = np.full(len(self.fold_of), np.nan)
        for fold, learner in enumerate(self.learners):
            rows = np.flatnonzero(self.fold_of == fold)
            predictions = predict_rows(
                learner.network, self.crops, rows, mixed_precision=self.plan.mixed_precision
            )
            scores[rows] = predictions.probability
        return scores

    def adaptations(self) -> tuple[Adaptation, ...]:
        """Where training departs from the protocol, before a pause too."""
        return self.said_before

    def save(self, folder: Path, *, to_continue: bool) -> tuple[Path, ...]:
        """Write the networks, and the optimizers where training goes on; the networks' files.

        Where the trunk is frozen it is written with its heads at the end only.
        """
        paths = []
        networks: Iterable[Network] = [learner.network for learner in self.learners]
        if not to_continue:
            networks = whole_networks(
                [learner.network for learner in self.learners],
                self.configuration.backbone,
                section=self.plan.section,
                seed=self.plan.seed,
            )
        for fold, (learner, network) in enumerate(zip(self.learners, networks, strict=True)):
            paths.append(folder / f"fold-{fold}.safetensors")
            save_network(network, paths[-1])
            if to_continue:
                save_tensors(_optimizer_state(learner), folder / f"optimizer-{fold}.safetensors")
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
        start_learner(f"{configuration.key} fold {fold}", configuration, lesson, plan=plan)
        for fold, lesson in enumerate(lessons)
    )
    return CrossValidation(configuration, learners, fold_of, crops, plan)


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
