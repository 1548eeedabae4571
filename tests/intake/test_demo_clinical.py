import numpy as np
import pandas as pd
import pytest

from components.cohort.liver_function import albi_grade, albi_score
from components.cohort.schema import OTHER_COLUMNS, PREDICTORS, RULE_COLUMNS
from components.errors import UsageError
from components.intake.demo_clinical import DemoCohort, make_cohort
from components.intake.demo_marginals import DEMO_SEED, DEMO_SIZES, MARGINALS
from components.study.vocabulary import TreatmentArm

ARMS = list(TreatmentArm)
QUARTILES = (0.25, 0.5, 0.75)
# The study prints two more decimals than a laboratory reports, and albumin moves a little so that
# the ALBI grades come out exactly.
QUARTILE_TOLERANCE = {"albumin_g_per_l": 0.5, "age_years": 0.5, "platelets_1e9_per_l": 0.5}
STUDY_OS_QUARTILES = {
    TreatmentArm.HEPATECTOMY: (517.0, 260.0, 1098.0),
    TreatmentArm.TACE: (218.0, 129.0, 361.0),
}


@pytest.fixture(scope="module")
def cohort() -> DemoCohort:
    return make_cohort(seed=DEMO_SEED, n_by_arm=DEMO_SIZES)


def rows_of(cohort: DemoCohort, arm: TreatmentArm) -> pd.DataFrame:
    return cohort.clinical[cohort.clinical["arm"] == arm.value]


@pytest.mark.parametrize("arm", ARMS)
def test_sizes_and_deaths_are_the_studys(cohort, arm):
    rows = rows_of(cohort, arm)
    assert len(rows) == {"hepatectomy": 278, "tace": 131}[arm]
    assert int(rows["death"].sum()) == {"hepatectomy": 134, "tace": 108}[arm]


@pytest.mark.parametrize("seed", [DEMO_SEED, 1, 2])
@pytest.mark.parametrize("arm", ARMS)
def test_every_categorical_row_of_table_1_comes_out_exactly(arm, seed):
    rows = rows_of(make_cohort(seed=seed, n_by_arm=DEMO_SIZES), arm)
    for name, counts in MARGINALS[arm].counts.items():
        assert rows[name].value_counts().to_dict() == counts, name


def test_table_1_is_complete(cohort):
    for table in MARGINALS.values():
        assert {*table.counts, *table.quartiles, "tumor_number"} == set(PREDICTORS)
        assert all(sum(counts.values()) == table.n for counts in table.counts.values())
    columns = {"arm", "os_days", "death", *PREDICTORS, *RULE_COLUMNS, *OTHER_COLUMNS}
    assert set(cohort.clinical.columns) == columns
    assert not cohort.clinical.isna().any().any()


@pytest.mark.parametrize("seed", [DEMO_SEED, 1, 2])
@pytest.mark.parametrize("arm", ARMS)
def test_quartiles_are_those_of_table_1(arm, seed):
    rows = rows_of(make_cohort(seed=seed, n_by_arm=DEMO_SIZES), arm)
    for name, expected in MARGINALS[arm].quartiles.items():
        found = np.quantile(rows[name], QUARTILES)
        tolerance = QUARTILE_TOLERANCE.get(name, 0.06 if name != "inr" else 0.006)
        np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance, err_msg=name)


@pytest.mark.parametrize(("arm", "expected"), [("hepatectomy", (1, 1, 2)), ("tace", (1, 2, 6))])
def test_tumor_numbers_have_the_studys_quartiles(cohort, arm, expected):
    rows = rows_of(cohort, TreatmentArm(arm))
    assert tuple(np.quantile(rows["tumor_number"], QUARTILES)) == expected


@pytest.mark.parametrize("arm", ARMS)
def test_follow_up_is_near_the_studys(arm):
    found = [
        np.quantile(rows_of(make_cohort(seed=seed, n_by_arm=DEMO_SIZES), arm)["os_days"], QUARTILES)
        for seed in range(20)
    ]
    median, first, third = STUDY_OS_QUARTILES[arm]
    np.testing.assert_allclose(np.mean(found, axis=0), (first, median, third), rtol=0.15)


def test_few_tace_patients_are_seen_beyond_three_years():
    seen = [
        (rows_of(make_cohort(seed=seed, n_by_arm=DEMO_SIZES), TreatmentArm.TACE)["os_days"] > 1095)
        for seed in range(12)
    ]
    assert 1.0 <= np.mean([int(beyond.sum()) for beyond in seen]) <= 3.0


