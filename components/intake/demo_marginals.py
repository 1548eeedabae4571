"""What the demo cohort has in common with the study: Table 1, deaths and follow-up.

Numbers are those printed in Table 1 of the study (10.31083/BJHM50380). Tumor diameters are printed
there as millimeters; their medians of 5.50 and 9.80 are centimeters.
"""

import math
from dataclasses import dataclass
from typing import Literal

from components.study.vocabulary import TreatmentArm

Quartiles = tuple[float, float, float]


@dataclass(frozen=True)
class Scale:
    """How a continuous variable is written down and on which scale it is nearest to normal.

    Values are rounded to `decimals` and kept within `lower` and `upper`.
    """

    decimals: int
    transform: Literal["linear", "root", "log"]
    lower: float = 0.0
    upper: float = math.inf


@dataclass(frozen=True)
class ArmMarginals:
    """Table 1 of one arm.

    `counts` holds the patients of each level, `quartiles` the first quartile, the median and the
    third quartile. `tumor_numbers` holds the patients with 1, 2, ... tumors: the study prints only
    its quartiles, which these counts have.
    """

    n: int
    deaths: int
    counts: dict[str, dict[str, int]]
    tumor_numbers: dict[int, int]
    quartiles: dict[str, Quartiles]


SCALES: dict[str, Scale] = {
    "tumor_diameter_cm": Scale(1, "root", lower=1.0, upper=20.0),
    "age_years": Scale(0, "linear", lower=18.0, upper=95.0),
    "platelets_1e9_per_l": Scale(0, "log"),
    "ast_u_per_l": Scale(1, "log"),
    "alt_u_per_l": Scale(1, "log"),
    "ggt_u_per_l": Scale(1, "log"),
    "albumin_g_per_l": Scale(1, "linear", lower=18.0),
    "bilirubin_umol_per_l": Scale(1, "log"),
    "creatinine_umol_per_l": Scale(1, "log"),
    "prothrombin_time_s": Scale(1, "log"),
    "inr": Scale(2, "log"),
}
"""Continuous variables by column."""

MARGINALS: dict[TreatmentArm, ArmMarginals] = {
    TreatmentArm.HEPATECTOMY: ArmMarginals(
        n=278,
        deaths=134,
        counts={
            "child_pugh_class": {"A": 251, "B": 27},
            "ecog_ps": {"0": 56, "1": 210, "2": 12},
            "sex": {"male": 239, "female": 39},
            "hbv_infection": {"absent": 61, "present": 217},
            "diabetes": {"absent": 251, "present": 27},
            "albi_grade": {"1": 142, "2": 128, "3": 8},
            "cirrhosis": {"absent": 202, "present": 76},
            "tumor_location": {"left": 97, "right": 166, "both": 15},
            "bclc_stage": {"A": 142, "B": 64, "C": 72},
            "fusion_lesions": {"absent": 178, "present": 100},
            "capsule": {"absent": 78, "intact": 133, "incomplete": 42, "breached": 25},
            "intratumoral_necrosis": {"absent": 100, "present": 178},
            "arterial_peritumoral_enhancement": {"absent": 118, "present": 160},
        },
        tumor_numbers={1: 172, 2: 58, 3: 22, 4: 10, 5: 8, 6: 8},
        quartiles={
            "tumor_diameter_cm": (3.73, 5.50, 8.00),
            "age_years": (49.0, 57.0, 66.0),
            "platelets_1e9_per_l": (96.0, 135.0, 191.75),
            "ast_u_per_l": (30.33, 45.70, 68.00),
            "alt_u_per_l": (24.00, 35.50, 61.68),
            "ggt_u_per_l": (34.00, 62.85, 139.75),
            "albumin_g_per_l": (36.73, 40.05, 43.55),
            "bilirubin_umol_per_l": (12.60, 16.40, 23.20),
            "creatinine_umol_per_l": (57.75, 67.85, 76.38),
            "prothrombin_time_s": (13.10, 13.80, 14.30),
            "inr": (1.01, 1.07, 1.13),
        },
    ),
    TreatmentArm.TACE: ArmMarginals(
        n=131,
        deaths=108,
        counts={
            "child_pugh_class": {"A": 99, "B": 32},
            "ecog_ps": {"0": 18, "1": 107, "2": 6},
            "sex": {"male": 111, "female": 20},
            "hbv_infection": {"absent": 30, "present": 101},
            "diabetes": {"absent": 118, "present": 13},
            "albi_grade": {"1": 32, "2": 91, "3": 8},
            "cirrhosis": {"absent": 88, "present": 43},
            "tumor_location": {"left": 22, "right": 65, "both": 44},
            "bclc_stage": {"A": 33, "B": 40, "C": 58},
            "fusion_lesions": {"absent": 55, "present": 76},
            "capsule": {"absent": 47, "intact": 25, "incomplete": 45, "breached": 14},
            "intratumoral_necrosis": {"absent": 45, "present": 86},
            "arterial_peritumoral_enhancement": {"absent": 40, "present": 91},
        },
        tumor_numbers={1: 48, 2: 25, 3: 11, 4: 7, 5: 5, 6: 8, 7: 7, 8: 6, 9: 4, 10: 10},
        quartiles={
            "tumor_diameter_cm": (7.20, 9.80, 12.70),
            "age_years": (51.0, 62.0, 69.5),
            "platelets_1e9_per_l": (111.50, 152.70, 209.50),
            "ast_u_per_l": (46.45, 75.00, 130.50),
            "alt_u_per_l": (26.00, 39.00, 66.00),
            "ggt_u_per_l": (105.50, 189.00, 363.50),
            "albumin_g_per_l": (33.70, 36.80, 40.45),
            "bilirubin_umol_per_l": (14.50, 21.00, 30.15),
            "creatinine_umol_per_l": (57.55, 67.40, 76.90),
            "prothrombin_time_s": (13.40, 13.90, 14.70),
            "inr": (1.03, 1.09, 1.16),
        },
    ),
}
"""Table 1 by arm."""

DEMO_SIZES: dict[TreatmentArm, int] = {arm: table.n for arm, table in MARGINALS.items()}
"""Patients of the demo cohort by arm: as many as the study had."""

DEMO_SEED = 20260126
"""The seed of the demo cohort that `data.dvc` versions."""
