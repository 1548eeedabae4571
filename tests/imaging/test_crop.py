import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - the name that its own documentation uses

from components.errors import PatientRejected
from components.imaging import readers
from components.imaging.crop import crop_patient
from components.imaging.readers import open_ct, read_roi
from components.imaging.roi import largest_slice, occupied, square_field
from components.imaging.segmentation import read_segments
from tests.imaging.conftest import DIRECTIONS, Grid, ball


def test_crop_has_three_standardized_channels_and_the_ramp_in_patient_orientation(
    write_case, section
):
    crop = crop_patient("p1", *write_case().paths, section)

    assert crop.shape == (3, 16, 16)
    assert crop.dtype == np.float32
    assert np.allclose(crop[:2].mean(axis=(1, 2)), 0, atol=1e-5)
    assert np.allclose(crop[:2].std(axis=(1, 2)), 1, atol=1e-4)
    # HU rise by 2 a mm along the columns (to the left) and by 1 along the rows (to the back).
    steps = np.diff(crop[0], axis=1).mean(), np.diff(crop[0], axis=0).mean()
    assert steps[0] == pytest.approx(2 * steps[1], rel=1e-4)
    assert steps[1] > 0
    assert np.all(crop[2] == 0)  # a difference that is the same everywhere has no contrast


@pytest.mark.parametrize("direction", [d for d in DIRECTIONS if d != "plain"])
@pytest.mark.parametrize("which", ["arterial", "portal", "roi"])
def test_crop_does_not_hang_on_the_way_that_a_grid_runs(write_case, section, which, direction):
    expected = crop_patient("p1", *write_case(name="plain").paths, section)
    turned = write_case(name="turned", **{which: Grid(direction=direction)})

    assert np.allclose(crop_patient("p1", *turned.paths, section), expected, atol=1e-4)


def test_phases_and_roi_on_other_grids_are_matched_in_space(write_case, section):
    expected = crop_patient("p1", *write_case(name="same").paths, section)
    other = write_case(
        name="other",
        portal=Grid(spacing_mm=(0.8, 1.3, 1.0), low_mm=(-18, -19, -16)),
    )

    # On a linear ramp interpolation is exact but for HU being whole numbers.
    assert np.allclose(crop_patient("p1", *other.paths, section)[1], expected[1], atol=0.1)


def test_the_field_is_the_bounding_box_of_the_largest_slice_and_the_margin(write_case):
    case = write_case(roi=Grid(low_mm=(-20.5, -20.5, -20.5)))
    roi = read_roi(case.roi, patient_id="p1")
    arterial = open_ct(case.arterial, patient_id="p1").geometry

    field = square_field(largest_slice(roi), roi=roi.geometry, image=arterial, margin_mm=4)

    # Voxel centers from -2.5 to 8.5 mm reach from -3 to 9; the ROI's widest slice is at 3.5 mm,
    # the arterial slice nearest to it at 4.
    assert field.side_mm == pytest.approx(12 + 2 * 4)
    assert field.center_mm == pytest.approx([3, -2, 4])
    assert field.points(20)[0] == pytest.approx([3 - 9.5, -2 - 9.5, 4])


def test_the_difference_is_taken_before_the_window(write_case, section):
    """Both phases lie above the window, where windowed phases would not differ at all."""
    case = write_case()
    bright = Grid().image(lambda x, y, z: 900 + x)
    brighter = Grid().image(lambda x, y, z: 900 + 2 * x)
    sitk.WriteImage(brighter, str(case.arterial))
    sitk.WriteImage(bright, str(case.portal_venous))

    crop = crop_patient("p1", *case.paths, section)

    assert np.all(crop[:2] == 0)
    assert np.diff(crop[2], axis=1).min() > 0


def test_of_several_segments_the_largest_is_taken_also_across_layers(write_case, section):
    expected = crop_patient("p1", *write_case(name="one").paths, section)
    case = write_case(name="layers")
    lesion = Grid().image(ball((3, -2, 4), 6), np.uint8)
    small = Grid().image(ball((-12, 10, -10), 3), np.uint8)
    sitk.WriteImage(sitk.Compose(small, lesion), str(case.roi), True)

    assert np.array_equal(crop_patient("p1", *case.paths, section), expected)


def test_large_pixels_average_the_noise_of_small_voxels(write_case, section):
    case = write_case()
    rng = np.random.default_rng(1)
    fine = Grid(spacing_mm=(0.25, 0.25, 2.0))
    noisy = fine.image(lambda x, y, z: 80 + 4 * x + rng.normal(0, 40, x.shape))
    sitk.WriteImage(noisy, str(case.arterial))
    wide = section.model_copy(update={"window_width_hu": 2000, "margin_mm": 10})

    crop = crop_patient("p1", *case.paths, wide)[0]

    # 33 mm in 16 pixels: a pixel holds 64 voxels and keeps an eighth of the noise (5 HU), beside a
    # ramp with an SD of 38 HU. Single points would keep 40 HU and correlate at 0.7.
    ramp = np.broadcast_to(np.arange(16), (16, 16))
    assert np.corrcoef(crop.ravel(), ramp.ravel())[0, 1] > 0.97


def test_a_field_beyond_the_volume_takes_the_lower_window_limit(write_case, section):
    edge = Grid(high_mm=(8.0, 20.0, 20.0))
    crop = crop_patient("p1", *write_case(arterial=edge).paths, section)

    # The ROI reaches 9 mm to the left and the margin 4 more: the last columns show nothing.
    assert np.all(crop[0][:, -2:] == crop[0].min())
    assert np.isfinite(crop).all()


