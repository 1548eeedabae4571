import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - the name that its own documentation uses

from components.errors import PatientRejected
from components.imaging.crop import crop_patient
from components.imaging.crop_mask import crop_mask, crop_view
from tests.imaging.conftest import Grid


def disc(size_px, *, side_mm, radius_mm):
    """Share of each pixel in a disc about the middle, on a fine grid."""
    fine = ((np.arange(size_px * 20) + 0.5) / (size_px * 20) - 0.5) * side_mm
    inside = np.hypot(*np.meshgrid(fine, fine)) <= radius_mm
    return inside.reshape(size_px, 20, size_px, 20).mean(axis=(1, 3))


def test_the_mask_is_the_roi_in_the_middle_of_the_crop(write_case, section):
    mask = crop_mask("p1", *write_case().paths, section)

    assert mask.shape == (16, 16)
    assert mask.dtype == np.float32
    # A ball of 6 mm in voxels of 1 mm, in a field of its 13 voxels and 4 mm on each side.
    expected = disc(16, side_mm=21, radius_mm=6.2)
    assert mask.mean() == pytest.approx(expected.mean(), rel=0.05)
    assert np.abs(mask - expected).mean() < 0.03


def cylinder(x, y, z):
    """An ROI of the same shape in each slice."""
    return (np.hypot(x - 3, y + 2) <= 6.1) & (np.abs(z - 4) < 3)


@pytest.mark.parametrize(
    "roi",
    [
        Grid(direction="flipped"),
        Grid(direction="upside_down"),
        # Slices of the ROI at other heights than the CT's, and a single slice between two of CT.
        Grid(spacing_mm=(1.0, 1.0, 0.5), low_mm=(-20, -20, -19.6), high_mm=(20, 20, 19.9)),
        Grid(spacing_mm=(1.0, 1.0, 0.5), low_mm=(-20, -20, 3.1), high_mm=(20, 20, 3.1)),
    ],
)
def test_the_mask_does_not_hang_on_the_roi_s_grid(write_case, section, roi):
    plain = write_case(name="plain", inside=cylinder)
    turned = write_case(name="turned", inside=cylinder, roi=roi)
    expected = crop_mask("p1", *plain.paths, section)

    assert np.abs(crop_mask("p1", *turned.paths, section) - expected).max() < 1e-6


def test_mask_and_crop_show_the_same_pixels(write_case, section):
    """A CT that is bright within the ROI and dark elsewhere: its crop is its mask."""
    case = write_case(
        roi=Grid(spacing_mm=(0.5, 0.5, 2.0)), inside=lambda x, y, z: (x > 4) & (y > -3) & (z == 4)
    )
    bright = Grid().image(lambda x, y, z: np.where((x > 4) & (y > -3), 300, -300))
    sitk.WriteImage(bright, str(case.arterial))
    crop, mask = crop_patient("p1", *case.paths, section)[0], crop_mask("p1", *case.paths, section)

    assert np.corrcoef(crop.ravel(), mask.ravel())[0, 1] > 0.97


def test_a_view_is_finer_and_in_hu(write_case, section):
    case = write_case()
    view = crop_view("p1", *case.paths, section, size_px=64)

    assert view.hu.shape == view.roi.shape == (64, 64)
    assert view.is_portal_venous
    # Portal venous HU at the field's middle (3, -2): 80 + 2 * 3 - 2 - 30.
    assert view.hu[31:33, 31:33].mean() == pytest.approx(54, abs=0.5)
    coarse = view.roi.reshape(16, 4, 16, 4).mean(axis=(1, 3))
    assert np.abs(coarse - crop_mask("p1", *case.paths, section)).max() < 0.1


def test_a_patient_without_portal_venous_phase_is_shown_in_the_arterial_one(write_case, section):
    case = write_case()
    whole = crop_mask("p1", *case.paths, section)
    case.portal_venous.unlink()
    blank = section.model_copy(update={"missing_phase": "blank"})
    view = crop_view("p1", *case.paths, blank, size_px=32)

    assert not view.is_portal_venous
    assert view.hu[15:17, 15:17].mean() == pytest.approx(84, abs=0.5)
    assert np.array_equal(crop_mask("p1", *case.paths, blank), whole)
    with pytest.raises(PatientRejected, match=r"patient p1: portal_venous.* is missing"):
        crop_view("p1", *case.paths, section, size_px=32)
