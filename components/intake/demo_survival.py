"""The demo cohort's survival: known hazards of death under each arm, and follow-up that ends.

Death under an arm follows a Weibull proportional hazards model. Follow-up ends at the data cut or
with a loss to follow-up that does not depend on the patient.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from components.intake.demo_marginals import MARGINALS
from components.study.vocabulary import TreatmentArm
from components.survival.target import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class Hazard:
    """Cumulative hazard of death (t / scale_days)^shape * exp(linear predictor).

    `levels` and `slopes` are log hazard ratios: of levels against the reference, and of one unit of
    a continuous variable, counted from `centers`. The time to loss of
    follow-up is lognormal; `loss_sd` is the SD of its logarithm.
    """

    shape: float
    scale_days: float
    levels: dict[str, dict[str, float]]
    slopes: dict[str, float]
    centers: dict[str, float]
    aggressiveness: float
    loss_sd: float


HAZARDS: dict[TreatmentArm, Hazard] = {
    TreatmentArm.HEPATECTOMY: Hazard(
        shape=1.25,
        scale_days=2600.0,
        levels={
            "bclc_stage": {"B": 0.40, "C": 0.80},
            "cirrhosis": {"present": 0.50},
            "albi_grade": {"2": 0.40, "3": 0.90},
        },
        slopes={"tumor_diameter_cm": 0.08},
        centers={"tumor_diameter_cm": 5.5},
        aggressiveness=0.85,
        loss_sd=1.4,
    ),
    TreatmentArm.TACE: Hazard(
        shape=1.6,
        scale_days=510.0,
        levels={
            "bclc_stage": {"B": 0.35, "C": 0.70},
            "cirrhosis": {"present": 0.45},
            "tumor_location": {"right": 0.0, "both": 0.45},
        },
        slopes={},
        centers={},
        aggressiveness=0.75,
        loss_sd=1.2,
    ),
}
"""The hazards by arm."""


def linear_predictor(
    patients: pd.DataFrame, aggressiveness: FloatArray, arm: TreatmentArm
) -> FloatArray:
    """The true log relative hazard (n,) of patients, were they treated as `arm`."""
    hazard = HAZARDS[arm]
    predictor = hazard.aggressiveness * aggressiveness
    for name, effects in hazard.levels.items():
        predictor = predictor + patients[name].map(effects).fillna(0.0).to_numpy(dtype=np.float64)
    for name, slope in hazard.slopes.items():
        predictor = predictor + slope * (patients[name].to_numpy() - hazard.centers[name])
    return np.asarray(predictor, dtype=np.float64)


def death_days(predictor: FloatArray, exponential: FloatArray, arm: TreatmentArm) -> FloatArray:
    """Days to death (n,) under an arm: where the cumulative hazard meets a unit exponential (n,).

    The same exponential under every arm makes these the potential outcomes of one patient.
    """
    hazard = HAZARDS[arm]
    unit = (exponential * np.exp(-predictor)) ** (1.0 / hazard.shape)
    return np.asarray(hazard.scale_days * unit, dtype=np.float64)


@dataclass(frozen=True)
class FollowUp:
    """Observed whole days (n,) to death or to the end of follow-up, and which of the two."""

    os_days: FloatArray
    died: BoolArray


def observe(
    death: FloatArray, days_to_data_cut: IntArray, arm: TreatmentArm, *, rng: np.random.Generator
) -> FollowUp:
    """What is seen of the days to death (n,) until the data cut, with the arm's share of deaths.

    Losses to follow-up come as early as makes the number of observed deaths the study's, in
    proportion to the size of the arm (as many as die before the data cut, if these are fewer).
    """
    table = MARGINALS[arm]
    loss = np.exp(HAZARDS[arm].loss_sd * rng.standard_normal(death.size))
    seen = np.sort((death / loss)[death <= days_to_data_cut])
    n_deaths = min(round(table.deaths * death.size / table.n), seen.size)
    scale_days = _between(seen, n_deaths)
    end = np.minimum(days_to_data_cut, np.ceil(scale_days * loss))
    died = (death <= scale_days * loss) & (death <= days_to_data_cut)
    os_days = np.where(died, np.ceil(death), end)
    return FollowUp(np.maximum(os_days, 1.0), died)


def _between(critical: FloatArray, n: int) -> float:
    """A scale that exceeds exactly `n` of the sorted critical scales."""
    lower = critical[n - 1] if n > 0 else 0.5 * critical[0]
    upper = critical[n] if n < critical.size else 2.0 * critical[-1]
    return float(np.sqrt(lower * upper))
