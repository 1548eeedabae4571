"""Seconds for 1,000 bootstrap resamples of C, AUC(t) and Brier score of 409 patients.

Run `python -m benchmarks.bootstrap`. One thread, drawing the resamples included, compiling not; a
loop of the estimators over drawn rows stands beside it. The exit status is 1 where a figure takes
more than a second, or where the two ways differ.
"""

import argparse
import sys
from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.concordance import seconds, simulate
from components.survival.bootstrap import (
    auc_of_resamples,
    brier_of_resamples,
    c_of_resamples,
    counts_of,
)
from components.survival.brier import brier_score
from components.survival.discrimination import auc_ipcw, harrell_c, uno_c
from components.survival.target import FloatArray, IntArray, SurvivalTarget

HORIZON = 1095.0


def main() -> int:
    """Prints the table; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=409)
    parser.add_argument("--resamples", type=int, default=1_000)
    options = parser.parse_args()
    target, score = simulate(options.patients)
    size = (options.resamples, target.n)
    table = Table(title=f"{options.resamples:,} resamples of {target.n} patients")
    for title in ("figure", "seconds", "loop of estimators", "ratio", "largest difference"):
        table.add_column(title)
    passed = True
    for name, by_counts, by_rows in figures(target, score):
        drawn = np.random.default_rng(0).integers(target.n, size=size)
        own = seconds(lambda f=by_counts: f(counts_of(_draw(size))), 3)
        loop = seconds(lambda f=by_rows, d=drawn: [f(rows) for rows in d], 1)
        off = np.abs(by_counts(counts_of(drawn)) - [by_rows(rows) for rows in drawn]).max()
        passed &= own < 1.0 and off < 1e-10
        table.add_row(name, f"{own:.3f}", f"{loop:.3f}", f"{loop / own:.1f}", f"{off:.1e}")
    Console().print(table)
    return 0 if passed else 1


def _draw(size: tuple[int, int]) -> IntArray:
    return np.random.default_rng(0).integers(size[1], size=size)


def figures(
    target: SurvivalTarget, score: FloatArray
) -> list[tuple[str, Callable[[IntArray], FloatArray], Callable[[IntArray], float]]]:
    """Each figure from counts, and from the rows of one resample."""
    survival = np.exp(-HORIZON / 1_500 * np.exp(score))
    return [
        (
            "Harrell's C",
            lambda counts: c_of_resamples(target, score, counts),
            lambda rows: harrell_c(target.subset(rows), score[rows]).value,
        ),
        (
            "Uno's C",
            lambda counts: c_of_resamples(target, score, counts, tau_days=HORIZON),
            lambda rows: uno_c(target.subset(rows), score[rows], tau_days=HORIZON).value,
        ),
        (
            "AUC(t)",
            lambda counts: auc_of_resamples(target, score, counts, horizon_days=HORIZON),
            lambda rows: auc_ipcw(target.subset(rows), score[rows], horizon_days=HORIZON).value,
        ),
        (
            "Brier(t)",
            lambda counts: brier_of_resamples(target, survival, counts, horizon_days=HORIZON),
            lambda rows: brier_score(target.subset(rows), survival[rows], HORIZON).value,
        ),
    ]


if __name__ == "__main__":
    sys.exit(main())
