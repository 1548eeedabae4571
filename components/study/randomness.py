"""Seeds of named steps: the same step of the same study draws the same numbers."""

import zlib

import numpy as np


def step_seed(seed: int, step: str) -> np.random.SeedSequence:
    """The seed sequence of a step, independent of every other step's."""
    return np.random.SeedSequence([seed, zlib.crc32(step.encode())])
