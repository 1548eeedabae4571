"""The clinical table: every column with its unit, coding and plausible range, in one place.

The columns are those of Table 1 of the study (10.31083/BJHM50380) and of its eligibility rules.
"""

from typing import Literal

from components.study.results import Record

Direction = Literal["raises", "lowers"]


class Variable(Record):
    """A column of the clinical table, armwise's own or one that a study brings.

    `levels` orders a categorical variable, the reference first. `lower` and `upper` bound what can
    be measured in a living patient, not what is normal. `typical_median` bounds the median of any
    cohort of liver patients: a median beyond it says that the unit is another one.
    """

    name: str
    label: str
    kind: Literal["continuous", "count", "categorical", "identifier"]
    unit: str | None = None
    levels: tuple[str, ...] = ()
    lower: float | None = None
    upper: float | None = None
    typical_median: tuple[float, float] | None = None


def _continuous(
    name: str,
    label: str,
    unit: str,
    measurable: tuple[float, float],
    typical_median: tuple[float, float],
) -> Variable:
    lower, upper = measurable
    return Variable(
        name=name,
        label=label,
        kind="continuous",
        unit=unit,
        lower=lower,
        upper=upper,
        typical_median=typical_median,
    )


def _categorical(name: str, label: str, *levels: str) -> Variable:
    return Variable(name=name, label=label, kind="categorical", levels=levels)


def _binary(name: str, label: str) -> Variable:
    return _categorical(name, label, "absent", "present")


PREDICTORS: dict[str, Variable] = {
    variable.name: variable
    for variable in (
        _categorical("child_pugh_class", "Child-Pugh class", "A", "B", "C"),
        _categorical("ecog_ps", "ECOG performance status", "0", "1", "2", "3", "4"),
        _categorical("sex", "Sex", "male", "female"),
        _binary("hbv_infection", "HBV infection"),
        _binary("diabetes", "Diabetes mellitus"),
        _categorical("albi_grade", "ALBI grade", "1", "2", "3"),
        _binary("cirrhosis", "Cirrhosis"),
        _categorical("tumor_location", "Tumor location", "left", "right", "both"),
        _categorical("bclc_stage", "BCLC stage", "A", "B", "C"),
        _binary("fusion_lesions", "Fusion lesions"),
        _categorical("capsule", "HCC capsule", "absent", "intact", "incomplete", "breached"),
        _binary("intratumoral_necrosis", "Intratumoral necrosis"),
        _binary("arterial_peritumoral_enhancement", "Arterial peritumoral enhancement"),
        Variable(
            name="tumor_number",
            label="Tumor number",
            kind="count",
            unit="lesions",
            lower=1,
            upper=99,
        ),
        _continuous("tumor_diameter_cm", "Tumor diameter", "cm", (0.3, 35), (1, 16)),
        _continuous("age_years", "Age", "years", (0, 115), (15, 90)),
        _continuous("platelets_1e9_per_l", "Platelets", "10⁹/L", (3, 1500), (50, 450)),
        _continuous("ast_u_per_l", "AST", "U/L", (3, 5000), (10, 250)),
        _continuous("alt_u_per_l", "ALT", "U/L", (2, 5000), (8, 250)),
        _continuous("ggt_u_per_l", "GGT", "U/L", (2, 5000), (8, 500)),
        _continuous("albumin_g_per_l", "Albumin", "g/L", (10, 65), (22, 52)),
        _continuous("bilirubin_umol_per_l", "Total bilirubin", "µmol/L", (1, 900), (4, 120)),
        _continuous("creatinine_umol_per_l", "Creatinine", "µmol/L", (15, 1800), (35, 200)),
        _continuous("prothrombin_time_s", "Prothrombin time", "s", (7, 90), (8, 25)),
        _continuous("inr", "INR", "ratio", (0.6, 9), (0.8, 2.5)),
    )
}
"""Candidate predictors by column name."""

EXPECTED_DIRECTIONS: dict[str, Direction] = {
    "child_pugh_class": "raises",
    "ecog_ps": "raises",
    "albi_grade": "raises",
    "cirrhosis": "raises",
    "bclc_stage": "raises",
    "tumor_number": "raises",
    "tumor_diameter_cm": "raises",
    "albumin_g_per_l": "lowers",
    "bilirubin_umol_per_l": "raises",
    "prothrombin_time_s": "raises",
    "inr": "raises",
}
"""What is known of a predictor beforehand: whether more of it, or each of its levels against the
first, raises or lowers the hazard of death. The others have no direction that is beyond dispute."""

ENDPOINT_COLUMNS = ("os_days", "death")
"""Days from first treatment to death or last follow-up; 1 = death of any cause, 0 = censored."""

RULE_COLUMNS = (
    "hcc_confirmed",
    "other_malignancy",
    "prior_antitumor_treatment",
    "adequate_image_quality",
)
"""Booleans that the eligibility rules read; a missing column makes its rule not assessable."""

REQUIRED_COLUMNS = ("patient_id", "arm", *ENDPOINT_COLUMNS)
"""Without these a table is refused."""

OTHER_COLUMNS = (
    "center",
    "days_ct_to_treatment",
    "days_to_data_cut",
    "in_enrolment_window",
    "treatment_quarter",
)
"""What else the table holds: center, days from CT to treatment, from treatment to the data cut."""

MANIFEST_COLUMNS = (
    "patient_id",
    "scanner",
    "spacing_x_mm",
    "spacing_y_mm",
    "spacing_z_mm",
    "roi_volume_ml",
    "roi_voxels",
    "arterial_mean_hu_in_roi",
    "portal_venous_mean_hu_in_roi",
    "days_ct_to_treatment",
)
"""The image manifest, one row a patient."""
