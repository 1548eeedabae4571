"""Labels permuted: what the backbones' search finds where there is nothing to find.

Survival is permuted among the patients of each arm, or among all. Heads are trained on the features
of a frozen trunk, which are computed once. In the training part of each outer fold the whole search
is gone anew: every configuration is cross-validated, the one with the best tuning target is
refitted, and the patients left out are scored by it. Had any of them taught a network, stopped its
training or helped to choose among configurations, the mean AUC would leave 0.5.

The same without permutation shows that the path finds what is there.

Run `python -m benchmarks permuted_labels`. The exit status is 1 where a mean over the permutations
lies outside 0.48 to 0.52.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.simulated import simulated_protocol
from components.networks.configurations import draw_configurations
from components.networks.crossvalidation import start_crossvalidation
from components.networks.device import training_thread
from components.networks.features import predict_rows
from components.networks.labels import fold_lessons, lesson
from components.networks.records import Configuration
from components.networks.training import TrainingPlan, plan_training, start_learner, train_epoch
from components.networks.trunk_features import network_inputs, trunk_features
from components.networks.tuning import arm_figures, mean_figure, plan_tuning
from components.study.protocol import Protocol
from components.study.vocabulary import TreatmentArm
from components.survival.discrimination import auc_ipcw
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
Key = tuple[Where, str]
"""Where labels are permuted, and an arm or `pooled`."""


@dataclass(frozen=True, eq=False)
class Patients:
    """n patients: features (n, F) of a frozen trunk, follow-up, arms (n,)."""

    features: NDArray[np.float32]
    target: SurvivalTarget
    arms: NDArray[np.str_]

    def rows(self, where: IntArray) -> "Patients":
        """Some of the patients."""
        return Patients(self.features[where], self.target.subset(where), self.arms[where])


@dataclass(frozen=True, eq=False)
class Permuted:
    """One permutation of some patients; it can be sent to another process."""

    patients: Patients
    protocol: Protocol
    where: Where
    number: int


def permutation_protocol() -> Protocol:
    """The sound protocol with one backbone, a frozen trunk and a short search."""
    protocol = simulated_protocol()
    space = protocol.search.space.model_copy(update={"learning_rate": (1e-3, 3e-2)})
    search = protocol.search.model_copy(
        update={
            "folds": 3,
            "configurations": 3,
            "rungs": (4,),
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
            "batch_size": 32,
            "mixed_precision": False,
        }
    )
    evaluation = protocol.evaluation.model_copy(
        update={"minimum_events_before": 5, "minimum_at_risk_after": 5}
    )
    return protocol.model_copy(
        update={"search": search, "backbone": backbone, "evaluation": evaluation}
    )


def draw_patients(protocol: Protocol, rng: np.random.Generator) -> Patients:
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
    plan = plan_training(protocol.search, protocol.backbone, seed=protocol.study.seed)
    return Patients(
        trunk_features(BACKBONE, crops, plan=plan),
        SurvivalTarget.of(np.minimum(dies, leaves) + 1.0, dies <= leaves),
        arms,
    )


def permuted(patients: Patients, where: Where, rng: np.random.Generator) -> Patients:
    """The patients with survival permuted, each time with its death or censoring."""
    order = np.arange(patients.target.n)
    groups = [order] if where == "across arms" else []
    if where == "within arms":
        groups = [np.flatnonzero(patients.arms == arm) for arm in np.unique(patients.arms)]
    for rows in groups:
        order[rows] = rng.permutation(rows)
    return Patients(patients.features, patients.target.subset(order), patients.arms)


def outer_figures(one: Permuted) -> dict[Key, float]:
    """Mean AUC over the outer folds of one permutation, within each arm and pooled."""
    rng = np.random.default_rng([2026, one.number, len(one.where)])
    patients = permuted(one.patients, one.where, rng)
    fold_of = _folds(patients, OUTER_FOLDS, one.protocol, rng)
    found: dict[Key, list[float]] = {}
    with training_thread(1):
        for fold in range(OUTER_FOLDS):
            held_out = np.flatnonzero(fold_of == fold)
            scores = outer_scores(
                patients, np.flatnonzero(fold_of != fold), held_out, one.protocol, rng
            )
            for name, value in _judged(patients.rows(held_out), scores, one.protocol).items():
                found.setdefault((one.where, name), []).append(value)
    return {key: float(np.mean(values)) for key, values in found.items()}


def _folds(
    patients: Patients, n_folds: int, protocol: Protocol, rng: np.random.Generator
) -> IntArray:
    labels = risk_labels(patients.target, protocol.label.horizon_days)
    names = np.char.add(patients.arms, labels.astype(str))
    return draw_folds(np.unique(names, return_inverse=True)[1], n_folds=n_folds, rng=rng)


def outer_scores(
    patients: Patients,
    train: IntArray,
    held_out: IntArray,
    protocol: Protocol,
    rng: np.random.Generator,
) -> FloatArray:
    """Probabilities (m,) of the patients left out, by the winner of a search among the others."""
    seed = int(rng.integers(2**31))
    plan = plan_training(protocol.search, protocol.backbone, seed=seed)
    part = patients.rows(train)
    configurations = draw_configurations(protocol.search, protocol.backbone, seed)
    targets = _tuning_targets(part, configurations, protocol, plan, rng)
    chosen = configurations[int(np.argmax(targets))]
    everyone = lesson(
        part.target, part.arms, seen=np.ones(part.target.n, dtype=bool), section=protocol.label
    )
    learner = start_learner(f"{chosen.key} refit", chosen, everyone, plan=plan)
    inputs = _inputs(part, plan)
    for _ in range(plan.total_epochs):
        train_epoch(learner, chosen, inputs, plan=plan)
    unseen = _inputs(patients.rows(held_out), plan)
    said = predict_rows(learner.network, unseen, np.arange(held_out.size), mixed_precision=False)
    return said.probability


def _inputs(patients: Patients, plan: TrainingPlan):
    features = patients.features
    return network_inputs(BACKBONE, features, plan=plan, trunks={BACKBONE: features})


def _tuning_targets(
    part: Patients,
    configurations: Sequence[Configuration],
    protocol: Protocol,
    plan: TrainingPlan,
    rng: np.random.Generator,
) -> list[float]:
    """The tuning target of each configuration, by cross-validation among these patients."""
    label = protocol.label
    fold_of = _folds(part, protocol.search.folds, protocol, rng)
    tuning = plan_tuning(
        part.target,
        part.arms,
        horizon_days=label.horizon_days,
        evaluation=protocol.evaluation,
    )
    lessons = fold_lessons(part.target, part.arms, fold_of=fold_of, section=label)
    targets = []
    for configuration in configurations:
        run = start_crossvalidation(
            configuration,
            crops=_inputs(part, plan),
            fold_of=fold_of,
            lessons=lessons,
            plan=plan,
        )
        for _ in range(plan.total_epochs):
            run.train_epoch()
        figures = arm_figures(tuning, part.target, part.arms, run.scores(), level=0.95)
        targets.append(mean_figure(list(figures.values())) or 0.0)
    return targets


def _judged(held_out: Patients, scores: FloatArray, protocol: Protocol) -> dict[str, float]:
    parts = {arm: held_out.arms == arm for arm in np.unique(held_out.arms)}
    parts["pooled"] = np.ones(scores.size, dtype=bool)
    estimates = {
        name: auc_ipcw(
            held_out.target.subset(inside),
            scores[inside],
            horizon_days=protocol.label.horizon_days,
        )
        for name, inside in parts.items()
    }
    return {name: one.value for name, one in estimates.items() if one.value is not None}


def measure(
    n_permutations: int, *, workers: int = 1, places: Sequence[Where] = PLACES
) -> dict[Key, FloatArray]:
    """The figures (n_permutations,) of each kind of permutation; of none, over drawn folds."""
    protocol = permutation_protocol()
    patients = draw_patients(protocol, np.random.default_rng(2026))
    tasks = [
        Permuted(patients, protocol, where, number)
        for where in places
        for number in range(n_permutations)
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
    """Whether the mean lies within the bounds.

    Pooled over arms a permutation within arms leaves what the arm alone knows: no bound there.
    """
    where, part = key
    mean = float(values.mean())
    if where == "nowhere":
        return mean > BOUNDS[1] or part == "pooled"
    if where == "within arms" and part == "pooled":
        return True
    return BOUNDS[0] <= mean <= BOUNDS[1]


def show(found: dict[Key, FloatArray], console: Console) -> None:
    """A row for each kind of permutation and arm."""
    table = Table(title="Labels permuted: mean outer AUC of the searched networks")
    for column in ("Permuted", "Patients", "Mean", "SE", "SD of one", "n", ""):
        table.add_column(column)
    for (where, part), values in sorted(found.items()):
        sd = float(values.std(ddof=1))
        table.add_row(
            where,
            part,
            f"{values.mean():.4f}",
            f"{sd / np.sqrt(values.size):.4f}",
            f"{sd:.3f}",
            str(values.size),
            "holds" if is_expected((where, part), values) else "does not hold",
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
