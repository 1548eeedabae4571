"""Feature tables of networks that see a latent risk, in a cohort of two arms."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from components.study.protocol.signature import SignatureSection
from components.survival.target import SurvivalTarget

SECTION = {
    "fit": "cross_fitted",
    "strata": "arm",
    "maximum_correlation": 0.8,
    "screen_p_value": None,
    "l1_ratio": 1.0,
    "n_lambdas": 15,
    "lambda_min_ratio": 0.1,
    "cv_folds": 5,
    "cv_repeats": 2,
    "rule": "lambda_min",
}


@dataclass(frozen=True)
class Cohort:
    """180 patients: `latent` risk (n,), `arms`, `fold_of` (3 folds), and a table a fold."""

    latent: Any
    arms: Any
    target: SurvivalTarget
    fold_of: Any
    tables: list[Any]
    noise: Any


@pytest.fixture(scope="session")
def section():
    """The protocol's section, with what a test changes."""
    return lambda **changes: SignatureSection(**{**SECTION, **changes})


@pytest.fixture(scope="session")
def cohort():
    rng = np.random.default_rng(4)
    n, width = 180, 24
    latent = rng.normal(size=n)
    arms = np.where(rng.random(n) < 0.6, "hepatectomy", "tace")
    dies = rng.exponential(900 * np.exp(-latent - 1.0 * (arms == "tace")))
    leaves = rng.uniform(300, 2500, n)
    tables = []
    for _ in range(3):
        # Each network has its own coordinates for the same thing.
        weights = rng.normal(size=width) * (rng.random(width) < 0.4)
        table = latent[:, None] * weights + rng.normal(size=(n, width))
        tables.append(np.maximum(table, 0).astype(np.float32))
    return Cohort(
        latent=latent,
        arms=arms,
        target=SurvivalTarget.of(np.minimum(dies, leaves) + 1, dies <= leaves),
        fold_of=rng.permutation(np.arange(n) % 3),
        tables=tables,
        noise=rng.normal(size=(n, width)),
    )
