"""How often swapped contrast phases are found, on phantoms of another maker than the rule's.

Run `python -m benchmarks.phase_rule`. Whole-abdomen phantoms (`tests.imaging.abdomen`) are judged
as they are, swapped, with a phase filed twice, and without contrast, in two parametrisations: the
second draws from wider ranges and has been used for nothing else. The exit status is 1 where, in
either, less than 95% of the swaps are found or more than 1% of the right pairs are called anything
that sets a patient aside.
"""

import argparse
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from rich.console import Console
from rich.table import Table

from components.imaging.phase_check import measure_phases
from components.imaging.volume import Volume
from tests.imaging.abdomen import (
    NO_CONTRAST,
    WIDE,
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
    parser.add_argument("--patients", type=int, default=300)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    holds = [show(name, options.patients, options.workers) for name in RANGES]
    return 0 if all(holds) else 1


def show(name: str, n: int, workers: int) -> bool:
    """Prints one parametrisation; whether both limits hold."""
    tasks = [(name, seed) for seed in range(n)]
    if workers == 1:
        judged = [judge(task) for task in tasks]
    else:
        with ProcessPoolExecutor(workers) as pool:
            judged = list(pool.map(judge, tasks, chunksize=4))
    counts = {kind: Counter(verdicts[kind] for verdicts, _ in judged) for kind in KINDS}
    found = counts["swapped"]["swapped"] / n
    alarms = sum(counts["right"][verdict] for verdict in ALARMS) / n
    seconds = np.median([spent for _, spent in judged])
    table = Table(
        title=f"{name}: {n} patients, swaps found {found:.1%}, false alarms {alarms:.1%}, "
        f"{seconds:.2f} s of processor time a pair"
    )
    for title in ("pair", *VERDICTS):
        table.add_column(title)
    for kind in KINDS:
        table.add_row(kind, *(str(counts[kind][verdict]) for verdict in VERDICTS))
    Console().print(table)
    return found >= LEAST_FOUND and alarms <= MOST_ALARMS


def judge(task: tuple[str, int]) -> tuple[dict[str, str], float]:
    """The verdict of each kind of pair of a patient, and the time that the first took."""
    name, seed = task
    ranges = RANGES[name]
    arterial, portal = two_phases(seed, ranges)
    patient = draw_patient(seed, ranges)
    roi = tumor_points(patient)
    unenhanced = scan(patient, NO_CONTRAST, scan_seed=3)
    noise = np.random.default_rng(seed).normal(0.0, 4.0, portal.voxels.shape)
    again = Volume(portal.voxels + np.rint(noise).astype(np.int16), portal.geometry)
    started = time.process_time()
    right = measure_phases(arterial, portal, roi).phase_verdict
    spent = time.process_time() - started
    still = scan(patient, NO_CONTRAST, scan_seed=4)
    pairs = ((portal, arterial), (again, portal), (unenhanced, portal), (unenhanced, still))
    verdicts = [right, *(measure_phases(*pair, roi).phase_verdict for pair in pairs)]
    return dict(zip(KINDS, verdicts, strict=True)), spent


if __name__ == "__main__":
    sys.exit(main())
