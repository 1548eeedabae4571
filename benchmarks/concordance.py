"""Harrell's and Uno's C of many patients beside R's `survival::concordance`, in one run.

Run `python -m benchmarks.concordance`. Times are the best of some repeats on one thread, reading
the data and starting R excluded. The exit status is 1 where a C or standard error differs from R's
by more than 1e-8 of it, where R is faster at any of the figures, or where the C of 200 patients
with its interval takes more than 0.3 ms.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from components.survival.concordance import Concordance, concordance_value, pair_weights
from components.survival.discrimination import harrell_c, uno_c
from components.survival.target import FloatArray, SurvivalTarget

R = """
suppressPackageStartupMessages(library(survival))
d <- read.csv(commandArgs(TRUE)[1]); repeats <- as.integer(commandArgs(TRUE)[2])
tau <- as.numeric(commandArgs(TRUE)[3])
y <- Surv(d$time, d$event)
best <- function(f) min(replicate(repeats, system.time(f(), gcFirst = FALSE)[["elapsed"]]))
fits <- list(
  harrell = function() concordancefit(y, d$score, reverse = TRUE, std.err = FALSE),
  harrell_se = function() concordancefit(y, d$score, reverse = TRUE),
  uno = function() concordancefit(y, d$score, reverse = TRUE, timewt = "n/G2", ymax = tau,
                                  std.err = FALSE),
  uno_se = function() concordancefit(y, d$score, reverse = TRUE, timewt = "n/G2", ymax = tau))
for (name in names(fits)) {
  fit <- fits[[name]]()
  se <- if (is.null(fit$var)) 0 else sqrt(fit$var)
  cat(name, sprintf("%.6f %.15g %.15g", best(fits[[name]]), fit$concordance, se), "\\n")
}
"""

SMALL_N, SMALL_MS = 200, 0.3


def main() -> int:
    """Prints the table; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    target, score = simulate(options.patients)
    tau = float(np.quantile(target.time_days, 0.8))
    ours = {name: (seconds(f, options.repeats), *f()) for name, f in fits(target, score, tau)}
    theirs = in_r(target, score, tau, options.repeats)
    table = Table(title=f"concordance of {target.n:,} patients, {target.n_events:,} deaths")
    for title in ("figure", "armwise s", "R s", "R / armwise", "largest relative difference"):
        table.add_column(title)
    passed = True
    for name, (own, *found) in ours.items():
        r, *expected = theirs[name]
        # 0 stands where no standard error is asked for.
        off = max(abs(a - b) / (b or 1.0) for a, b in zip(found, expected, strict=True))
        passed &= off <= 1e-8 and own <= r
        table.add_row(name, f"{own:.4f}", f"{r:.4f}", f"{r / own:.1f}", f"{off:.1e}")
    console = Console()
    console.print(table)
    target, score = simulate(SMALL_N)
    for name, f in (
        ("Harrell's", lambda: harrell_c(target, score)),
        ("Uno's", lambda: uno_c(target, score, tau_days=600.0)),
    ):
        # The best of many short batches, so that a busy machine does not decide.
        milliseconds = 1_000 * seconds(lambda f=f: [f() for _ in range(20)], 100) / 20
        passed &= milliseconds <= SMALL_MS
        console.print(f"{name} C of {SMALL_N} patients with its interval: {milliseconds:.3f} ms")
    return 0 if passed else 1


def simulate(n: int) -> tuple[SurvivalTarget, FloatArray]:
    """Patients in whole days, so that many are tied, with a score that has an effect."""
    rng = np.random.default_rng(0)
    score = rng.normal(size=n)
    dies, leaves = rng.exponential(1_500 * np.exp(-score)), rng.uniform(100, 3_000, n)
    return SurvivalTarget.of(np.ceil(np.minimum(dies, leaves)), dies <= leaves), score


def fits(
    target: SurvivalTarget, score: FloatArray, tau: float
) -> list[tuple[str, Callable[[], tuple[float, float]]]]:
    """Each figure as (value, standard error or 0)."""

    def alone(weight):
        return concordance_value(target, score, weight), 0.0

    def with_error(weight):
        found = Concordance.of(target, score, weight)
        return found.value, found.std_error

    return [
        ("harrell", lambda: alone(np.ones(target.n))),
        ("harrell_se", lambda: with_error(np.ones(target.n))),
        ("uno", lambda: alone(pair_weights(target, tau))),
        ("uno_se", lambda: with_error(pair_weights(target, tau))),
    ]


def seconds(call: Callable[[], object], repeats: int) -> float:
    """The best of some repeats, once everything is compiled."""
    call()
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return min(taken)


def in_r(
    target: SurvivalTarget, score: FloatArray, tau: float, repeats: int
) -> dict[str, tuple[float, ...]]:
    """R's seconds, C and standard error of each figure."""
    with tempfile.TemporaryDirectory() as folder:
        data, script = Path(folder) / "data.csv", Path(folder) / "concordance.R"
        script.write_text(R, encoding="utf-8")
        columns = {"time": target.time_days, "event": target.event.astype(int), "score": score}
        pd.DataFrame(columns).to_csv(data, index=False)
        command = ["Rscript", str(script), str(data), str(repeats), str(tau)]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines = [line.split() for line in said.splitlines()]
    return {name: tuple(map(float, numbers)) for name, *numbers in lines}


if __name__ == "__main__":
    sys.exit(main())
