"""The univariate Cox screen beside R's `coxph.fit` and lifelines' CoxPHFitter, in one run.

Run `python -m benchmarks.screen`. Times are processor seconds of one thread, so that nothing else
on the machine counts: the best of some repeats, reading the data, compiling and starting R
excluded. R calls the fitting routine itself, column by column, lifelines a sample of the columns
(its time is scaled up). Larger tables are screened in processes of their own, which say how much
memory they took. The exit status is 1 where a coefficient or standard error differs from R's by
more than 1e-8 of the standard error, where R is less than 8 or lifelines less than 1,000 times
slower, where the largest table takes 4 GB or more, or where a cell of a larger table costs more
than twice that of the small one.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from lifelines import CoxPHFitter
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from components.survival.screening import UnivariateScreen, univariate_screen
from components.survival.target import FloatArray, SurvivalTarget

R = """
suppressPackageStartupMessages(library(survival))
arguments <- commandArgs(TRUE); n <- as.integer(arguments[2]); p <- as.integer(arguments[3])
repeats <- as.integer(arguments[4])
values <- readBin(arguments[1], "double", n * (p + 2))
x <- matrix(values[seq_len(n * p)], n)
y <- Surv(values[n * p + seq_len(n)], values[n * (p + 1) + seq_len(n)])
columns <- lapply(seq_len(p), function(j) x[, j, drop = FALSE]); control <- coxph.control()
screen <- function() lapply(columns, coxph.fit, y, NULL, NULL, NULL, control, NULL, "efron", NULL)
took <- min(replicate(repeats, sum(system.time(fits <- screen(), gcFirst = FALSE)[1:2])))
exact <- coxph.control(eps = 1e-14, iter.max = 50, toler.chol = 1e-15)
fits <- lapply(columns, coxph.fit, y, NULL, NULL, NULL, exact, NULL, "efron", NULL)
cat(sprintf("%.6f", took), "\\n")
for (fit in fits) cat(sprintf("%.17g %.17g", fit$coefficients, sqrt(fit$var)), "\\n")
"""

PATIENTS, FEATURES = 286, 2_048
LARGE, LARGE_GB = (40_000, 2_048), 4.0
FASTER_THAN_R, FASTER_THAN_LIFELINES = 8.0, 1_000.0
MOST_EXPENSIVE_CELL = 2.0


def main() -> int:
    """Prints the tables; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=11)
    parser.add_argument("--lifelines-features", type=int, default=64)
    parser.add_argument("--only", nargs=2, type=int, metavar=("PATIENTS", "FEATURES"))
    options = parser.parse_args()
    if options.only:
        print(json.dumps(cost(*options.only)))
        return 0
    with threadpool_limits(1):
        return compare(options.repeats, options.lifelines_features)


def compare(repeats: int, n_lifelines: int) -> int:
    """Prints all comparisons; the exit status."""
    x, target = simulate(PATIENTS, FEATURES)
    screen = univariate_screen(x, target)
    own = seconds(lambda: univariate_screen(x, target), repeats)
    r, theirs = in_r(x, target, repeats)
    lifelines, hazards = in_lifelines(x[:, :n_lifelines], target)
    lifelines *= FEATURES / n_lifelines
    off = largest_difference(screen, theirs)
    table = Table(
        title=f"{FEATURES:,} features of {target.n} patients, {target.n_events} deaths, Efron"
    )
    for title in ("", "seconds", "times armwise", "largest difference in standard errors"):
        table.add_column(title)
    table.add_row("armwise", f"{own:.4f}", "1", "")
    table.add_row("R coxph.fit", f"{r:.3f}", f"{r / own:.1f}", f"{off:.1e}")
    seen = np.abs(screen.coefficient[:n_lifelines] - hazards) / screen.standard_error[:n_lifelines]
    name = f"lifelines ({n_lifelines} features, scaled)"
    table.add_row(name, f"{lifelines:.1f}", f"{lifelines / own:,.0f}", f"{seen.max():.1e}")
    console = Console()
    console.print(table)
    passed = r >= FASTER_THAN_R * own and lifelines >= FASTER_THAN_LIFELINES * own and off <= 1e-8
    return 0 if scaling(console) and passed else 1


def scaling(console: Console) -> bool:
    """Prints what larger tables cost, each in a process of its own; whether that is bearable."""
    table = Table(title="cost of larger tables")
    for title in ("patients", "features", "seconds", "ns a cell", "peak memory, GB"):
        table.add_column(title)
    cells, peak = [], 0.0
    for n, p in ((PATIENTS, FEATURES), (PATIENTS, 8 * FEATURES), (8 * PATIENTS, FEATURES), LARGE):
        command = [sys.executable, "-m", "benchmarks.screen", "--only", str(n), str(p)]
        said = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        cells.append(said["seconds"] / (n * p) * 1e9)
        peak = said["gigabytes"]
        row = (f"{n:,}", f"{p:,}", f"{said['seconds']:.3f}", f"{cells[-1]:.1f}", f"{peak:.2f}")
        table.add_row(*row)
    console.print(table)
    return peak < LARGE_GB and max(cells) <= MOST_EXPENSIVE_CELL * cells[0]


def cost(n: int, p: int) -> dict[str, float]:
    """Seconds of a screen once compiled, and the peak memory of this process."""
    x, target = simulate(n, p)
    taken = seconds(lambda: univariate_screen(x, target), 2)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    return {"seconds": taken, "gigabytes": peak}


def simulate(n: int, p: int) -> tuple[FloatArray, SurvivalTarget]:
    """Patients in whole weeks, so that many are tied; the first feature has an effect."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, p))
    dies, leaves = rng.exponential(1_500 * np.exp(-0.4 * x[:, 0])), rng.uniform(200, 2_500, n)
    return x, SurvivalTarget.of(np.ceil(np.minimum(dies, leaves) / 7), dies <= leaves)


def seconds(call: Callable[[], object], repeats: int) -> float:
    """The best of some repeats, once everything is compiled."""
    call()
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        taken.append(time.process_time() - start)
    return min(taken)


def in_r(x: FloatArray, target: SurvivalTarget, repeats: int) -> tuple[float, FloatArray]:
    """R's seconds, and its coefficients and standard errors (p, 2) once fully converged."""
    with tempfile.TemporaryDirectory() as folder:
        data, script = Path(folder) / "data.bin", Path(folder) / "screen.R"
        script.write_text(R, encoding="utf-8")
        np.concatenate([x.ravel(order="F"), target.time_days, target.event]).tofile(data)
        command = ["Rscript", str(script), str(data), str(x.shape[0]), str(x.shape[1])]
        command.append(str(repeats))
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    first, *lines = said.splitlines()
    return float(first), np.array([line.split() for line in lines], dtype=float)


def in_lifelines(x: FloatArray, target: SurvivalTarget) -> tuple[float, FloatArray]:
    """Seconds of a loop of lifelines' fits, and its coefficients (p,)."""
    tables = [
        pd.DataFrame({"x": column, "time": target.time_days, "event": target.event})
        for column in x.T
    ]
    start = time.process_time()
    found = [CoxPHFitter().fit(table, "time", "event").params_["x"] for table in tables]
    return time.process_time() - start, np.array(found)


def largest_difference(screen: UnivariateScreen, theirs: FloatArray) -> float:
    """Of coefficients and standard errors, in standard errors."""
    own = np.column_stack([screen.coefficient, screen.standard_error])
    return float((np.abs(own - theirs) / theirs[:, 1:]).max())


if __name__ == "__main__":
    sys.exit(main())
