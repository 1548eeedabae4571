"""What an arm that is not held apart, and a network that has seen its patients, pretend.

Arms: features that differ between the arms and mean nothing else. A signature that holds the arms
apart finds nothing; one that pools them finds the arm, which looks like discrimination until it is
taken within an arm.

In-sample: linear networks of many inputs, each a ridge regression on martingale residuals. The
signature's score of the very patients that its network was fitted on, as the study had it, stands
beside the cross-fitted one: C in training and test patients, and the calibration slope in the
latter.

Run `python -m benchmarks leakage`. The exit status is 1 where an expectation does not hold.
"""

import argparse
import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.simulated import Truth, simulate, simulated_protocol
from components.arms.whole_path import PathPatients
from components.cohort.endpoint import survival_target
from components.signature.cross_fit import cross_fit, in_sample
from components.signature.signature import fit_signature
from components.study.protocol import SignatureSection
from components.study.vocabulary import TreatmentArm
from components.survival.concordance import concordance_within
from components.survival.cox import fit_cox
from components.survival.folds import draw_folds
from components.survival.partial_likelihood import martingale_residuals
from components.survival.target import FloatArray, SurvivalTarget

SIZES = {TreatmentArm.HEPATECTOMY: 208, TreatmentArm.TACE: 78}
TEST_SIZES = {TreatmentArm.HEPATECTOMY: 700, TreatmentArm.TACE: 300}
REPEATS = 40
NOTHING = 0.5
SHIFT = Truth(width=12, shift=1.0)
INPUTS = Truth(latent=0.9, width=100, informative=12, seen=0.3)
WIDTH = 16
RIDGE = 1.0
N_FOLDS = 5


@dataclass(frozen=True, eq=False)
class Arrays:
    """Patients as arrays: features or inputs (n, p), endpoint, arms (n,)."""

    x: FloatArray
    target: SurvivalTarget
    arms: NDArray[np.str_]

    @classmethod
    def of(cls, patients: PathPatients) -> "Arrays":
        """Of a simulated cohort."""
        arms = patients.table["arm"].to_numpy(dtype=np.str_)
        return cls(patients.features, survival_target(patients.table), arms)

    @property
    def strata(self) -> NDArray[np.int64]:
        """Numbers of the arms."""
        return np.unique(self.arms, return_inverse=True)[1]

    def c_within(self, score: FloatArray) -> float:
        """C of pairs within an arm."""
        found = concordance_within(self.target, score, self.arms)
        return NOTHING if found is None else found

    def c_pooled(self, score: FloatArray) -> float:
        """C of all pairs."""
        found = concordance_within(self.target, score, np.zeros(self.target.n))
        return NOTHING if found is None else found


def draw(truth: Truth, rng: np.random.Generator) -> tuple[Arrays, Arrays]:
    """Training and test patients."""
    return Arrays.of(simulate(SIZES, truth, rng)), Arrays.of(simulate(TEST_SIZES, truth, rng))


def arm_leak(section: SignatureSection, rng: np.random.Generator) -> dict[str, float]:
    """C of new patients by signatures with and without strata, of features that see the arm."""
    train, test = draw(SHIFT, rng)
    found = {}
    for name, strata in (("stratified", "arm"), ("pooled", "none")):
        signature = fit_signature(
            train.x,
            train.target,
            train.arms,
            section=section.model_copy(update={"strata": strata}),
            network_id="features",
            rng=np.random.default_rng(1),
        )
        score = signature.apply(test.x)
        found[f"{name}: C of all patients"] = test.c_pooled(score)
        found[f"{name}: C within arms"] = test.c_within(score)
    return found


