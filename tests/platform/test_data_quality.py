"""The validation gate on real Great Expectations."""

import numpy as np
import pandas as pd
import pytest

from components.cohort.schema import MANIFEST_COLUMNS
from components.cohort.schema import PREDICTORS as TABLE_1
from components.errors import CohortRejected
from components.platform.data_expectations import clinical_rules
from components.platform.data_quality import validate_clinical, validate_manifest
from components.study.protocol.cohort import CohortSection
from components.study.results import Quarantined

# A parser below Great Expectations imports what Python 3.11 has renamed.
pytestmark = pytest.mark.filterwarnings("ignore:module 'sre_:DeprecationWarning")

SECTION = CohortSection(
    max_quarantined=3, max_missing_share=0.2, small_counts="fisher_exact", observed_times=False
)
ARMS = ("hepatectomy", "tace")
PREDICTORS = ("bclc_stage", "tumor_diameter_cm")


def clinical(n: int = 20) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "arm": ["hepatectomy", "tace"] * (n // 2),
            "os_days": rng.uniform(10, 2000, n),
            "death": [0, 1] * (n // 2),
            "bclc_stage": ["A", "B"] * (n // 2),
            "tumor_diameter_cm": rng.uniform(2, 12, n),
            "albumin_g_per_l": rng.uniform(30, 45, n),
        },
        index=pd.Index([f"P{number:03d}" for number in range(n)], name="patient_id"),
    )


def manifest(patient_ids) -> pd.DataFrame:
    table = pd.DataFrame({"patient_id": list(patient_ids)})
    for column in MANIFEST_COLUMNS[1:]:
        table[column] = "scanner A" if column == "scanner" else 2.0
    return table


def gate(table, *, section=SECTION, **more):
    return validate_clinical(table, section, predictors=PREDICTORS, arms=ARMS, **more)


def test_a_clean_table_passes():
    report = gate(clinical())

    assert report.passed
    assert report.quarantined == ()
    assert all(row.success for row in report.expectations)
    assert report.require() is report


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("arm", "sorafenib", "column 'arm': neither hepatectomy nor tace"),
        ("os_days", -3.5, "column 'os_days': a negative time"),
        ("death", 7, "column 'death': neither 0 nor 1"),
        ("bclc_stage", "Z", "column 'bclc_stage': none of A, B, C"),
        ("tumor_diameter_cm", 98.7, "column 'tumor_diameter_cm': outside 0.3 to 35 cm"),
        ("albumin_g_per_l", 4.2, "column 'albumin_g_per_l': outside 10 to 65 g/L"),
    ],
)
def test_a_bad_cell_puts_its_patient_into_quarantine(column, value, reason):
    table = clinical()
    table.loc["P007", column] = value

    report = gate(table)

    assert report.passed
    assert report.quarantined == (
        Quarantined(patient_id="P007", reason=reason, found_by="clinical table"),
    )


def test_a_duplicate_patient_is_set_aside_once():
    table = clinical()
    table = pd.concat([table, table.loc[["P003"]]])

    report = gate(table)

    assert [row.patient_id for row in report.quarantined] == ["P003"]
    assert "more than once" in report.quarantined[0].reason


def test_two_faults_of_a_patient_are_one_entry_with_both_reasons():
    table = clinical()
    table.loc["P007", ["os_days", "bclc_stage"]] = [-1.0, "Q"]

    (only,) = gate(table).quarantined

    assert "bclc_stage" in only.reason
    assert "os_days" in only.reason


def test_empty_cells_are_no_fault_below_the_share_and_stop_the_flow_above():
    table = clinical()
    table.loc["P001", "tumor_diameter_cm"] = np.nan
    few = gate(table)
    table.loc[table.index[:6], "tumor_diameter_cm"] = np.nan
    many = gate(table)

    assert few.passed
    assert few.quarantined == ()
    assert not many.passed
    with pytest.raises(CohortRejected, match=r"'tumor_diameter_cm': more than 20% .* are empty"):
        many.require()


def test_a_missing_column_stops_the_flow_and_is_named():
    report = gate(clinical().drop(columns="bclc_stage"))

    assert report.stopped_by == (
        "expected the column 'bclc_stage', found none; rename the column in the source table, or "
        "take it out of the protocol",
    )


def test_too_many_in_quarantine_stop_the_flow_with_everyone_named():
    table = clinical()
    table.loc[["P001", "P002", "P003", "P004"], "os_days"] = -1.0

    report = gate(table)

    assert not report.passed
    assert (
        "4 patients are in quarantine, the protocol allows 3 (cohort.max_quarantined): P001 ("
        in report.stopped_by[0]
    )


def test_an_empty_table_stops_the_flow():
    assert not gate(clinical().iloc[:0]).passed


