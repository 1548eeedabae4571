"""How often the interval of a nested cross-validation holds what it is of.

286 patients of two arms; cases are commoner in one. A discriminant of 20 features, of which three
differ by a signal, stands for the network: what is measured is the interval over folds. Each of two
draws of five folds gives ten means over arms of the AUC within the arm; the truth is that AUC in
20,000 new patients, mean over 300 discriminants of as many patients as a fold's training part.

Run `python -m benchmarks nested_interval`. The exit status is 1 where the 95% interval holds the
truth in fewer than 90% of the cohorts.
"""

import argparse
import sys

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from components.survival.folds import draw_folds
from components.survival.intervals import repeated_cv_estimate
from components.survival.target import SurvivalTarget

PATIENTS, FEATURES, FOLDS, DRAWS = 286, 20, 5, 2
SIGNALS = (0.0, 0.25, 0.5)
LEAST = 0.90

Floats = NDArray[np.float64]
Cohort = tuple[Floats, NDArray[np.bool_], NDArray[np.int64]]


def draw_cohort(n: int, signal: float, rng: np.random.Generator) -> Cohort:
    """Features (n, 20), cases (n,) and arms (n,)."""
    arm = np.arange(n) % 2
    case = rng.random(n) < np.where(arm == 1, 0.75, 0.4)
    x = rng.normal(size=(n, FEATURES))
    x[:, :3] += signal * case[:, None]
    return x, case, arm


def discriminant(x: Floats, case: NDArray[np.bool_]) -> Floats:
    """The coefficients (20,) of a shrunken linear discriminant."""
    difference = x[case].mean(axis=0) - x[~case].mean(axis=0)
    return np.asarray(np.linalg.solve(np.cov(x.T) + 0.3 * np.eye(FEATURES), difference))


def mean_auc(score: Floats, case: NDArray[np.bool_], arm: NDArray[np.int64]) -> float:
    """The mean over arms of the AUC within the arm."""
    values = []
    for one in (0, 1):
        ranks, cases = rankdata(score[arm == one]), case[arm == one]
        n_cases, n_controls = int(cases.sum()), int((~cases).sum())
        wins = ranks[cases].sum() - n_cases * (n_cases + 1) / 2
        values.append(wins / (n_cases * n_controls))
    return float(np.mean(values))


def truth(signal: float, rng: np.random.Generator) -> float:
    """The AUC that discriminants of a fold's training part have in new patients."""
    found = []
    for _ in range(300):
        x, case, _ = draw_cohort(PATIENTS * (FOLDS - 1) // FOLDS, signal, rng)
        new, new_case, new_arm = draw_cohort(20_000, signal, rng)
        found.append(mean_auc(new @ discriminant(x, case), new_case, new_arm))
    return float(np.mean(found))


def holds(value: float, signal: float, rng: np.random.Generator) -> bool:
    """Whether the interval of one cohort holds a value."""
    x, case, arm = draw_cohort(PATIENTS, signal, rng)
    figures = []
    for _ in range(DRAWS):
        fold_of = draw_folds(2 * arm + case, n_folds=FOLDS, rng=rng)
        for fold in range(FOLDS):
            out = fold_of == fold
            score = x[out] @ discriminant(x[~out], case[~out])
            figures.append(mean_auc(score, case[out], arm[out]))
    # Who is followed how long plays no part: the interval is of the figures alone.
    patients = SurvivalTarget.of(np.ones(PATIENTS), case)
    found = repeated_cv_estimate(
        patients, np.array(figures), n_folds=FOLDS, method="nested cross-validation", level=0.95
    )
    return found.lower is not None and found.lower <= value <= (found.upper or 0.0)


def main() -> int:
    """Measure the coverage under each signal; 1 where one is too small."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cohorts", type=int, default=1000)
    n_cohorts = parser.parse_args().cohorts
    coverages = []
    for signal in SIGNALS:
        rng = np.random.default_rng(1)
        value = truth(signal, rng)
        coverages.append(float(np.mean([holds(value, signal, rng) for _ in range(n_cohorts)])))
        print(f"signal {signal:.2f}: AUC {value:.3f}, 95% interval holds it in {coverages[-1]:.1%}")
    return int(min(coverages) < LEAST)


if __name__ == "__main__":
    sys.exit(main())
