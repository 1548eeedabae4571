"""The clinical picture of a demo arm: latent traits of a patient, and the columns they shape.

Columns depend on one another as in liver disease: poor synthesis lowers albumin and platelets and
raises bilirubin, prothrombin time and INR; tumor burden and vascular invasion make the stage, the
number of tumors and their diameter; the imaging rows follow the signs that are drawn into the CT.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.cohort.liver_function import ALBI_GRADE_CUTS, albi_grade, albi_score
from components.intake.demo_marginals import SCALES, ArmMarginals
from components.intake.demo_ranks import in_proportion, quartile_matched, ranked_levels, ranks
from components.survival.target import FloatArray

Column = NDArray[Any]

_ALBUMIN_WEIGHT = 0.085
_CHILD_PUGH_ALBUMIN_G_PER_L = (35.0, 28.0)
_CHILD_PUGH_BILIRUBIN_UMOL_PER_L = (34.0, 50.0)
_CAPSULE_BY_SIGN = ("intact", "incomplete", "breached", "absent")


@dataclass(frozen=True)
class Traits:
    """Standard normal latent traits (n,) of the patients of an arm; higher is worse.

    `synthesis`: loss of liver function; `inflammation`: hepatitis; `burden`: amount of tumor;
    `invasion`: vascular invasion and spread; `age`: age.
    """

    synthesis: FloatArray
    inflammation: FloatArray
    burden: FloatArray
    invasion: FloatArray
    age: FloatArray


def draw_traits(n: int, rng: np.random.Generator) -> Traits:
    """Traits of `n` patients; invasion goes with burden, the others are independent."""
    synthesis, inflammation, burden, spread, age = rng.standard_normal((5, n))
    return Traits(synthesis, inflammation, burden, 0.4 * burden + 0.9 * spread, age)


def draw_patients(
    traits: Traits, signs: pd.DataFrame, table: ArmMarginals, *, rng: np.random.Generator
) -> pd.DataFrame:
    """The predictors of an arm's patients, one row a patient, distributed as in Table 1.

    Args:
        traits: Latent traits of the n patients.
        signs: Imaging signs, standardized: columns of `demo_signs.SIGNS`, n rows.
        table: The arm's part of Table 1.
        rng: Source of everything the traits leave open.
    """
    columns: dict[str, Column] = dict(_measurements(traits, table, rng))
    columns |= _background(traits, columns, table, rng)
    columns |= _tumor(traits, table, rng)
    columns |= _imaging_rows(traits, signs, table, rng)
    return pd.DataFrame(columns)


def _measurements(
    traits: Traits, table: ArmMarginals, rng: np.random.Generator
) -> dict[str, FloatArray]:
    noise = dict(zip(SCALES, rng.standard_normal((len(SCALES), traits.age.size)), strict=True))
    clotting = 0.6 * traits.synthesis + 0.8 * noise["prothrombin_time_s"]
    scores = {
        "tumor_diameter_cm": 0.75 * traits.burden + 0.65 * noise["tumor_diameter_cm"],
        "age_years": traits.age,
        "platelets_1e9_per_l": (
            -0.45 * traits.synthesis + 0.25 * traits.burden + 0.85 * noise["platelets_1e9_per_l"]
        ),
        "ast_u_per_l": (
            0.7 * traits.inflammation + 0.35 * traits.burden + 0.6 * noise["ast_u_per_l"]
        ),
        "alt_u_per_l": 0.8 * traits.inflammation + 0.6 * noise["alt_u_per_l"],
        "ggt_u_per_l": (
            0.4 * traits.inflammation + 0.45 * traits.burden + 0.8 * noise["ggt_u_per_l"]
        ),
        "albumin_g_per_l": -0.7 * traits.synthesis + 0.7 * noise["albumin_g_per_l"],
        "bilirubin_umol_per_l": (
            0.6 * traits.synthesis
            + 0.25 * traits.inflammation
            + 0.75 * noise["bilirubin_umol_per_l"]
        ),
        "creatinine_umol_per_l": 0.35 * traits.age + 0.95 * noise["creatinine_umol_per_l"],
        "prothrombin_time_s": clotting,
        "inr": 0.92 * clotting + 0.4 * noise["inr"],
    }
    values = {
        name: quartile_matched(score, table.quartiles[name], SCALES[name])
        for name, score in scores.items()
    }
    values["albumin_g_per_l"] = _albumin_for_grades(
        values["albumin_g_per_l"], values["bilirubin_umol_per_l"], table.counts["albi_grade"]
    )
    return values


def _albumin_for_grades(
    albumin_g_per_l: FloatArray, bilirubin_umol_per_l: FloatArray, grades: dict[str, int]
) -> FloatArray:
    """Albumin shifted as little as gives each ALBI grade its number of patients.

    The ranking by ALBI score stays. Where the score of a patient lies on the wrong side of a cut
    for its rank, albumin moves it across by at least 0.05 g/L, half of its last decimal.
    """
    score = albi_score(bilirubin_umol_per_l, albumin_g_per_l)
    grade = ranked_levels(score, grades).astype(int)
    cuts = np.array([-np.inf, *ALBI_GRADE_CUTS, np.inf])
    margin = 0.05 * _ALBUMIN_WEIGHT
    shifted = np.clip(score, cuts[grade - 1] + margin, cuts[grade] - margin)
    moved = shifted != score
    albumin = albumin_g_per_l - (shifted - score) / _ALBUMIN_WEIGHT
    down = np.floor(albumin * 10) / 10
    up = np.ceil(albumin * 10) / 10
    rounded = np.where(shifted > score, down, up)
    return np.where(moved, np.round(rounded, 1), albumin_g_per_l)


def _background(
    traits: Traits, measured: dict[str, Column], table: ArmMarginals, rng: np.random.Generator
) -> dict[str, Column]:
    noise = rng.standard_normal((5, traits.age.size))
    hbv = -0.3 * traits.age + 0.95 * noise[0]
    cirrhosis = 0.6 * traits.synthesis + 0.2 * hbv + 0.75 * noise[1]
    points = _child_pugh_points(measured)
    child_pugh = points + 0.6 * traits.synthesis + 0.4 * noise[2]
    counts = table.counts
    return {
        "sex": ranked_levels(noise[3], counts["sex"]),
        "hbv_infection": ranked_levels(hbv, counts["hbv_infection"]),
        "diabetes": ranked_levels(0.4 * traits.age + 0.9 * noise[4], counts["diabetes"]),
        "cirrhosis": ranked_levels(cirrhosis, counts["cirrhosis"]),
        "child_pugh_class": ranked_levels(child_pugh, counts["child_pugh_class"]),
        "albi_grade": albi_grade(
            albi_score(measured["bilirubin_umol_per_l"], measured["albumin_g_per_l"])
        ).astype(object),
    }


def _child_pugh_points(measured: dict[str, Column]) -> FloatArray:
    """Points for albumin and bilirubin; ascites and encephalopathy are not in the table."""
    albumin, bilirubin = measured["albumin_g_per_l"], measured["bilirubin_umol_per_l"]
    low = sum((albumin < cut).astype(np.float64) for cut in _CHILD_PUGH_ALBUMIN_G_PER_L)
    high = sum((bilirubin > cut).astype(np.float64) for cut in _CHILD_PUGH_BILIRUBIN_UMOL_PER_L)
    return np.asarray(low + high, dtype=np.float64)


def _tumor(traits: Traits, table: ArmMarginals, rng: np.random.Generator) -> dict[str, Column]:
    n = traits.burden.size
    noise = rng.standard_normal((6, n))
    counts = table.counts
    multiplicity = 0.6 * traits.burden + 0.8 * noise[0]
    stage = _last_level_apart(traits.invasion, multiplicity, counts["bclc_stage"])
    # Stage B is multinodular by definition, stage A here a single tumor.
    multiple = multiplicity + np.select([stage == "A", stage == "B"], [-9.0, 9.0], 0.0)
    is_single = ranks(multiple) < in_proportion(table.tumor_numbers, n)[1]
    number = np.where(is_single, -np.inf, 0.4 * multiplicity + noise[5])
    share = ranks(multiple) / n
    spread = 0.5 * share + 0.35 * traits.burden + 0.6 * noise[1]
    performance = 0.3 * traits.age + 0.3 * traits.synthesis + 0.8 * noise[3] + 1.5 * (stage == "C")
    fusion = 1.5 * share + 0.4 * traits.burden + 0.6 * noise[4]
    return {
        "bclc_stage": stage,
        "tumor_number": ranked_levels(number, table.tumor_numbers).astype(np.float64),
        "tumor_location": _last_level_apart(spread, noise[2], counts["tumor_location"]),
        "ecog_ps": ranked_levels(performance, counts["ecog_ps"]),
        "fusion_lesions": ranked_levels(fusion, counts["fusion_lesions"]),
    }


def _last_level_apart(last: FloatArray, others: FloatArray, counts: dict[str, int]) -> Column:
    """Levels (n,): the last one goes to the highest of `last`, the rest are ranked by `others`."""
    n_last = list(in_proportion(counts, last.size).values())[-1]
    is_last = ranks(last) >= last.size - n_last
    return ranked_levels(np.where(is_last, np.inf, others), counts)


def _imaging_rows(
    traits: Traits, signs: pd.DataFrame, table: ArmMarginals, rng: np.random.Generator
) -> dict[str, Column]:
    noise = rng.standard_normal((3, traits.age.size))
    counts = table.counts
    capsule = signs["capsule"].to_numpy()
    intact_first = {level: counts["capsule"][level] for level in _CAPSULE_BY_SIGN}
    return {
        "intratumoral_necrosis": ranked_levels(
            0.6 * signs["necrosis"].to_numpy() + 0.3 * traits.burden + 0.75 * noise[0],
            counts["intratumoral_necrosis"],
        ),
        "arterial_peritumoral_enhancement": ranked_levels(
            0.6 * signs["rim"].to_numpy() + 0.8 * noise[1],
            counts["arterial_peritumoral_enhancement"],
        ),
        "capsule": ranked_levels(-0.6 * capsule + 0.8 * noise[2], intact_first),
    }
