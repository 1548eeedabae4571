"""How often swapped contrast phases are found, on phantoms of another maker than the rule's.

Run `python -m benchmarks phase_rule`. Whole-abdomen phantoms (`tests.imaging.abdomen`) are judged
as they are and swapped, every fifth also with a phase filed twice and without contrast, in two
parametrisations: the second draws from wider ranges. Patients from number 200 on have been looked
at for nothing else. The exit status is 1 where, in either, less than 95% of the swaps are found or
more than 1% of the right pairs are called anything that sets a patient aside. How many patients
that takes to be sure of is in the table: the upper limit of the one-sided 95% interval.
"""

import argparse
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy import stats

from components.imaging.phase_check import measure_phases
from components.imaging.volume import Volume
from tests.imaging.abdomen import (
    NO_CONTRAST,
    WIDE,
    Patient,
    Ranges,
    draw_patient,
    scan,
    tumor_points,
    two_phases,
)

RANGES = {"published": Ranges(), "wide": WIDE}
LEAST_FOUND, MOST_ALARMS = 0.95, 0.01
ALARMS = {"swapped", "duplicated", "non_contrast"}
KINDS = ("right", "swapped", "one phase twice", "arterial unenhanced", "both unenhanced")
VERDICTS = ("ok", "swapped", "duplicated", "non_contrast", "unclear", "not_assessable")


def main() -> int:
    """Prints the verdicts by kind of pair; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=30)
    parser.add_argument("--first", type=int, default=200, help="number of the first patient")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.patients)
    holds = [show(name, seeds, options.workers) for name in RANGES]
    return 0 if all(holds) else 1


def show(name: str, seeds: range, workers: int) -> bool:
    """Prints one parametrisation; whether both limits hold."""
    tasks = [(name, seed) for seed in seeds]
    with ProcessPoolExecutor(workers) as pool:
        judged = list(pool.map(judge, tasks, chunksize=2))
    counts = {
        kind: Counter(verdicts[kind] for verdicts, _ in judged if kind in verdicts)
        for kind in KINDS
    }
    n = len(seeds)
    found = counts["swapped"]["swapped"] / n
    n_alarms = sum(counts["right"][verdict] for verdict in ALARMS)
    most = float(stats.beta.ppf(0.95, n_alarms + 1, n - n_alarms))
    seconds = np.median([spent for _, spent in judged])
    table = Table(
        title=f"{name}: {n} patients, swaps found {found:.1%}, false alarms {n_alarms / n:.1%} (at "
        f"most {most:.1%}), {seconds:.2f} s of processor time a pair"
    )
    for title in ("pair", *VERDICTS):
        table.add_column(title)
    for kind in KINDS:
        table.add_row(kind, *(str(counts[kind][verdict]) for verdict in VERDICTS))
    Console(width=110).print(table)
    return found >= LEAST_FOUND and n_alarms / n <= MOST_ALARMS


def judge(task: tuple[str, int]) -> tuple[dict[str, str], float]:
    """The verdict of each kind of pair of a patient, and the time that the first took."""
    name, seed = task
    ranges = RANGES[name]
    arterial, portal = two_phases(seed, ranges)
    patient = draw_patient(seed, ranges)
    roi = tumor_points(patient)
    started = time.process_time()
    right = measure_phases(arterial, portal, roi).phase_verdict
    spent = time.process_time() - started
    pairs = {"swapped": (portal, arterial)}
    if seed % 5 == 0:
        pairs |= wrong_pairs(patient, portal)
    verdicts = {kind: measure_phases(*pair, roi).phase_verdict for kind, pair in pairs.items()}
    return {"right": right, **verdicts}, spent


def wrong_pairs(patient: Patient, portal: Volume) -> dict[str, tuple[Volume, Volume]]:
    """What else is filed as two phases: one of them again with a little noise, or no contrast."""
    noise = np.random.default_rng(patient.seed).normal(0.0, 4.0, portal.voxels.shape)
    again = Volume(portal.voxels + np.rint(noise).astype(np.int16), portal.geometry)
    first, second = (scan(patient, NO_CONTRAST, scan_seed=seed) for seed in (3, 4))
    return {
        "one phase twice": (again, portal),
        "arterial unenhanced": (first, portal),
        "both unenhanced": (first, second),
    }


if __name__ == "__main__":
    sys.exit(main())
