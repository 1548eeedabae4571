"""Imaging signs of aggressiveness: what a latent trait of the tumor shows in the CT."""

import numpy as np
import pandas as pd

from components.survival.target import FloatArray

SIGNS: dict[str, float] = {
    "rim": 0.87,
    "washout": 0.87,
    "necrosis": 0.82,
    "texture": 0.87,
    "capsule": -0.80,
    "satellites": 0.80,
}
"""Correlation of each sign with the latent aggressiveness: arterial rim enhancement, hypodensity in
the portal phase, share of necrosis, heterogeneity, completeness of the capsule, satellites."""


def draw_signs(aggressiveness: FloatArray, rng: np.random.Generator) -> pd.DataFrame:
    """Standardized signs, one row a patient: columns of `SIGNS`, mean 0 and SD 1 in expectation.

    Given the latent aggressiveness (n,), standard normal, the signs are independent.
    """
    noise = rng.standard_normal((len(SIGNS), aggressiveness.size))
    return pd.DataFrame(
        {
            name: loading * aggressiveness + np.sqrt(1 - loading**2) * own
            for (name, loading), own in zip(SIGNS.items(), noise, strict=True)
        }
    )
