"""The rules of the image manifest: what sets a patient aside, what warns, what cannot be judged."""

import pandas as pd
import pytest

from components.platform.data_quality import validate_manifest
from components.study.protocol import read_protocol
from flows.settings import PROTOCOLS

pytestmark = pytest.mark.filterwarnings("ignore:module 'sre_:DeprecationWarning")
PATIENTS = ["P1", "P2", "P3", "P4"]
REQUIRED = {
    "scanner": "S",
    "spacing_x_mm": 0.8,
    "spacing_y_mm": 0.8,
    "spacing_z_mm": 2.5,
    "roi_volume_ml": 14.0,
    "roi_voxels": 9000,
    "arterial_mean_hu_in_roi": 90.0,
    "portal_venous_mean_hu_in_roi": 110.0,
    "days_ct_to_treatment": 7.0,
}
OPTIONAL = {
    "roi_share_in_body": 1.0,
    "roi_share_in_arterial": 1.0,
    "roi_share_in_portal_venous": 1.0,
    "field_x_mm": 400.0,
    "field_y_mm": 400.0,
    "arterial_hu_scale": "hu",
    "portal_venous_hu_scale": "hu",
    "phase_verdict": "ok",
    "phase_shift_mm": 2.0,
    "reader_dice": 0.9,
    "reader_surface_mm": 0.8,
    "roi_pieces": 1,
    "n_lesions": 1,
    "arterial_blank_slices": 0,
    "arterial_slice_thickness_mm": 2.5,
}


def manifest(columns=None):
    return pd.DataFrame(
        {"patient_id": PATIENTS, **{name: [value] * 4 for name, value in (columns or {}).items()}}
    )


def judged(table, diameter_cm=3.0):
    clinical = pd.DataFrame(
        {"tumor_diameter_cm": [diameter_cm] * 4}, index=pd.Index(PATIENTS, name="patient_id")
    )
    section = read_protocol(PROTOCOLS / "sound.yaml").cohort
    return validate_manifest(table, section, patient_ids=PATIENTS, clinical=clinical)


def with_cell(name, value):
    table = manifest({**REQUIRED, **OPTIONAL})
    table[name] = table[name].astype(object)
    table.loc[1, name] = value
    return table.infer_objects()


def test_a_complete_manifest_passes_without_a_word():
    report = judged(manifest({**REQUIRED, **OPTIONAL}))
    assert report.passed
    assert report.quarantined == ()
    assert report.warnings == ()


def test_with_the_required_columns_alone_the_rest_is_not_assessable():
    report = judged(manifest(REQUIRED))
    assert report.passed
    assert report.quarantined == ()
    rules = " ".join(f"{one.rule} {one.why}" for one in report.not_assessable)
    for name in ("phase_verdict", "roi_share_in_body", "reader_dice", "field_x_mm"):
        assert name in rules


def test_a_required_column_that_is_missing_stops():
    report = judged(manifest({**REQUIRED, **OPTIONAL}).drop(columns="roi_voxels"))
    assert not report.passed
    assert "'roi_voxels'" in report.stopped_by[0]


@pytest.mark.parametrize(
    ("name", "value", "phrase"),
    [
        ("phase_verdict", "swapped", "the two phases are swapped"),
        ("phase_verdict", "duplicated", "both phases are one acquisition"),
        ("phase_verdict", "non_contrast", "shows no contrast"),
        ("arterial_hu_scale", "not_hu", "cannot be HU"),
        ("portal_venous_hu_scale", "not_hu", "cannot be HU"),
        ("roi_share_in_body", 0.4, "outside the body"),
        ("roi_share_in_arterial", 0.2, "outside the arterial volume"),
        ("roi_share_in_portal_venous", 0.2, "outside the portal venous volume"),
        ("roi_voxels", 0, "empty ROI"),
        ("spacing_x_mm", 0.0, "'spacing_x_mm'"),
        ("spacing_z_mm", 45.0, "'spacing_z_mm'"),
        ("field_x_mm", 12.0, "'field_x_mm'"),
        ("arterial_mean_hu_in_roi", -700.0, "'arterial_mean_hu_in_roi'"),
        ("roi_volume_ml", 900.0, "reported diameter"),
    ],
)
def test_what_cannot_be_sets_the_patient_aside(name, value, phrase):
    report = judged(with_cell(name, value))
    assert report.passed
    (one,) = report.quarantined
    assert one.patient_id == "P2"
    assert phrase in one.reason


@pytest.mark.parametrize(
    ("name", "value", "phrase"),
    [
        ("phase_verdict", "unclear", "look at which phases"),
        ("portal_venous_mean_hu_in_roi", None, "a phase is missing"),
        ("reader_dice", 0.5, "readers' ROIs agree less"),
        ("reader_surface_mm", 6.0, "outlines lie 4 mm or more apart"),
        ("phase_shift_mm", -22.0, "breathing has moved"),
        ("roi_pieces", 3, "separate parts"),
        ("arterial_blank_slices", 2, "blank or repeat"),
        ("arterial_slice_thickness_mm", 1.0, "farther apart than they are thick"),
        ("roi_volume_ml", 90.0, "far apart"),
    ],
)
def test_what_should_be_looked_at_is_one_warning_that_names_the_patient(name, value, phrase):
    report = judged(with_cell(name, value))
    assert report.quarantined == ()
    said = [one for one in report.warnings if phrase in one.reason]
    assert [one.subjects for one in said] == [("P2",)]


def test_what_no_image_shows_is_neither_passed_nor_failed():
    table = manifest({**REQUIRED, **OPTIONAL, "phase_verdict": "not_assessable"})
    report = judged(table)
    assert report.quarantined == ()
    assert any("phase" in one.rule for one in report.not_assessable)


def test_of_several_lesions_the_size_only_warns():
    table = with_cell("roi_volume_ml", 900.0).assign(n_lesions=2)
    report = judged(table)
    assert report.quarantined == ()
    assert any("far apart" in one.reason for one in report.warnings)