def test_the_given_albi_grade_is_the_computed_one(cohort):
    score = albi_score(cohort.clinical["bilirubin_umol_per_l"], cohort.clinical["albumin_g_per_l"])
    assert (albi_grade(score) == cohort.clinical["albi_grade"].to_numpy(dtype=str)).all()


def test_columns_hang_together_as_in_liver_disease(cohort):
    for arm in ARMS:
        rows = rows_of(cohort, arm)
        rank = rows.select_dtypes("number").corr(method="spearman")
        assert rank.loc["inr", "prothrombin_time_s"] > 0.8
        assert rank.loc["ast_u_per_l", "alt_u_per_l"] > 0.35
        assert rank.loc["albumin_g_per_l", "bilirubin_umol_per_l"] < -0.2
        stage_b, stage_a = rows["bclc_stage"] == "B", rows["bclc_stage"] == "A"
        assert (rows.loc[stage_b, "tumor_number"] >= 2).all()
        assert (rows.loc[stage_a, "tumor_number"] == 1).all()
        is_b = rows["child_pugh_class"] == "B"
        assert (
            rows.loc[is_b, "albumin_g_per_l"].mean() < rows.loc[~is_b, "albumin_g_per_l"].mean() - 3
        )


def test_imaging_rows_follow_the_signs(cohort):
    clinical, signs = cohort.clinical, cohort.signs
    for column, sign in (
        ("intratumoral_necrosis", "necrosis"),
        ("arterial_peritumoral_enhancement", "rim"),
    ):
        present = clinical[column] == "present"
        assert signs.loc[present, sign].mean() > signs.loc[~present, sign].mean() + 0.5
    intact = clinical["capsule"] == "intact"
    assert signs.loc[intact, "capsule"].mean() > signs.loc[~intact, "capsule"].mean() + 0.5


def test_follow_up_ends_with_the_data_cut(cohort):
    clinical = cohort.clinical
    assert (clinical["os_days"] >= 1).all()
    assert (clinical["os_days"] % 1 == 0).all()
    assert (clinical["os_days"] <= clinical["days_to_data_cut"]).all()
    assert clinical["days_to_data_cut"].between(365, 4016).all()


def test_everyone_passes_the_eligibility_rules(cohort):
    clinical = cohort.clinical
    assert clinical["hcc_confirmed"].all()
    assert clinical["adequate_image_quality"].all()
    assert not clinical["other_malignancy"].any()
    assert not clinical["prior_antitumor_treatment"].any()
    assert clinical["days_ct_to_treatment"].between(1, 31).all()
    assert (clinical["age_years"] >= 18).all()
    for name, variable in PREDICTORS.items():
        if variable.kind != "categorical":
            assert clinical[name].between(variable.lower, variable.upper).all(), name


def test_pseudonyms_do_not_reveal_the_arm(cohort):
    assert list(cohort.clinical.index[:2]) == ["DEMO-0001", "DEMO-0002"]
    place = np.arange(len(cohort.clinical))
    is_tace = (cohort.clinical["arm"] == "tace").to_numpy()
    assert abs(np.corrcoef(place, is_tace)[0, 1]) < 0.15


def test_other_sizes_keep_the_proportions():
    cohort = make_cohort(
        seed=3, n_by_arm={TreatmentArm.HEPATECTOMY: 28, TreatmentArm.TACE: 13}
    ).clinical
    rows = cohort[cohort["arm"] == "hepatectomy"]
    assert rows["death"].sum() == round(134 * 28 / 278)
    assert rows["capsule"].value_counts().to_dict() == {
        "absent": 8,
        "intact": 13,
        "incomplete": 4,
        "breached": 3,
    }


def test_a_seed_stands_for_one_cohort():
    sizes = {TreatmentArm.HEPATECTOMY: 30, TreatmentArm.TACE: 20}
    first, again = (make_cohort(seed=5, n_by_arm=sizes) for _ in range(2))
    other = make_cohort(seed=6, n_by_arm=sizes)
    pd.testing.assert_frame_equal(first.clinical, again.clinical)
    assert not first.clinical["os_days"].equals(other.clinical["os_days"])


def test_too_small_an_arm_is_refused():
    with pytest.raises(UsageError, match="at least 8 patients in arm 'tace', came 3"):
        make_cohort(seed=1, n_by_arm={TreatmentArm.HEPATECTOMY: 30, TreatmentArm.TACE: 3})
