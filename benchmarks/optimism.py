"""Whether the corrected C is what new patients give, and how long the resamples take.

In cohort after cohort the whole path is fitted, its apparent C corrected by bootstrap, and both are
held against the C of the very same models in many new patients: once where features and predictors
mean something, once where they mean nothing.

Run `python -m benchmarks optimism`. The exit status is 1 where the mean corrected or .632+ C lies
further than 0.02 from that in new patients.
"""

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table
from threadpoolctl import threadpool_limits

from benchmarks.simulated import (
    PREDICTORS,
    PROTOCOL,
    Truth,
    simulate,
    simulated_path,
    simulated_protocol,
)
from components.arms.optimism import bootstrap_optimism
from components.arms.optimism_figures import Judged, figures_of
from components.arms.whole_path import WholePath, fit_path, with_scores
from components.study.protocol import read_protocol
from components.study.vocabulary import ModelKind, TreatmentArm

SIZES = {TreatmentArm.HEPATECTOMY: 140, TreatmentArm.TACE: 80}
NEW_SIZES = {TreatmentArm.HEPATECTOMY: 4000, TreatmentArm.TACE: 4000}
STUDY_SIZES = {TreatmentArm.HEPATECTOMY: 208, TreatmentArm.TACE: 78}
STUDY_FEATURES = 588
COHORTS = 40
RESAMPLES = 40
TIMED_RESAMPLES = 50
FARTHEST = 0.02
TRUTHS = {
    "signal": Truth(latent=0.8, clinical=0.3, width=30, informative=4),
    "nothing": Truth(width=30),
}


@dataclass(frozen=True)
class Figure:
    """C of one model: apparent, corrected with its interval, .632+, and in new patients."""

    apparent: float
    corrected: float
    lower: float
    upper: float
    plus_632: float
    new: float


Found = dict[tuple[str, TreatmentArm, ModelKind], Figure]


def one_cohort(number: int) -> Found:
    """The figures of a cohort's models, of each truth."""
    with threadpool_limits(1):
        return {
            (name, arm, kind): figure
            for at, (name, truth) in enumerate(TRUTHS.items())
            for (arm, kind), figure in _of_truth(
                truth, np.random.default_rng([21, at, number])
            ).items()
        }


def _of_truth(
    truth: Truth, rng: np.random.Generator
) -> dict[tuple[TreatmentArm, ModelKind], Figure]:
    protocol = simulated_protocol()
    study = protocol.study.model_copy(update={"seed": int(rng.integers(2**31))})
    path = simulated_path(protocol)
    patients, new = simulate(SIZES, truth, rng), simulate(NEW_SIZES, truth, rng)
    own = fit_path(patients, path, seed=study.seed)
    optimism = bootstrap_optimism(
        patients,
        path,
        own,
        evaluation=protocol.evaluation,
        study=study,
        n_resamples=RESAMPLES,
    )
    table = with_scores(new, own.signature)
    unseen = {
        key: value
        for arm, models in own.models.items()
        for key, value in figures_of(models, table.iloc[new.of_arm(arm)], Judged(None, ())).items()
    }
    return {
        (one.arm, one.kind): Figure(
            apparent=one.apparent.value,
            corrected=one.corrected.value,
            lower=one.corrected.lower,
            upper=one.corrected.upper,
            plus_632=one.plus_632.value,
            new=unseen[one.arm, one.kind, "c_harrell"],
        )
        for one in optimism.figures
        if one.estimator == "c_harrell"
    }


def measure(cohorts: int, *, workers: int) -> list[Found]:
    """The figures of all cohorts."""
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        return list(track(pool.map(one_cohort, range(cohorts)), "Cohorts", cohorts, transient=True))


def show(found: list[Found], console: Console) -> bool:
    """A row for each model; whether the means are near that in new patients."""
    table = Table(title=f"Harrell's C, mean of {len(found)} cohorts of {RESAMPLES} resamples")
    columns = ("Truth", "Arm", "Model", "Apparent", "Corrected", ".632+", "New")
    for column in (*columns, "Covered", ""):
        table.add_column(column)
    holds = True
    for truth, arm, kind in found[0]:
        rows = [one[truth, arm, kind] for one in found]
        means = [
            float(np.mean([getattr(row, name) for row in rows]))
            for name in ("apparent", "corrected", "plus_632", "new")
        ]
        _, corrected, plus, new = means
        is_near = max(abs(corrected - new), abs(plus - new)) <= FARTHEST
        covered = np.mean([row.lower <= row.new <= row.upper for row in rows])
        holds &= is_near
        shown = [f"{mean:.3f}" for mean in means]
        table.add_row(
            truth, arm.label, kind.value, *shown, f"{covered:.0%}", "" if is_near else "far"
        )
    console.print(table)
    return holds


def warm(seed: int) -> None:
    """Imports and compiles in a process what the path needs."""
    patients = simulate(SIZES, Truth(), np.random.default_rng(seed))
    fit_path(patients, simulated_path(simulated_protocol()), seed=seed)


def seconds(resamples: int, *, workers: int, console: Console) -> float:
    """How long the sound path takes at the study's size, workers started beforehand."""
    truth = Truth(latent=0.8, clinical=0.3, width=STUDY_FEATURES, informative=10)
    sound = read_protocol(PROTOCOL)
    clinical = sound.clinical.model_copy(
        update={"predictors": dict.fromkeys(TreatmentArm, PREDICTORS)}
    )
    path = WholePath.of(sound.signature, clinical, n_folds=sound.search.folds)
    patients = simulate(STUDY_SIZES, truth, np.random.default_rng(5))
    own = fit_path(patients, path, seed=5)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        list(pool.map(warm, [sound.study.seed] * workers))
        start = time.monotonic()
        found = bootstrap_optimism(
            patients,
            path,
            own,
            evaluation=sound.evaluation,
            study=sound.study,
            n_resamples=resamples,
            map=pool.map,
        )
        taken = time.monotonic() - start
    console.print(
        f"{resamples} resamples of {sum(STUDY_SIZES.values())} patients with {STUDY_FEATURES} "
        f"features by the sound path on {workers} processes: {taken:.0f} s; {found.n_null} null, "
        f"{sum(found.failures.values())} failed"
    )
    return taken


def main() -> int:
    """Measure, show, and say by the exit status whether the corrected C is near the truth."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cohorts", type=int, default=COHORTS)
    parser.add_argument("--resamples", type=int, default=TIMED_RESAMPLES, help="to be timed")
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread each")
    arguments = parser.parse_args()
    console = Console()
    seconds(arguments.resamples, workers=arguments.workers, console=console)
    holds = show(measure(arguments.cohorts, workers=arguments.workers), Console(width=110))
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
