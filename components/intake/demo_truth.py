"""The truth behind the demo cohort, recomputed from its seed.

For benchmarks and tests alone: no run that trains or judges a model may read it or write it down.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from components.intake.demo_simulation import SimulatedArm, pseudonyms, simulate_arm
from components.study.vocabulary import TreatmentArm


def true_outcomes(seed: int, n_by_arm: Mapping[TreatmentArm, int]) -> pd.DataFrame:
    """What nature knows of each patient of the cohort, indexed and ordered as its clinical table.

    Columns: `arm` received, `aggressiveness`, and for every arm `linear_predictor_<arm>`, the log
    relative hazard, and `death_days_<arm>`, the whole days to death if treated so and followed for
    ever.
    """
    names = pseudonyms(list(n_by_arm.values()), seed=seed)
    parts = [
        _truth_of(simulate_arm(arm, n, seed=seed), arm, patients)
        for (arm, n), patients in zip(n_by_arm.items(), names, strict=True)
    ]
    return pd.concat(parts).sort_index()


def _truth_of(simulated: SimulatedArm, arm: TreatmentArm, patients: list[str]) -> pd.DataFrame:
    columns = {"arm": arm.value, "aggressiveness": simulated.aggressiveness}
    for other, predictor in simulated.linear_predictors.items():
        columns[f"linear_predictor_{other.value}"] = predictor
        columns[f"death_days_{other.value}"] = np.ceil(simulated.death_days[other])
    return pd.DataFrame(columns, index=pd.Index(patients, name="patient_id"))
