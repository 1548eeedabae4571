"""Liver function from laboratory values: the ALBI score and its grade, the points of Child-Pugh.

ALBI: Johnson et al. 2015, 10.1200/JCO.2014.57.9151; grade 2 divided at -2.27: Hiraoka et al. 2017,
10.1159/000455951. Child-Pugh: Pugh et al. 1973, 10.1002/bjs.1800600817, with the INR for the
prothrombin time.
"""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

ALBI_GRADE_CUTS = (-2.60, -1.39)
"""Upper limits of grades 1 and 2 (inclusive)."""

MODIFIED_ALBI_GRADE_CUTS = (-2.60, -2.27, -1.39)
"""Upper limits of grades 1, 2a and 2b (inclusive)."""

_MODIFIED_GRADES = np.array(["1", "2a", "2b", "3"])

CHILD_PUGH_POINTS: dict[str, tuple[int, int]] = {"A": (5, 6), "B": (7, 9), "C": (10, 15)}
"""Fewest and most points of each class."""

# Textbooks differ at the limits (albumin of exactly 35 g/L, bilirubin of 2 mg/dL or 34 µmol/L, INR
# to 2.2 or 2.3): the first pair favors fewer points, the second more. Albumin counts downwards.
_CUTS: dict[str, tuple[tuple[float, float], tuple[float, float]]] = {
    "albumin_g_per_l": ((-35.0, -28.0), (-35.0, -28.0)),
    "bilirubin_umol_per_l": ((34.2, 51.3), (34.0, 50.0)),
    "inr": ((1.7, 2.3), (1.7, 2.2)),
}

CHILD_PUGH_PARTS = tuple(_CUTS)
"""The parts of Child-Pugh that are columns; ascites and encephalopathy are none."""


def albi_score(bilirubin_umol_per_l: ArrayLike, albumin_g_per_l: ArrayLike) -> NDArray[np.float64]:
    """The ALBI score, 0.66 log10(bilirubin in µmol/L) - 0.085 albumin in g/L; shapes broadcast.

    NaN where a value is missing, or the bilirubin is not above 0.
    """
    bilirubin = np.asarray(bilirubin_umol_per_l, dtype=np.float64)
    albumin = np.asarray(albumin_g_per_l, dtype=np.float64)
    positive = np.where(bilirubin > 0, bilirubin, np.nan)
    return np.asarray(0.66 * np.log10(positive) - 0.085 * albumin, dtype=np.float64)


def albi_grade(score: ArrayLike) -> NDArray[np.str_]:
    """The grade "1", "2" or "3" of an unrounded ALBI score."""
    grades = 1 + np.searchsorted(ALBI_GRADE_CUTS, np.asarray(score, dtype=np.float64), side="left")
    return grades.astype(str)


def modified_albi_grade(score: ArrayLike) -> NDArray[np.str_]:
    """The grade "1", "2a", "2b" or "3" of an unrounded ALBI score."""
    place = np.searchsorted(MODIFIED_ALBI_GRADE_CUTS, np.asarray(score, dtype=np.float64), "left")
    return np.asarray(_MODIFIED_GRADES[place])


def child_pugh_points(
    part: str, values: ArrayLike, end: Literal["fewest", "most"]
) -> NDArray[np.float64]:
    """Points (n,) of one part of Child-Pugh: 1 to 3.

    Args:
        part: One of `CHILD_PUGH_PARTS`.
        values: (n,) in the unit of its name; NaN is not known.
        end: The fewest or the most points that a value can get; for one that is not known 1 and 3.
    """
    known = np.asarray(values, dtype=np.float64)
    counted = -known if part == "albumin_g_per_l" else known
    fewest, most = _CUTS[part]
    if end == "fewest":
        points = 1 + np.searchsorted(fewest, counted, side="left")
    else:
        points = 1 + np.searchsorted(most, counted, side="right")
    return np.where(np.isnan(known), 1.0 if end == "fewest" else 3.0, points)