def test_missing_images_and_empty_rois_are_set_aside():
    ids = [f"P{number:03d}" for number in range(8)]
    table = manifest(ids[:-1])
    table.loc[table["patient_id"] == "P002", "roi_voxels"] = 0
    table.loc[table["patient_id"] == "P004", "spacing_z_mm"] = 400.0

    report = validate_manifest(table, SECTION, patient_ids=ids)

    assert report.passed
    assert {row.patient_id: row.reason for row in report.quarantined} == {
        "P002": "has an empty ROI",
        "P004": "column 'spacing_z_mm': outside 0.1 to 20 mm",
        "P007": "has no complete images (both phases and an ROI)",
    }


def test_both_gates_count_toward_one_limit():
    ids = ["P000", "P001"]
    before = [
        Quarantined(patient_id=f"P90{number}", reason="r", found_by="clinical table")
        for number in range(3)
    ]

    report = validate_manifest(manifest(ids[:1]), SECTION, patient_ids=ids, quarantined=before)

    assert not report.passed
    assert "4 patients" in report.stopped_by[0]


def test_a_manifest_without_a_column_stops_the_flow():
    report = validate_manifest(
        manifest(["P000"]).drop(columns="roi_voxels"), SECTION, patient_ids=["P000"]
    )

    (sentence,) = report.stopped_by
    assert sentence.startswith("expected the column 'roi_voxels', found none")


def warned(report, word):
    """The one warning whose reason holds a word."""
    (only,) = (one for one in report.warnings if word in one.reason)
    return only


def test_what_a_rule_between_columns_finds_is_one_counted_warning_with_pseudonyms():
    table = clinical().assign(ecog_ps=["0", "1"] * 10)
    table.loc["P001", "ecog_ps"] = None

    report = gate(table)
    found = warned(report, "ECOG performance status above 0")

    assert report.passed
    assert report.quarantined == ()
    assert found.subjects == tuple(f"P{number:03d}" for number in range(3, 20, 2))
    assert found.n_judged == 19
    assert "9 of 19 (P003, P005" in found.sentence


def test_a_contradicted_albi_grade_puts_the_patient_into_quarantine():
    table = clinical().assign(bilirubin_umol_per_l=15.0, albumin_g_per_l=40.0, albi_grade="1")
    table.loc["P004", "albi_grade"] = "2"
    table.loc["P005", "albi_grade"] = None

    (only,) = gate(table).quarantined

    assert only.patient_id == "P004"
    assert only.reason.startswith("column 'albi_grade': not the grade of bilirubin")


@pytest.mark.parametrize(
    ("column", "value", "word"),
    [
        ("days_to_data_cut", -4.0, "treated after the data cut"),
        ("days_to_data_cut", 1.0, "after the data cut (days_to_data_cut)"),
        ("tumor_number", 2.5, "not a whole number"),
        ("os_days", 43_101.0, "more than a hundred years"),
    ],
)
def test_further_cells_put_their_patient_into_quarantine(column, value, word):
    table = clinical().assign(days_to_data_cut=3000.0, tumor_number=2.0)
    table.loc["P006", column] = value

    (only,) = gate(table).quarantined

    assert only.patient_id == "P006"
    assert word in only.reason


def test_a_ct_at_the_wrong_time_is_told_and_left_to_eligibility():
    table = clinical().assign(days_ct_to_treatment=5.0)
    table.loc["P002", "days_ct_to_treatment"] = -3.0
    table.loc["P003", "days_ct_to_treatment"] = 15.0

    report = gate(table, maximum_days_ct=14)

    assert report.quarantined == ()
    assert warned(report, "CT after treatment").subjects == ("P002",)
    assert warned(report, "more than 14 days").subjects == ("P003",)


def test_day_zero_and_empty_endpoints_are_told():
    table = clinical()
    table["death"] = table["death"].astype(float)
    table.loc["P001", "os_days"] = 0.0
    table.loc["P002", "death"] = np.nan

    report = gate(table)

    assert report.quarantined == ()
    assert warned(report, "day 0 counts as day 0.5").subjects == ("P001",)
    assert warned(report, "'death' is empty").subjects == ("P002",)


def test_another_unit_stops_the_flow_where_a_model_needs_the_column():
    table = clinical()
    table["tumor_diameter_cm"] = table["tumor_diameter_cm"] / 10 + 0.1

    report = gate(table)

    assert not report.passed
    (sentence,) = report.stopped_by
    assert "'tumor_diameter_cm': the median lies outside 1 to 16 cm" in sentence
    assert "such as mm" in sentence


def test_another_unit_of_another_column_is_a_warning():
    table = clinical().assign(bilirubin_umol_per_l=np.linspace(1.0, 3.0, 20))  # mg/dL

    report = gate(table)

    assert report.passed
    assert warned(report, "'bilirubin_umol_per_l': the median").subjects == ()


