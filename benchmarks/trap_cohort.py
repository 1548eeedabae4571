"""Patients whose images show which treatment they had, and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.simulated import simulated_protocol
from components.cohort.endpoint import survival_target
from components.cohort.splitting import assign_folds
from components.networks.training_set import TrainingSet
from components.study.protocol import Protocol
from components.study.randomness import step_seed
from components.study.vocabulary import Split, TreatmentArm
from components.survival.ipcw import risk_labels

HORIZON_DAYS = 1095
DEAD_BY_HORIZON: Mapping[TreatmentArm, float] = {
    TreatmentArm.HEPATECTOMY: 0.3,
    TreatmentArm.TACE: 0.7,
}
"""With arms of equal size the arm alone has an AUC of (1 + 0.7 - 0.3) / 2 = 0.7."""
FOLLOWED_DAYS = (700.0, 3650.0)
N_TRAIN, N_TEST = 4000, 1000


@dataclass(frozen=True)
class Size:
    """How large a trap is, and what is trained in it."""

    n_train: int = N_TRAIN
    n_test: int = N_TEST
    px: int = 32
    configurations: int = 2
    epochs: int = 4
    training: Literal["fine_tune", "frozen_trunk"] = "frozen_trunk"
    learning_rates: tuple[float, float] = (3e-3, 1e-2)


@dataclass(frozen=True, eq=False)
class Trap:
    """Patients of both arms: their clinical table with `split`, and crops (n, 3, px, px)."""

    table: pd.DataFrame
    crops: NDArray[np.float32]

    def side(self, split: Split) -> NDArray[np.bool_]:
        """Which patients (n,) are on a side."""
        return (self.table["split"] == split.value).to_numpy()


def draw_trap(size: Size, *, seed: int) -> Trap:
    """Patients whose images carry the arm alone: a ring that brightens after TACE, in noise.

    Survival is exponential with the arm's own hazard. Neither image nor predictor knows more.
    """
    rng = np.random.default_rng(step_seed(seed, "arm trap"))
    n = size.n_train + size.n_test
    arms = np.array([arm.value for arm in TreatmentArm])[rng.permutation(np.arange(n) % 2)]
    dead = np.array([DEAD_BY_HORIZON[TreatmentArm(arm)] for arm in arms])
    dies = rng.exponential(-HORIZON_DAYS / np.log(1.0 - dead))
    leaves = rng.uniform(*FOLLOWED_DAYS, n)
    table = pd.DataFrame(
        {
            "arm": arms,
            "os_days": np.minimum(dies, leaves) + 1.0,
            "death": (dies <= leaves).astype(int),
            "cirrhosis": np.where(rng.random(n) < 0.4, "present", "absent"),
            "tumor_diameter_cm": 7.0 + 2.0 * rng.normal(size=n),
            "split": np.where(np.arange(n) < size.n_train, Split.TRAIN.value, Split.TEST.value),
        },
        index=pd.Index([f"P{i:05d}" for i in range(n)], name="patient_id"),
    )
    crops = rng.standard_normal(size=(n, 3, size.px, size.px), dtype=np.float32)
    crops[arms == TreatmentArm.TACE.value] += 2.0 * _ring(size.px)
    return Trap(table, crops)


def _ring(px: int) -> NDArray[np.float32]:
    rows, columns = np.mgrid[:px, :px] - px / 2
    return np.exp(-(((np.hypot(rows, columns) - px / 4) / 3) ** 2)).astype(np.float32)


def trap_protocol(size: Size, *, seed: int) -> Protocol:
    """The sound protocol with one small backbone, a short search, and predictors of no meaning."""
    protocol = simulated_protocol()
    search = protocol.search.model_copy(
        update={
            "space": protocol.search.space.model_copy(
                update={"learning_rate": size.learning_rates}
            ),
            "folds": 3,
            "configurations": size.configurations,
            "rungs": (size.epochs,),
            "gpus_per_trial": 0.0,
            "cpus_per_trial": 1.0,
            "threads_per_trial": 1,
        }
    )
    backbone = protocol.backbone.model_copy(
        update={
            "names": ("resnet18",),
            "weights": "random",
            "weights_dir": None,
            "training": size.training,
            "warmup_epochs": 0.0,
            "batch_size": 64,
        }
    )
    study = protocol.study.model_copy(update={"seed": seed})
    return protocol.model_copy(update={"study": study, "search": search, "backbone": backbone})


def training_set(trap: Trap, protocol: Protocol) -> TrainingSet:
    """The training patients, folds stratified by arm and label as in a run."""
    inside = trap.side(Split.TRAIN)
    table = trap.table[inside]
    target = survival_target(table)
    labels = risk_labels(target, protocol.label.horizon_days).astype(str)
    folds, _ = assign_folds(
        table["arm"] + "/" + pd.Series(labels, index=table.index),
        n_folds=protocol.search.folds,
        rng=np.random.default_rng(step_seed(protocol.study.seed, "folds")),
    )
    return TrainingSet(
        patient_ids=tuple(table.index),
        crops=trap.crops[inside],
        target=target,
        arms=table["arm"].to_numpy(dtype=np.str_),
        fold_of=folds.to_numpy(dtype=np.int64),
    )
