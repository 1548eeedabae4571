"""Labels permuted: what the six models find where there is nothing to find.

Survival is permuted among the patients of each arm, or among all patients, so that neither features
nor predictors mean anything. The whole path (filter, LASSO, cross-fitted score, Cox models of the
arms) is gone in the training part of each outer fold, and C and AUC are taken in the patients left
out. A null signature counts 0.5. Any patient who has leaked into a fit moves the mean off 0.5.

Run `python -m benchmarks permutation`. The exit status is 1 where a mean over the permutations lies
outside 0.48 to 0.52.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table
from threadpoolctl import threadpool_limits

from benchmarks.simulated import Truth, simulate, simulated_path, simulated_protocol
from components.arms.fitting import FittedModels
from components.arms.whole_path import PathPatients, WholePath, fit_path, with_scores
from components.cohort.endpoint import survival_target
from components.study.vocabulary import ModelKind, TreatmentArm
from components.survival.discrimination import auc_ipcw, harrell_c
from components.survival.folds import draw_folds
from components.survival.target import FloatArray

SIZES = {TreatmentArm.HEPATECTOMY: 100, TreatmentArm.TACE: 70}
HORIZON_DAYS = {TreatmentArm.HEPATECTOMY: 730, TreatmentArm.TACE: 365}
PERMUTATIONS = 300
OUTER_FOLDS = 3
BOUNDS = (0.48, 0.52)
NOTHING = 0.5

Where = Literal["within arms", "across arms"]
PLACES: tuple[Where, ...] = ("within arms", "across arms")
Key = tuple[str, TreatmentArm, ModelKind, str]
"""Where labels are permuted, arm, model, C or AUC."""


@dataclass(frozen=True, eq=False)
class Permuted:
    """One permutation of some patients; it can be sent to another process."""

    patients: PathPatients
    path: WholePath
    where: Where
    number: int


def permuted(patients: PathPatients, where: Where, rng: np.random.Generator) -> PathPatients:
    """The patients with survival permuted, each time with its death or censoring."""
    order = np.arange(len(patients.table))
    groups = [patients.of_arm(arm) for arm in patients.arms] if where == "within arms" else [order]
    for rows in groups:
        order[rows] = rng.permutation(rows)
    survival = patients.table[["os_days", "death"]].to_numpy()[order]
    table = patients.table.assign(os_days=survival[:, 0], death=survival[:, 1].astype(int))
    return PathPatients(table, patients.features)


def outer_figures(one: Permuted) -> dict[Key, float]:
    """Mean C and AUC over the outer folds of one permutation."""
    with threadpool_limits(1):
        rng = np.random.default_rng([2026, one.number, one.where == "within arms"])
        patients = permuted(one.patients, one.where, rng)
        death = patients.table["death"].to_numpy()
        arms = patients.table["arm"].to_numpy(dtype=np.str_)
        strata = np.unique(np.column_stack([arms, death]), axis=0, return_inverse=True)[1]
        fold_of = draw_folds(strata, n_folds=OUTER_FOLDS, rng=rng)
        found: dict[Key, list[float]] = {}
        for fold in range(OUTER_FOLDS):
            for key, value in _fold(patients, one.path, fold_of != fold, seed=one.number).items():
                found.setdefault((one.where, *key), []).append(value)
    return {key: float(np.mean(values)) for key, values in found.items()}


def _fold(
    patients: PathPatients, path: WholePath, is_train: NDArray[np.bool_], *, seed: int
) -> dict[tuple[TreatmentArm, ModelKind, str], float]:
    """C and AUC of the models of the training part in the patients left out."""
    fitted = fit_path(patients.rows(np.flatnonzero(is_train)), path, seed=seed)
    held_out = patients.rows(np.flatnonzero(~is_train))
    table = with_scores(held_out, fitted.signature)
    return {
        (arm, kind, name): value
        for arm, models in fitted.models.items()
        for kind in models.models
        for name, value in _judged(models, kind, table.iloc[held_out.of_arm(arm)]).items()
    }


def _judged(models: FittedModels, kind: ModelKind, table: pd.DataFrame) -> dict[str, float]:
    if not models.models[kind].predictors:
        return {"C": NOTHING, "AUC": NOTHING}
    known = models.scorable(table).table
    target, lp = survival_target(known), models.linear_predictor(kind, known)
    horizon_days = HORIZON_DAYS[models.arm]
    estimates = {"C": harrell_c(target, lp), "AUC": auc_ipcw(target, lp, horizon_days=horizon_days)}
    return {name: one.value for name, one in estimates.items() if one.value is not None}


def measure(
    n_permutations: int, *, workers: int = 1, places: Sequence[Where] = PLACES
) -> dict[Key, FloatArray]:
    """The figures (n_permutations,) of each model, of each kind of permutation."""
    protocol = simulated_protocol()
    truth = Truth(latent=0.7, clinical=0.5, informative=3)
    patients = simulate(SIZES, truth, np.random.default_rng(2026))
    path = simulated_path(protocol)
    tasks = [
        Permuted(patients, path, where, number)
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
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from track(pool.map(outer_figures, tasks), "Permutations", total=len(tasks))


def is_within(values: FloatArray) -> bool:
    """Whether the mean lies within the bounds."""
    return BOUNDS[0] <= float(values.mean()) <= BOUNDS[1]


def show(found: dict[Key, FloatArray], console: Console) -> None:
    """A row for each model and figure."""
    table = Table(title="Labels permuted: mean outer figures (standard error)")
    for column in ("Permuted", "Arm", "Model", "Figure", "Mean", "SE", "SD of one", ""):
        table.add_column(column)
    for (where, arm, kind, name), values in sorted(found.items()):
        sd = float(values.std(ddof=1))
        table.add_row(
            where,
            arm.label,
            kind.value,
            name,
            f"{values.mean():.4f}",
            f"{sd / np.sqrt(values.size):.4f}",
            f"{sd:.3f}",
            "holds" if is_within(values) else "does not hold",
        )
    console.print(table)


def main() -> int:
    """Measure, show, and say by the exit status whether every mean lies within the bounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--permutations", type=int, default=PERMUTATIONS)
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread each")
    arguments, _ = parser.parse_known_args()
    found = measure(arguments.permutations, workers=arguments.workers)
    show(found, Console(width=110))
    return 0 if all(is_within(values) for values in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
