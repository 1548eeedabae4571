"""Liver function from laboratory values: the ALBI score and its grade.

Johnson et al. 2015, 10.1200/JCO.2014.57.9151; grade 2 divided at -2.27: Hiraoka et al. 2017,
10.1159/000455951.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

ALBI_GRADE_CUTS = (-2.60, -1.39)
"""Upper limits of grades 1 and 2 (inclusive)."""


def albi_score(bilirubin_umol_per_l: ArrayLike, albumin_g_per_l: ArrayLike) -> NDArray[np.float64]:
    """The ALBI score, 0.66 log10(bilirubin in µmol/L) - 0.085 albumin in g/L; shapes broadcast."""
    bilirubin = np.asarray(bilirubin_umol_per_l, dtype=np.float64)
    albumin = np.asarray(albumin_g_per_l, dtype=np.float64)
    return np.asarray(0.66 * np.log10(bilirubin) - 0.085 * albumin, dtype=np.float64)


def albi_grade(score: ArrayLike) -> NDArray[np.str_]:
    """The grade "1", "2" or "3" of an unrounded ALBI score."""
    grades = 1 + np.searchsorted(ALBI_GRADE_CUTS, np.asarray(score, dtype=np.float64), side="left")
    return grades.astype(str)
