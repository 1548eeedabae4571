"""Survival samples that hypothesis draws."""

import numpy as np
from hypothesis import strategies as st

from components.survival.target import SurvivalTarget


@st.composite
def samples(draw, *, columns=2, smallest=30, largest=80):
    """(x, target): patients with an effect of the first column, whole days, often tied."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(smallest, largest))
    x = rng.normal(size=(n, columns))
    risk = np.exp(draw(st.floats(-0.8, 0.8)) * x[:, 0])
    days = draw(st.sampled_from([5, 40, 400]))
    dies, leaves = rng.exponential(days / risk), rng.uniform(days / 4, 2 * days, n)
    event = dies <= leaves
    event[: columns + 3] = True
    return x, SurvivalTarget.of(np.ceil(np.minimum(dies, leaves)), event)
