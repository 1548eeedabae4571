"""The clinical table of the demo cohort, drawn from a seed."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from components.errors import UsageError
from components.intake.demo_marginals import MARGINALS
from components.intake.demo_simulation import SimulatedArm, pseudonyms, simulate_arm
from components.intake.demo_survival import observe
from components.study.randomness import step_seed
from components.study.vocabulary import TreatmentArm
from components.survival.target import FloatArray, IntArray

_ENROLMENT_START = dt.date(2013, 1, 1)
_ENROLMENT_END = dt.date(2022, 12, 31)
_DATA_CUT = dt.date(2023, 12, 31)
_MAXIMUM_DAYS_CT_TO_TREATMENT = 31
_MINIMUM_PATIENTS = 8


@dataclass(frozen=True, eq=False)
class DemoCohort:
    """A synthetic cohort: the clinical table indexed by patient, and what the CT is drawn from.

    `latent_aggressiveness` (n,) and `signs` (columns of `demo_signs.SIGNS`) are in the table's
    order.
    """

    clinical: pd.DataFrame
    latent_aggressiveness: FloatArray
    signs: pd.DataFrame


def make_cohort(*, seed: int, n_by_arm: Mapping[TreatmentArm, int]) -> DemoCohort:
    """The synthetic cohort that a seed stands for, in the order of its pseudonyms.

    With the study's numbers of patients the columns have Table 1 of the study: its counts exactly,
    its quartiles closely. With other numbers the counts are in proportion.

    Raises:
        UsageError: An arm has too few patients to have deaths, or the demo knows no such arm.
    """
    _check_sizes(n_by_arm)
    names = pseudonyms(list(n_by_arm.values()), seed=seed)
    tables, latents, signs = [], [], []
    for (arm, n), patients in zip(n_by_arm.items(), names, strict=True):
        simulated = simulate_arm(arm, n, seed=seed)
        index = pd.Index(patients, name="patient_id")
        tables.append(_clinical_rows(simulated, arm, seed=seed).set_index(index))
        signs.append(simulated.signs.set_index(index))
        latents.append(pd.Series(simulated.aggressiveness, index=index))
    clinical = pd.concat(tables).sort_index()
    latent = pd.concat(latents).loc[clinical.index].to_numpy(dtype=np.float64)
    return DemoCohort(clinical, latent, pd.concat(signs).loc[clinical.index])


def _check_sizes(n_by_arm: Mapping[TreatmentArm, int]) -> None:
    for arm, n in n_by_arm.items():
        if arm not in MARGINALS:
            msg = f"the demo cohort has the arms {', '.join(MARGINALS)}, not '{arm}'"
            raise UsageError(msg)
        if n < _MINIMUM_PATIENTS:
            msg = f"expected at least {_MINIMUM_PATIENTS} patients in arm '{arm}', came {n}"
            raise UsageError(msg)


def _clinical_rows(simulated: SimulatedArm, arm: TreatmentArm, *, seed: int) -> pd.DataFrame:
    n = len(simulated.predictors)
    rng = np.random.default_rng(step_seed(seed, f"demo/follow-up/{arm.value}"))
    days_to_data_cut = rng.integers(
        (_DATA_CUT - _ENROLMENT_END).days, (_DATA_CUT - _ENROLMENT_START).days, n, endpoint=True
    )
    seen = observe(simulated.death_days[arm], days_to_data_cut, arm, rng=rng)
    days_ct = rng.integers(1, _MAXIMUM_DAYS_CT_TO_TREATMENT, n, endpoint=True)
    follow_up = pd.DataFrame(
        {"arm": arm.value, "os_days": seen.os_days, "death": seen.died.astype(np.int64)}
    )
    setting = pd.DataFrame(
        {
            "center": "center_1",
            "days_ct_to_treatment": days_ct,
            "days_to_data_cut": days_to_data_cut,
            "in_enrolment_window": True,
            "treatment_quarter": _quarters(days_to_data_cut),
            "hcc_confirmed": True,
            "other_malignancy": False,
            "prior_antitumor_treatment": False,
            "adequate_image_quality": True,
        },
        index=follow_up.index,
    )
    return pd.concat([follow_up, simulated.predictors, setting], axis=1)


def _quarters(days_to_data_cut: IntArray) -> list[str]:
    dates = [_DATA_CUT - dt.timedelta(days=int(days)) for days in days_to_data_cut]
    return [f"{date.year}Q{(date.month + 2) // 3}" for date in dates]
