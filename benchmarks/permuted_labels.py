"""Labels permuted: what the backbones' search finds where there is nothing to find.

Survival is permuted among the patients of each arm, or among all. Heads are trained on the features
of a frozen trunk, which are computed once. In the training part of each outer fold the whole
selection is made anew, by the code of the nested cross-validation that a report shows: every
configuration is cross-validated, the best is refitted, and the patients left out are scored by it.
Had any of them taught a network, stopped its training or helped to choose a configuration, the mean
AUC would leave 0.5.

The same without permutation shows that the path finds what is there.

Run `python -m benchmarks permuted_labels`. The exit status is 1 where a mean over the permutations
lies outside 0.48 to 0.52.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from typing import Literal

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.simulated import simulated_protocol
from components.networks.configurations import draw_configurations
from components.networks.device import training_thread
from components.networks.nested import OuterFold, Setting, select_and_score
from components.networks.retraining import inputs_of
from components.networks.training import plan_training
from components.networks.training_set import TrainingSet
from components.networks.tuning import plan_tuning
from components.study.protocol import Protocol
from components.study.vocabulary import TreatmentArm
from components.survival.folds import draw_folds
from components.survival.ipcw import risk_labels
from components.survival.target import FloatArray, IntArray, SurvivalTarget

BACKBONE = "resnet18"
SIZES = {TreatmentArm.HEPATECTOMY: 110, TreatmentArm.TACE: 90}
MEDIAN_DAYS = {TreatmentArm.HEPATECTOMY: 1500.0, TreatmentArm.TACE: 800.0}
PX = 32
PERMUTATIONS = 300
OUTER_FOLDS = 3
BOUNDS = (0.48, 0.52)

Where = Literal["within arms", "across arms", "nowhere"]
PLACES: tuple[Where, ...] = ("within arms", "across arms")
Key = tuple[Where, TreatmentArm]
"""Where labels are permuted, and the arm whose patients are judged."""


@dataclass(frozen=True, eq=False)
class Permuted:
    """One permutation of some patients; it can be sent to another process.

    `setting` holds the patients with their survival in place and the trunk's features of them.
    """

    setting: Setting
    where: Where
    number: int


def permutation_protocol() -> Protocol:
    """The sound protocol with one backbone, a frozen trunk and a short search."""
    protocol = simulated_protocol()
    space = protocol.search.space.model_copy(update={"learning_rate": (1e-2, 1e-1)})
    search = protocol.search.model_copy(
        update={
            "folds": 3,
            "configurations": 2,
            "rungs": (3,),
            "space": space,
            "gpus_per_trial": 0.0,
            "cpus_per_trial": 1.0,
            "threads_per_trial": 1,
        }
    )
    backbone = protocol.backbone.model_copy(
        update={
            "names": (BACKBONE,),
            "weights": "random",
            "weights_dir": None,
            "training": "frozen_trunk",
            "warmup_epochs": 0.0,
            "batch_size": 64,
            "mixed_precision": False,
        }
    )
    evaluation = protocol.evaluation.model_copy(
        update={"minimum_events_before": 5, "minimum_at_risk_after": 5}
    )
    return protocol.model_copy(
        update={"search": search, "backbone": backbone, "evaluation": evaluation}
    )


def draw_patients(rng: np.random.Generator) -> TrainingSet:
    """Patients whose images show their arm and, as a ring that brightens, their own risk."""
    arms = np.repeat([arm.value for arm in SIZES], list(SIZES.values()))
    n = arms.size
    latent = rng.normal(size=n)
    medians = np.array([MEDIAN_DAYS[TreatmentArm(arm)] for arm in arms])
    dies = medians / np.log(2.0) * rng.exponential(size=n) * np.exp(-1.2 * latent)
    leaves = rng.uniform(700.0, 3650.0, n)
    crops = rng.standard_normal(size=(n, 3, PX, PX), dtype=np.float32)
    rows, columns = np.mgrid[:PX, :PX] - PX / 2
    ring = np.exp(-(((np.hypot(rows, columns) - PX / 4) / 3) ** 2)).astype(np.float32)
    crops[:, 0] += 1.5 * latent.astype(np.float32)[:, None, None] * ring
    crops[arms == TreatmentArm.TACE.value, 1] += ring
    return TrainingSet(
        patient_ids=tuple(f"P{i:04d}" for i in range(n)),
        crops=crops,
        target=SurvivalTarget.of(np.minimum(dies, leaves) + 1.0, dies <= leaves),
        arms=arms,
        fold_of=np.zeros(n, dtype=np.int64),
    )


def settle(patients: TrainingSet, protocol: Protocol) -> Setting:
    """What all permutations share, the features of the frozen trunk among it."""
    plan = plan_training(protocol.search, protocol.backbone, seed=protocol.study.seed)
    return Setting(
        patients=patients,
        inputs=inputs_of(patients, plan),
        configurations=draw_configurations(protocol.search, protocol.backbone, protocol.study.seed),
        inner_folds=protocol.search.folds,
        plan=plan,
        tuning=plan_tuning(
            patients.target,
            patients.arms,
            horizon_days=protocol.label.horizon_days,
            evaluation=protocol.evaluation,
        ),
        label=protocol.label,
        evaluation=protocol.evaluation,
        backbone=protocol.backbone,
        seed=protocol.study.seed,
    )


def permuted(patients: TrainingSet, where: Where, rng: np.random.Generator) -> TrainingSet:
    """The patients with survival permuted, each time with its death or censoring."""
    order = np.arange(patients.target.n)
    groups = [order] if where == "across arms" else []
    if where == "within arms":
        groups = [np.flatnonzero(patients.arms == arm) for arm in np.unique(patients.arms)]
    for rows in groups:
        order[rows] = rng.permutation(rows)
    return replace(patients, target=patients.target.subset(order))


def outer_figures(one: Permuted) -> dict[Key, float]:
    """Mean AUC over the outer folds of one permutation, within each arm."""
    rng = np.random.default_rng([2026, one.number, len(one.where)])
    setting = replace(
        one.setting,
        patients=permuted(one.setting.patients, one.where, rng),
        seed=int(rng.integers(2**31)),
    )
    fold_of = _folds(setting, rng)
    found: dict[Key, list[float]] = {}
    with training_thread(1):
        for fold in range(OUTER_FOLDS):
            outcome = select_and_score(setting, OuterFold(f"outer {fold}", fold_of == fold))
            for arm, value in outcome.by_arm.items():
                if value is not None:
                    found.setdefault((one.where, arm), []).append(value)
    return {key: float(np.mean(values)) for key, values in found.items()}


def _folds(setting: Setting, rng: np.random.Generator) -> IntArray:
    patients = setting.patients
    labels = risk_labels(patients.target, setting.label.horizon_days)
    names = np.char.add(patients.arms, labels.astype(str))
    return draw_folds(np.unique(names, return_inverse=True)[1], n_folds=OUTER_FOLDS, rng=rng)


def measure(
    n_permutations: int, *, workers: int = 1, places: Sequence[Where] = PLACES
) -> dict[Key, FloatArray]:
    """The figures (n_permutations,) of each kind of permutation; of none, over drawn folds."""
    protocol = permutation_protocol()
    setting = settle(draw_patients(np.random.default_rng(2026)), protocol)
    tasks = [
        Permuted(setting, where, number) for where in places for number in range(n_permutations)
    ]
    results = list(_run(tasks, workers))
    keys = dict.fromkeys(key for one in results for key in one)
    return {key: np.array([one[key] for one in results if key in one]) for key in keys}


def _run(tasks: list[Permuted], workers: int) -> Iterator[dict[Key, float]]:
    if workers == 1:
        yield from map(outer_figures, tasks)
        return
    # A forked child of a process that has loaded torch can hang.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from track(pool.map(outer_figures, tasks), "Permutations", total=len(tasks))


def is_expected(key: Key, values: FloatArray) -> bool:
    """Whether the mean lies within the bounds; with labels in place, above them."""
    mean = float(values.mean())
    return mean > BOUNDS[1] if key[0] == "nowhere" else BOUNDS[0] <= mean <= BOUNDS[1]


def show(found: dict[Key, FloatArray], console: Console) -> None:
    """A row for each kind of permutation and arm."""
    table = Table(title="Labels permuted: mean outer AUC of the searched networks")
    for column in ("Permuted", "Arm", "Mean", "SE", "SD of one", "n", ""):
        table.add_column(column)
    for (where, arm), values in sorted(found.items()):
        sd = float(values.std(ddof=1))
        table.add_row(
            where,
            arm.label,
            f"{values.mean():.4f}",
            f"{sd / np.sqrt(values.size):.4f}",
            f"{sd:.3f}",
            str(values.size),
            "holds" if is_expected((where, arm), values) else "does not hold",
        )
    console.print(table)


def main() -> int:
    """Measure, show, and say by the exit status whether every mean lies where it should."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--permutations", type=int, default=PERMUTATIONS)
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread each")
    arguments = parser.parse_args()
    found = measure(arguments.permutations, workers=arguments.workers)
    found |= measure(10, workers=arguments.workers, places=("nowhere",))
    show(found, Console(width=110))
    return 0 if all(is_expected(key, values) for key, values in found.items()) else 1


if __name__ == "__main__":
    sys.exit(main())
