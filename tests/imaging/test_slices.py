"""Several slices and lesions of a patient, and fields of one size."""

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - the name that its own documentation uses

from components.errors import PatientRejected
from components.imaging.crop import crop_patient, stack_crops
from components.imaging.readers import open_ct, read_lesions, read_roi
from components.imaging.slices import lesion_fields
from components.study.protocol import ImagingSection
from tests.imaging.conftest import DIRECTIONS, Grid, ball


def fields_of(case, section, *, phases=2):
    opened = [open_ct(path, patient_id="p1") for path in case.paths[:phases]]
    return lesion_fields(read_roi(case.roi, patient_id="p1"), opened, section)


def heights(fields):
    return [round(float(field.center_mm[2]), 6) for field in fields]


@pytest.fixture
def five(section):
    return section.model_copy(update={"slices": 5, "slice_step_mm": 2.0})


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_largest_slice_comes_first_then_a_step_to_the_feet_and_one_to_the_head(
    write_case, five, direction
):
    """The ball's middle is at 4 mm, its radius 6 mm."""
    case = write_case(roi=Grid(direction=direction), name=direction)

    fields = fields_of(case, five)

    assert heights(fields) == [4, 2, 6, 0, 8]
    assert {field.side_mm for field in fields} == {fields[0].side_mm}
    assert all(np.allclose(field.center_mm[:2], fields[0].center_mm[:2]) for field in fields)


def test_the_distance_of_slices_does_not_hang_on_their_thickness(write_case, five):
    thin = Grid(spacing_mm=(1.0, 1.0, 1.0))
    case = write_case(arterial=thin, portal=thin, roi=thin)

    assert heights(fields_of(case, five)) == [4, 2, 6, 0, 8]


def test_beyond_the_rois_end_its_nearest_slice_is_taken(write_case, section):
    far = section.model_copy(update={"slices": 5, "slice_step_mm": 4.0})

    # The ball reaches from -2 to 10 mm.
    assert heights(fields_of(write_case(), far)) == [4, 0, 8, -2, 10]


def test_slices_are_taken_inside_both_phases(write_case, five):
    low = Grid(high_mm=(20.0, 20.0, 6.0))

    assert heights(fields_of(write_case(portal=low), five)) == [4, 2, 6, 0, 6]


def test_an_roi_drawn_on_every_other_slice_is_shown_where_it_is_drawn(write_case, five):
    def drawn(x, y, z):
        return ball((3, -2, 4), 6)(x, y, z) & (np.round(z) % 4 == 0)

    # Marked at 0, 4 and 8 mm; of two as near, the one nearer to the largest.
    assert heights(fields_of(write_case(inside=drawn), five)) == [4, 4, 4, 0, 8]


def test_several_slices_hold_the_single_one_first_and_each_shows_its_own_height(
    write_case, section, five
):
    case = write_case()
    one = crop_patient("p1", *case.paths, section)
    bright = Grid().image(lambda x, y, z: 80 + x * (z - 4))
    sitk.WriteImage(bright, str(case.arterial))
    case.portal_venous.write_bytes(case.arterial.read_bytes())

    crops = crop_patient("p1", *case.paths, five)

    assert crops.shape == (5, 3, 16, 16)
    assert crops.dtype == np.float32
    assert one.shape == (3, 16, 16)
    # HU rise to the left above 4 mm, fall below it and are flat at it.
    assert np.all(crops[0, 0] == 0)
    slopes = np.diff(crops[1:, 0], axis=2).mean(axis=(1, 2))
    assert np.sign(slopes).tolist() == [-1, 1, -1, 1]
    single = crop_patient("p1", *case.paths, section)
    assert np.allclose(crops[0], single, atol=1e-6)


def test_slices_of_a_small_lesion_repeat_to_the_digit(write_case, five):
    case = write_case(inside=ball((3, -2, 4), 1.5))

    crops = crop_patient("p1", *case.paths, five)

    assert all(np.array_equal(crops[0], crop) for crop in crops)


def test_a_fixed_field_keeps_true_size(write_case, section):
    fixed = section.model_copy(update={"crop": "fixed_field", "field_mm": 32.0})
    small, large = (write_case(inside=ball((3, -2, 4), r), name=f"r{r}") for r in (3, 8))

    for case in (small, large):
        (field,) = fields_of(case, fixed)
        assert field.side_mm == 32
        assert field.center_mm == pytest.approx([3, -2, 4])
    # The same tissue around the same middle, whatever the lesion's size.
    crops = [crop_patient("p1", *case.paths, fixed) for case in (small, large)]
    assert np.allclose(*crops, atol=1e-5)


@pytest.fixture
def two_lesions(write_case):
    case = write_case(name="two")
    small = Grid().image(ball((-12, 10, -10), 3), np.uint8)
    lesion = Grid().image(ball((3, -2, 4), 6), np.uint8)
    sitk.WriteImage(sitk.Compose(small, lesion), str(case.roi), True)
    return case


def test_all_lesions_are_shown_the_largest_first(two_lesions, write_case, section):
    every = section.model_copy(update={"lesions": "all"})

    crops = crop_patient("p1", *two_lesions.paths, every)

    assert crops.shape == (2, 3, 16, 16)
    first = crop_patient("p1", *two_lesions.paths, section)
    assert np.allclose(crops[0], first, atol=1e-6)
    alone = write_case(name="alone", inside=ball((-12, 10, -10), 3))
    assert np.allclose(crops[1], crop_patient("p1", *alone.paths, section), atol=1e-6)
    volumes = [int(lesion.voxels.sum()) for lesion in read_lesions(two_lesions.roi, patient_id="")]
    assert volumes == sorted(volumes, reverse=True)


def test_a_lesion_outside_a_phase_is_refused(two_lesions, section):
    every = section.model_copy(update={"lesions": "all"})
    upper = Grid(low_mm=(-20.0, -20.0, -4.0)).image(lambda x, y, z: 80 + x)
    sitk.WriteImage(upper, str(two_lesions.portal_venous))

    crop_patient("p1", *two_lesions.paths, section)
    with pytest.raises(PatientRejected, match="of the ROI lies inside portal_venous"):
        crop_patient("p1", *two_lesions.paths, every)


def test_who_has_fewer_lesions_repeats_his_largest():
    crops = [np.full((n, 3, 4, 4), n, dtype=np.float32) for n in (1, 3)]
    crops[1][0] = 7

    stacked = stack_crops(crops)

    assert stacked.shape == (2, 3, 3, 4, 4)
    assert np.array_equal(stacked[0], np.ones((3, 3, 4, 4)))
    assert np.array_equal(stacked[1], crops[1])


def test_an_even_number_of_slices_has_no_middle():
    with pytest.raises(ValueError, match=r"expected an odd number.*came 4"):
        ImagingSection(
            crop_px=16,
            margin_mm=4,
            slices=4,
            window_center_hu=80,
            window_width_hu=300,
            difference_window_hu=120,
            workers=1,
        )