def test_too_many_in_quarantine_for_a_unit_says_the_unit():
    table = clinical()
    table["albumin_g_per_l"] = table["albumin_g_per_l"] / 10

    many, unit = gate(table).stopped_by

    assert many.startswith("20 patients are in quarantine")
    assert "such as g/dL" in unit


def test_a_date_in_the_quarter_stops_the_flow():
    table = clinical().assign(treatment_quarter="2019Q3")
    table.loc["P009", "treatment_quarter"] = "2019-07-04"

    report = gate(table)

    (sentence,) = report.stopped_by
    assert "no calendar date may stand in the data" in sentence
    assert sentence.endswith("P009")
    assert "2019-07-04" not in report.to_json()


def test_a_column_that_is_missing_or_empty_is_not_assessable_never_passed():
    report = gate(clinical().assign(inr=np.nan))
    why = {one.rule: one.why for one in report.not_assessable}

    assert why["range of 'inr'"] == "column 'inr' is empty"
    assert why["range of 'age_years'"] == "column 'age_years' is missing"
    assert why["coding of 'sex'"] == "column 'sex' is missing"
    assert why["'albi_grade' against bilirubin and albumin"] == (
        "columns 'albi_grade', 'bilirubin_umol_per_l' are missing"
    )
    judged = {row.column for row in report.expectations}
    assert not judged & {"inr", "age_years", "sex", "albi_grade_agrees"}


def test_a_rule_that_concerns_nobody_is_not_assessable():
    report = gate(clinical().assign(bclc_stage="C", ecog_ps="1"))
    why = {one.rule: one.why for one in report.not_assessable}

    assert why["'bclc_stage' A and B against 'ecog_ps'"] == (
        "it concerns nobody whose cells are known"
    )
    assert "'bclc_stage' against ECOG 3 and 4" not in why


def test_few_known_cells_have_no_median():
    table = clinical().assign(age_years=np.nan)
    table.loc[table.index[:4], "age_years"] = 50.0
    why = {one.rule: one.why for one in gate(table).not_assessable}

    assert why["unit (by the median) of 'age_years'"] == (
        "column 'age_years' has 4 known cells, fewer than 5"
    )


def test_a_column_that_does_not_vary_is_told():
    found = warned(gate(clinical().assign(sex="male")), "'sex' is the same in all patients")
    assert found.subjects == ()


@pytest.mark.parametrize("column", list(TABLE_1))
def test_every_column_of_table_1_has_its_rules(column):
    variable = TABLE_1[column]
    rules = clinical_rules(SECTION, predictors=(), arms=ARMS)
    kinds = {rule.kind for rule in rules if rule.column == column}

    assert "ExpectColumnUniqueValueCountToBeBetween" in kinds
    if variable.kind == "categorical":
        assert "ExpectColumnValuesToBeInSet" in kinds
    else:
        assert "ExpectColumnValuesToBeBetween" in kinds
    if variable.kind == "continuous":
        assert "ExpectColumnMedianToBeBetween" in kinds


def test_what_cannot_be_computed_is_no_pass():
    table = clinical()
    table["tumor_diameter_cm"] = table["tumor_diameter_cm"].astype(object)
    table.loc["P003", "tumor_diameter_cm"] = "secret"

    report = gate(table)

    assert not report.passed
    assert "'tumor_diameter_cm' could not be judged" in "".join(report.stopped_by)
    assert "secret" not in report.to_json()


def test_data_docs_show_what_is_warned_of_and_what_could_not_be_judged(tmp_path):
    table = clinical().assign(ecog_ps="1", age_years=61.7, creatinine_umol_per_l=3.75)
    gate(table, docs_dir=tmp_path)
    page = (tmp_path / "clinical_table.html").read_text(encoding="utf-8")

    assert "A or B with an ECOG performance status above 0" in page
    assert "20 of 20: P000, P001" in page
    assert "Not assessable" in page
    assert "column &#x27;sex&#x27; is missing" in page
    assert "Failed" not in page  # of a warning the gate says otherwise
    for value in ("61.7", "3.75"):  # of a median, and outside its range
        assert value not in page


def test_data_docs_show_patients_and_reasons_but_no_value_and_no_network(tmp_path):
    table = clinical()
    table.loc["P007", "tumor_diameter_cm"] = 987.25
    table.loc["P008", "bclc_stage"] = "secret-stage"
    table.loc["P009", "os_days"] = -31337.0

    report = gate(table, docs_dir=tmp_path)
    page = (tmp_path / "clinical_table.html").read_text(encoding="utf-8")

    assert report.docs == str(tmp_path / "clinical_table.html")
    for patient_id in ("P007", "P008", "P009"):
        assert patient_id in page
    for value in ("987.25", "secret", "31337.0"):  # the time of the run holds digits too
        assert value not in page
        assert value not in report.to_json()
    assert "P001" not in page
    for tag in ("<script", "<link", "src=", "url("):
        assert tag not in page
