"""Units in which a hospital may write what armwise knows, and the factors to armwise's own.

Molar masses: bilirubin 584.66 g/mol, creatinine 113.12 g/mol. A month is a twelfth of 365.25 days.
"""

import unicodedata

import numpy as np
from numpy.typing import NDArray

_ENZYME = {"U/L": 1.0, "IU/L": 1.0, "µkat/L": 60.0}

UNITS: dict[str, dict[str, float]] = {
    "tumor_diameter_cm": {"cm": 1.0, "mm": 0.1},
    "tumor_number": {"lesions": 1.0},
    "age_years": {"years": 1.0, "months": 1 / 12},
    "platelets_1e9_per_l": {"10⁹/L": 1.0, "G/L": 1.0, "10³/µL": 1.0, "/µL": 0.001, "/mm³": 0.001},
    "ast_u_per_l": _ENZYME,
    "alt_u_per_l": _ENZYME,
    "ggt_u_per_l": _ENZYME,
    "albumin_g_per_l": {"g/L": 1.0, "g/dL": 10.0},
    "bilirubin_umol_per_l": {"µmol/L": 1.0, "mg/dL": 17.104, "mg/L": 1.7104},
    "creatinine_umol_per_l": {"µmol/L": 1.0, "mg/dL": 88.402, "mg/L": 8.8402},
    "prothrombin_time_s": {"s": 1.0},
    "inr": {"ratio": 1.0},
    "days_ct_to_treatment": {"days": 1.0, "weeks": 7.0},
}
"""By column of `components.cohort.schema`: the factor from each unit to that of the schema."""

DAYS_IN: dict[str, float] = {"days": 1.0, "weeks": 7.0, "months": 30.4375, "years": 365.25}

_DIGITS = 9


def spelled(unit: str) -> str:
    """A unit as it is compared: `µ`, `μ` and `u`, `10^9` and `10⁹`, large and small are one."""
    text = unicodedata.normalize("NFKC", unit).casefold().replace("μ", "u")
    return "".join(character for character in text if character not in " ^×*")


def factor(variable: str, unit: str) -> float | None:
    """The factor from a unit to the schema's; None where armwise knows no such unit of it."""
    by_spelling = {spelled(known): value for known, value in UNITS[variable].items()}
    return by_spelling.get(spelled(unit))


def converted(values: NDArray[np.float64], by: float) -> NDArray[np.float64]:
    """Values times a factor; rounded, so that 32 mm are 3.2 cm and not 3.2000000000000002."""
    return values if by == 1 else np.round(values * by, _DIGITS)
