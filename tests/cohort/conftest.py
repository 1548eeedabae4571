"""A small clinical table that holds what the tests need."""

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def clinical():
    """Sixty patients, two arms, complete."""
    rng = np.random.default_rng(7)
    n = 60
    return pd.DataFrame(
        {
            "arm": ["hepatectomy"] * 40 + ["tace"] * 20,
            "os_days": np.round(rng.exponential(700, n) + 1, 1),
            "death": rng.integers(0, 2, n),
            "center": "center_1",
            "hcc_confirmed": pd.array([True] * n, dtype="boolean"),
            "age_years": rng.integers(30, 80, n).astype(float),
            "days_ct_to_treatment": rng.integers(1, 31, n).astype(float),
            "bclc_stage": rng.choice(["A", "B", "C"], n),
            "albumin_g_per_l": rng.normal(38, 5, n).round(1),
        },
        index=pd.Index([f"P-{i:03d}" for i in range(n)], name="patient_id"),
    )
