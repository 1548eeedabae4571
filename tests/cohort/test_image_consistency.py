"""The rules between columns of the image manifest: true, false, and what nobody can say."""

import numpy as np
import pandas as pd
import pytest

from components.cohort.image_consistency import image_rules

NA = None


def judge(name, **cells):
    """What a rule says of one patient: True, False, or None."""
    (rule,) = (one for one in image_rules() if one.name == name)
    answer = rule.holds(pd.DataFrame([cells])).iloc[0]
    return None if pd.isna(answer) else bool(answer)


def test_names_are_unique_and_every_rule_says_what_it_needs():
    rules = image_rules()
    assert len({one.name for one in rules}) == len(rules)
    assert all(one.needs and one.reason and one.asked for one in rules)


@pytest.mark.parametrize("wrong", ["swapped", "duplicated", "non_contrast", "unclear"])
def test_each_verdict_breaks_its_own_rule_alone(wrong):
    rules = [one for one in image_rules() if one.needs == ("phase_verdict",)]
    judged = {one.name: judge(one.name, phase_verdict=wrong) for one in rules}
    assert {name for name, holds in judged.items() if not holds} == {f"phases_not_{wrong}"}
    (rule,) = (one for one in rules if one.name == f"phases_not_{wrong}")
    assert rule.consequence == ("warn" if wrong == "unclear" else "quarantine")


@pytest.mark.parametrize("said", ["not_assessable", None, np.nan])
def test_what_an_image_does_not_show_is_unknown(said):
    assert judge("phases_not_swapped", phase_verdict=said) is NA
    assert judge("arterial_is_hu", arterial_hu_scale=said) is NA


@pytest.mark.parametrize(
    ("voxels", "arterial", "portal", "holds"),
    [
        (900, 80.0, 90.0, True),
        (900, 80.0, np.nan, False),
        (900, np.nan, np.nan, False),
        (0, np.nan, np.nan, NA),
        (np.nan, np.nan, np.nan, NA),
    ],
)
def test_both_phases_are_asked_of_whoever_has_an_roi(voxels, arterial, portal, holds):
    cells = {"arterial_mean_hu_in_roi": arterial, "portal_venous_mean_hu_in_roi": portal}
    assert judge("phases_complete", roi_voxels=voxels, **cells) is holds


def test_a_phase_without_a_column_of_its_own_is_missing():
    assert judge("phases_complete", roi_voxels=900, arterial_mean_hu_in_roi=80.0) is False


@pytest.mark.parametrize(
    ("spacing", "thickness", "holds"),
    [(5.0, 5.0, True), (1.5, 1.0, True), (7.0, 3.5, False), (5.0, np.nan, NA)],
)
def test_slices_farther_apart_than_they_are_thick(spacing, thickness, holds):
    cells = {"spacing_z_mm": spacing, "portal_venous_slice_thickness_mm": thickness}
    assert judge("portal_venous_without_gaps", **cells) is holds


# A sphere of 3 cm holds 14.1 ml.
@pytest.mark.parametrize(
    ("ml", "cm", "possible", "fits"),
    [
        (14.1, 3.0, True, True),
        (1.0, 3.0, True, False),
        (60.0, 3.0, True, False),
        (0.1, 3.0, False, False),
        (400.0, 3.0, False, False),
        (14.1, 30.0, False, False),  # millimetres in a column of centimetres
        (14.1, np.nan, NA, NA),
        (np.nan, 3.0, NA, NA),
        (0.0, 3.0, NA, NA),
    ],
)
def test_volume_against_reported_diameter(ml, cm, possible, fits):
    cells = {"roi_volume_ml": ml, "tumor_diameter_cm": cm}
    assert judge("roi_is_of_reported_size", **cells) is possible
    assert judge("roi_fits_reported_size", **cells) is fits


@pytest.mark.parametrize("column", ["n_lesions", "roi_pieces", "tumor_number"])
def test_of_several_lesions_the_diameter_may_be_of_another(column):
    cells = {"roi_volume_ml": 400.0, "tumor_diameter_cm": 3.0, column: 2}
    assert judge("roi_is_of_reported_size", **cells) is NA
    assert judge("roi_fits_reported_size", **cells) is False
