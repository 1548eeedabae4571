"""R's numbers, read from tests/reference, and a small cohort with an effect in it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from components.survival.target import SurvivalTarget

REFERENCE = Path(__file__).parents[1] / "reference"


@pytest.fixture(scope="session")
def values():
    """values(set, quantity): R's answer."""

    def read(dataset, quantity):
        path = REFERENCE / "values" / dataset / f"{quantity}.json"
        return json.loads(path.read_text(encoding="utf-8"))

    return read


@pytest.fixture(scope="session")
def inputs():
    """inputs(set): the table that R was given."""
    return lambda dataset: pd.read_csv(REFERENCE / "inputs" / f"{dataset}.csv")


@pytest.fixture(scope="session")
def std_error():
    """The standard error behind a 95% Wald interval, from its upper half."""
    return lambda estimate: (estimate.upper - estimate.value) / 1.959963984540054


@pytest.fixture
def sample():
    """120 patients in whole days (ties), two columns, the first with an effect: (x, target)."""
    rng = np.random.default_rng(7)
    x = rng.normal(size=(120, 2))
    dies = np.ceil(rng.exponential(60 * np.exp(-0.8 * x[:, 0])))
    leaves = np.ceil(rng.uniform(10, 120, 120))
    return x, SurvivalTarget.of(np.minimum(dies, leaves), dies <= leaves)
