"""Whether the 95% intervals of C and of a log hazard ratio hold what they promise.

A pre-specified score is judged in cohort after cohort; its true figures are those in 100,000
patients of the same generator.

Run `python -m benchmarks coverage`. The exit status is 1 where an interval covers less than 93% or
more than 97%.
"""

import argparse
import sys

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.simulated import Truth, simulate
from components.cohort.endpoint import survival_target
from components.study.results import Estimate
from components.study.vocabulary import TreatmentArm
from components.survival.calibration import calibration_slope
from components.survival.discrimination import harrell_c, uno_c

ARM = TreatmentArm.HEPATECTOMY
N_PATIENTS = 208
N_POPULATION = 100_000
REPEATS = 1000
TAU_DAYS = 1095.0
LEVEL = 0.95
BOUNDS = (0.93, 0.97)
TRUTH = Truth(latent=0.7, clinical=0.3, width=3, informative=3)
SEED = 2026


def figures(n: int, rng: np.random.Generator) -> dict[str, Estimate]:
    """The score's C and log hazard ratio in a new cohort of n patients."""
    patients = simulate({ARM: n}, TRUTH, rng)
    diameter = patients.table["tumor_diameter_cm"].to_numpy()
    score = patients.features.mean(axis=1) + 0.2 * (diameter - 7.0)
    target = survival_target(patients.table)
    return {
        "Harrell's C": harrell_c(target, score, level=LEVEL),
        f"Uno's C to {TAU_DAYS:g} days": uno_c(target, score, tau_days=TAU_DAYS, level=LEVEL),
        "log hazard ratio of the score": calibration_slope(target, score, level=LEVEL),
    }


def coverage(repeats: int, *, n_population: int = N_POPULATION) -> dict[str, tuple[float, float]]:
    """For each figure its value in the population, and the share of intervals that hold it."""
    truth = figures(n_population, np.random.default_rng([SEED, 0]))
    held = dict.fromkeys(truth, 0)
    for repeat in track(range(repeats), "Cohorts", transient=True):
        for name, one in figures(N_PATIENTS, np.random.default_rng([SEED, 1, repeat])).items():
            held[name] += one.lower <= truth[name].value <= one.upper
    return {name: (truth[name].value, held[name] / repeats) for name in truth}


def main() -> int:
    """Measure, show, and say by the exit status whether every interval holds its promise."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=REPEATS)
    arguments = parser.parse_args()
    found = coverage(arguments.repeats)
    table = Table(title=f"Coverage of {LEVEL:.0%} intervals, {N_PATIENTS} patients")
    for column in ("Figure", f"Value in {N_POPULATION:,} patients", "Covered", ""):
        table.add_column(column)
    holds = {name: BOUNDS[0] <= share <= BOUNDS[1] for name, (_, share) in found.items()}
    for name, (value, share) in found.items():
        said = "holds" if holds[name] else "does not hold"
        table.add_row(name, f"{value:.4f}", f"{share:.1%}", said)
    Console().print(table)
    return 0 if all(holds.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