@pytest.mark.parametrize("missing", ["arterial", "portal_venous", "roi"])
def test_a_missing_file_is_named(write_case, section, missing):
    case = write_case()
    getattr(case, missing).unlink()

    with pytest.raises(PatientRejected, match=f"patient p1: {missing}.* is missing"):
        crop_patient("p1", *case.paths, section)


@pytest.mark.parametrize(("missing", "channel"), [("arterial", 0), ("portal_venous", 1)])
def test_a_missing_phase_leaves_its_channel_and_the_difference_empty_where_asked(
    write_case, section, missing, channel
):
    whole = crop_patient("p1", *write_case(name="whole").paths, section)
    case = write_case(name="half")
    getattr(case, missing).unlink()
    blank = section.model_copy(update={"missing_phase": "blank"})
    crop = crop_patient("p1", *case.paths, blank)
    assert not crop[channel].any()
    assert not crop[2].any()
    np.testing.assert_array_equal(crop[1 - channel], whole[1 - channel])


def test_without_any_phase_the_patient_is_left_out_even_then(write_case, section):
    case = write_case()
    case.arterial.unlink()
    case.portal_venous.unlink()
    blank = section.model_copy(update={"missing_phase": "blank"})
    with pytest.raises(PatientRejected, match=r"arterial.* is missing"):
        crop_patient("p1", *case.paths, blank)


@pytest.mark.parametrize("broken", ["arterial", "portal_venous", "roi"])
def test_an_unreadable_file_is_named(write_case, section, broken):
    case = write_case()
    path = getattr(case, broken)
    path.write_bytes(path.read_bytes()[:200])

    with pytest.raises(PatientRejected, match=f"{broken}.* cannot be read as an image"):
        crop_patient("p1", *case.paths, section)


def test_an_empty_roi_is_refused(write_case, section):
    case = write_case(inside=lambda x, y, z: np.zeros_like(x))

    with pytest.raises(PatientRejected, match="the ROI is empty"):
        crop_patient("p1", *case.paths, section)


@pytest.mark.parametrize("phase", ["arterial", "portal"])
def test_an_roi_outside_a_phase_is_refused(write_case, section, phase):
    away = Grid(low_mm=(-20, -20, -60), high_mm=(20, 20, -20))

    with pytest.raises(PatientRejected, match="only 0% of the ROI lies inside"):
        crop_patient("p1", *write_case(**{phase: away}).paths, section)


def test_a_rejection_survives_the_way_between_processes(write_case, section):
    import pickle

    error = PatientRejected("p1", "the ROI is empty")
    again = pickle.loads(pickle.dumps(error))

    assert (again.patient_id, again.reason, str(again)) == ("p1", error.reason, str(error))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_occupied_box_holds_every_marked_voxel_and_no_more(axis):
    voxels = np.zeros((7, 9, 11), np.uint8)
    voxels[2, 3, 4] = 1
    voxels[tuple(np.where(np.arange(3) == axis, [5, 7, 9], [2, 3, 4]))] = 3
    box = occupied(voxels)
    assert [one.start for one in box] == [2, 3, 4]
    assert [one.stop for one in box] == np.where(
        np.arange(3) == axis, [6, 8, 10], [3, 4, 5]
    ).tolist()
    assert voxels[box].sum() == voxels.sum()


def test_nothing_marked_is_an_empty_box():
    assert np.zeros((3, 4, 5))[occupied(np.zeros((3, 4, 5)))].size == 0


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_mask_keeps_its_place_when_it_is_cut(write_case, direction):
    case = write_case(roi=Grid(direction=direction))
    whole = sitk.ReadImage(str(case.roi))
    marked = np.argwhere(sitk.GetArrayFromImage(whole))[:, ::-1]
    expected = [whole.TransformIndexToPhysicalPoint([int(n) for n in one]) for one in marked]
    mask = read_roi(case.roi, patient_id="p1")
    assert mask.voxels.size < np.prod(whole.GetSize())
    found = mask.geometry.to_physical(np.argwhere(mask.voxels)[:, ::-1].astype(np.float64))
    assert np.allclose(sorted(map(tuple, found)), sorted(expected))


def test_each_phase_is_inflated_once_and_only_around_the_field(write_case, section, monkeypatch):
    case, read = write_case(), []

    def execute(reader, path, *, patient_id):
        image = plainly(reader, path, patient_id=patient_id)
        read.append((path, image.GetSize()))
        return image

    plainly = readers._execute
    monkeypatch.setattr(readers, "_execute", execute)
    crop_patient("p1", *case.paths, section)
    assert [path for path, _ in read] == [case.arterial, case.portal_venous]
    for path, size in read:
        assert size[2] <= 4
        assert size[2] < sitk.ReadImage(str(path)).GetSize()[2]


def test_a_volume_beside_which_another_of_its_name_lies_is_refused(write_case, section):
    case = write_case()
    other = sitk.ReadImage(str(case.arterial)) + 500
    sitk.WriteImage(other, str(case.arterial.with_suffix("")))
    with pytest.raises(PatientRejected, match=r"arterial\.nii lies beside arterial\.nii\.gz"):
        crop_patient("p1", *case.paths, section)


def test_a_mask_beside_which_another_of_its_name_lies_is_refused(write_case, tmp_path):
    mask, other = tmp_path / "mask.nii.gz", tmp_path / "mask.nii"
    image = sitk.ReadImage(str(write_case().roi))
    sitk.WriteImage(image, str(mask))
    read_segments(mask, pseudonym="p1", role="the ROI")
    sitk.WriteImage(image * 0, str(other))
    with pytest.raises(PatientRejected, match="the ROI: an uncompressed file of the same name"):
        read_segments(mask, pseudonym="p1", role="the ROI")
