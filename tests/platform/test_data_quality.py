"""The validation gate on real Great Expectations."""

import numpy as np
import pandas as pd
import pytest

from components.cohort.schema import MANIFEST_COLUMNS
from components.errors import CohortRejected
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

    assert report.stopped_by == ("expected the column 'bclc_stage', found none",)


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

    assert report.stopped_by == ("expected the column 'roi_voxels', found none",)


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
    for value in ("987", "secret", "31337"):
        assert value not in page
        assert value not in report.to_json()
    assert "P001" not in page
    for tag in ("<script", "<link", "src=", "url("):
        assert tag not in page
