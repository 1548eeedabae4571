"""Everything that is drawn of a demo arm, the hidden part included."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from components.intake.demo_marginals import MARGINALS
from components.intake.demo_patients import draw_patients, draw_traits
from components.intake.demo_signs import draw_signs
from components.intake.demo_survival import death_days, linear_predictor
from components.study.randomness import step_seed
from components.study.vocabulary import TreatmentArm
from components.survival.target import FloatArray


@dataclass(frozen=True, eq=False)
class SimulatedArm:
    """The patients of an arm as nature knows them; arrays are (n,).

    `linear_predictors` and `death_days` hold, for every arm, what would be if the patients were
    treated so: the potential outcomes.
    """

    predictors: pd.DataFrame
    aggressiveness: FloatArray
    signs: pd.DataFrame
    linear_predictors: dict[TreatmentArm, FloatArray]
    death_days: dict[TreatmentArm, FloatArray]


def simulate_arm(arm: TreatmentArm, n: int, *, seed: int) -> SimulatedArm:
    """The `n` patients of an arm that a seed stands for."""
    rng = np.random.default_rng(step_seed(seed, f"demo/patients/{arm.value}"))
    traits = draw_traits(n, rng)
    aggressiveness = rng.standard_normal(n)
    signs = draw_signs(aggressiveness, rng)
    predictors = draw_patients(traits, signs, MARGINALS[arm], rng=rng)
    exponential = rng.standard_exponential(n)
    under = {other: linear_predictor(predictors, aggressiveness, other) for other in MARGINALS}
    deaths = {other: death_days(lp, exponential, other) for other, lp in under.items()}
    return SimulatedArm(predictors, aggressiveness, signs, under, deaths)


def pseudonyms(sizes: list[int], *, seed: int) -> list[list[str]]:
    """Pseudonyms of groups of the given sizes; their order tells nothing of the group."""
    total = sum(sizes)
    rng = np.random.default_rng(step_seed(seed, "demo/pseudonyms"))
    width = max(4, len(str(total)))
    names = [f"DEMO-{number:0{width}d}" for number in rng.permutation(total) + 1]
    ends = np.cumsum(sizes)
    return [names[end - size : end] for size, end in zip(sizes, ends, strict=True)]