def network(train: Arrays, rng: np.random.Generator) -> FloatArray:
    """Weights (n_inputs, WIDTH) of a network: ridge on residuals, each unit on half the inputs."""
    n, p = train.x.shape
    residuals = martingale_residuals(np.zeros(n), train.target, strata=train.strata)
    weights = np.zeros((p, WIDTH))
    for unit in range(WIDTH):
        seen = rng.choice(p, p // 2, replace=False)
        x = train.x[:, seen]
        penalised = x.T @ x + RIDGE * n * np.eye(seen.size)
        weights[seen, unit] = np.linalg.solve(penalised, x.T @ residuals)
    return weights


def in_sample_cost(section: SignatureSection, rng: np.random.Generator) -> dict[str, float]:
    """C of training and test patients and the slope, by in-sample and by cross-fitted scores."""
    train, test = draw(INPUTS, rng)
    fold_of = draw_folds(train.strata, n_folds=N_FOLDS, rng=rng)
    seed = int(rng.integers(2**31))
    deployed_network = network(train, rng)
    deployed = fit_signature(
        train.x @ deployed_network,
        train.target,
        train.arms,
        section=section,
        network_id="all",
        rng=np.random.default_rng(seed),
    )
    tables = []
    for fold in range(N_FOLDS):
        kept = fold_of != fold
        part = Arrays(train.x[kept], train.target.subset(kept), train.arms[kept])
        tables.append(train.x @ network(part, rng))
    crossed = cross_fit(
        tables,
        train.target,
        train.arms,
        fold_of,
        section=section,
        network_ids=[f"fold {fold}" for fold in range(N_FOLDS)],
        seed=seed,
    )
    unseen = deployed.apply(test.x @ deployed_network)
    seen = in_sample(deployed, train.x @ deployed_network).scores
    found = {}
    for name, scores in (("in-sample", seen), ("cross-fitted", crossed.scores)):
        found[f"{name}: C in training"] = train.c_within(scores)
        found[f"{name}: C in test"] = test.c_within(unseen)
        # Predictions are b * score, b of the training patients.
        found[f"{name}: slope in test"] = _coefficient(test, unseen) / _coefficient(train, scores)
    return found


def _coefficient(patients: Arrays, score: FloatArray) -> float:
    fit = fit_cox(score.reshape(-1, 1), patients.target, strata=patients.strata)
    return float(fit.coefficients[0])


def measure(repeats: int) -> dict[str, FloatArray]:
    """Every figure over the repeats (repeats,)."""
    section = simulated_protocol().signature
    results = [
        arm_leak(section, np.random.default_rng([11, repeat]))
        | in_sample_cost(section, np.random.default_rng([12, repeat]))
        for repeat in track(range(repeats), "Cohorts", transient=True)
    ]
    return {name: np.array([one[name] for one in results]) for name in results[0]}


EXPECTED: dict[str, tuple[float, float]] = {
    "stratified: C within arms": (0.48, 0.52),
    "pooled: C of all patients": (0.56, 0.70),
    "pooled: C within arms": (0.48, 0.52),
    "in-sample: slope in test": (0.0, 0.7),
    "cross-fitted: slope in test": (0.8, 1.25),
}


def main() -> int:
    """Measure, show, and say by the exit status whether the expectations hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=REPEATS)
    arguments = parser.parse_args()
    found = measure(arguments.repeats)
    table = Table(title=f"Leakage in {arguments.repeats} cohorts")
    for column in ("Figure", "Mean (slopes: median)", "SE", "Expected", ""):
        table.add_column(column)
    holds = {}
    for name, values in found.items():
        # A slope is a ratio, now and then of a coefficient near 0: the median stands for all.
        middle = float(np.median(values) if "slope" in name else values.mean())
        error = float(values.std(ddof=1) / np.sqrt(values.size))
        lower, upper = EXPECTED.get(name, (-np.inf, np.inf))
        holds[name] = lower <= middle <= upper
        said = f"{lower:g} to {upper:g}" if name in EXPECTED else ""
        table.add_row(
            name, f"{middle:.3f}", f"{error:.3f}", said, "" if holds[name] else "does not hold"
        )
    Console().print(table)
    return 0 if all(holds.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
