"""Invented patients with a known hazard, and the model that is true of them."""

import numpy as np
import pandas as pd

from components.arms.published import PublishedBaseline, PublishedModel
from components.survival.design import Predictor

PREDICTORS = (
    Predictor(name="age_years", label="Age", kind="continuous", unit="years"),
    Predictor(name="tumor_diameter_cm", label="Tumor diameter", kind="continuous", unit="cm"),
    Predictor(name="bclc_stage", label="BCLC", kind="categorical", levels=("A", "B", "C")),
)
COEFFICIENTS = {
    "age_years": 0.02,
    "tumor_diameter_cm": 0.12,
    "bclc_stage=B": 0.5,
    "bclc_stage=C": 1.0,
}
CENTRE = {"age_years": 55.0, "tumor_diameter_cm": 6.0}
MEDIAN_DAYS = 900.0


def draw_patients(n: int, *, seed: int, slope: float = 1.0, level: float = 0.0) -> pd.DataFrame:
    """Exponential survival whose log hazard is `level + slope * lp` of `true_model`."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "age_years": rng.uniform(30, 80, n).round(),
            "tumor_diameter_cm": rng.gamma(4, 1.6, n).round(1) + 0.5,
            "bclc_stage": rng.choice(["A", "B", "C"], n),
        },
        index=pd.Index([f"P{i:04d}" for i in range(n)], name="patient_id"),
    )
    lp = level + slope * true_model().linear_predictor(table)
    death_days = rng.exponential(MEDIAN_DAYS / np.log(2) * np.exp(-lp))
    censored_days = rng.uniform(300, 2500, n)
    table["os_days"] = np.minimum(death_days, censored_days) + 1e-3
    table["death"] = (death_days <= censored_days).astype(int)
    return table


def true_model(**changed: object) -> PublishedModel:
    """The model, its exponential baseline printed for every tenth day."""
    days = np.arange(10, 3000, 10, dtype=float)
    baseline = PublishedBaseline(
        kind="steps",
        times_days=tuple(days.tolist()),
        survival=tuple(np.exp(-np.log(2) * days / MEDIAN_DAYS).tolist()),
    )
    given = {
        "name": "Invented score",
        "source": "doi:10.0000/invented",
        "predictors": PREDICTORS,
        "coefficients": COEFFICIENTS,
        "centre": CENTRE,
        "baseline": baseline,
    }
    return PublishedModel.model_validate({**given, **changed})
