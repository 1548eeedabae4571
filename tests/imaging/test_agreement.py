"""Agreement of masks against closed forms, against SimpleITK, and across grids."""

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - the name that its own documentation uses

from components.errors import PatientRejected
from components.imaging.agreement import (
    Agreement,
    ReaderAgreement,
    agreement,
    compare_readers,
    review_list,
)
from components.imaging.masks import squared
from components.imaging.segmentation import Segment, write_segments
from components.imaging.volume import Geometry, Volume
from tests.imaging.segmentation_files import OBLIQUE, ball_on, image

GRID = Geometry((32, 30, 20), np.array([1.0, 1.5, 2.0]), np.array([3.0, -7.0, 11.0]), OBLIQUE)


def box(low, high, grid=GRID):
    voxels = np.zeros(grid.size[::-1], bool)
    voxels[low[2] : high[2], low[1] : high[1], low[0] : high[0]] = True
    return Volume(voxels, grid)


def middle(grid=GRID):
    return grid.to_physical((np.array([grid.size]) - 1) / 2)[0]


def test_a_mask_agrees_with_itself():
    mask = box((4, 5, 6), (14, 12, 11))

    figures = agreement(mask, mask)

    assert (figures.dice, figures.mean_surface_distance_mm, figures.hausdorff95_mm) == (1, 0, 0)
    assert figures.volume_a_ml == figures.volume_b_ml == pytest.approx(10 * 7 * 5 * 3 / 1000)


@pytest.mark.parametrize("shift", [1, 3, 10, 14])
def test_shifted_boxes(shift):
    """Along the first axis: Dice falls linearly, the far face lies `shift` mm away."""
    a, b = box((2, 5, 4), (12, 15, 14)), box((2 + shift, 5, 4), (12 + shift, 15, 14))

    figures = agreement(a, b)

    assert figures.dice == pytest.approx(max(10 - shift, 0) / 10)
    assert figures.hausdorff95_mm == pytest.approx(shift)
    assert figures.volume_a_ml == figures.volume_b_ml


def test_thin_plates_lie_their_distance_apart():
    """Each voxel is surface, and each is exactly three slices of 2 mm from the other plate."""
    figures = agreement(box((4, 4, 5), (20, 20, 6)), box((4, 4, 8), (20, 20, 9)))

    assert figures.dice == 0
    assert figures.mean_surface_distance_mm == pytest.approx(6)
    assert figures.hausdorff95_mm == pytest.approx(6)


def test_concentric_balls():
    """Surfaces of radius 8 and 11 lie 3 mm apart everywhere, but for the voxels."""
    fine = Geometry((60, 60, 60), np.full(3, 0.5), np.zeros(3), OBLIQUE)
    small, large = (Volume(ball_on(fine, middle(fine), r), fine) for r in (8, 11))

    figures = agreement(small, large)

    assert figures.dice == pytest.approx(2 * 8**3 / (8**3 + 11**3), rel=0.01)
    assert figures.mean_surface_distance_mm == pytest.approx(3, abs=0.2)
    assert figures.hausdorff95_mm == pytest.approx(3, abs=0.4)
    assert figures.volume_b_ml == pytest.approx(4 / 3 * np.pi * 1.331, rel=0.01)


def test_figures_are_those_of_simpleitk():
    rng = np.random.default_rng(7)
    a = Volume(ball_on(GRID, middle(), 9) | (rng.random(GRID.size[::-1]) < 0.01), GRID)
    b = Volume(ball_on(GRID, middle() + 3, 8), GRID)
    first, second = (image(mask.voxels.astype(np.uint8), GRID) for mask in (a, b))
    overlap = sitk.LabelOverlapMeasuresImageFilter()
    overlap.Execute(first, second)
    to_second, to_first = _distances(first, second), _distances(second, first)

    figures = agreement(a, b)

    assert figures.dice == pytest.approx(overlap.GetDiceCoefficient())
    assert figures.mean_surface_distance_mm == pytest.approx(
        np.concatenate([to_second, to_first]).mean(), rel=1e-5
    )
    expected = max(np.percentile(to_second, 95), np.percentile(to_first, 95))
    assert figures.hausdorff95_mm == pytest.approx(expected, rel=1e-5)


def _distances(of, to):
    """As SimpleITK's own notebook on segmentation evaluation measures surfaces."""
    contour = sitk.LabelContour(to)
    field = sitk.Abs(
        sitk.SignedMaurerDistanceMap(contour, squaredDistance=False, useImageSpacing=True)
    )
    surface = sitk.GetArrayFromImage(sitk.LabelContour(of)).astype(bool)
    return np.maximum(sitk.GetArrayFromImage(field)[surface], 0)


def test_symmetry_in_the_masks():
    a = Volume(ball_on(GRID, middle(), 9), GRID)
    b = Volume(ball_on(GRID, middle() + 2, 6), GRID)

    there, back = agreement(a, b), agreement(b, a)

    assert there.dice == back.dice
    assert there.hausdorff95_mm == pytest.approx(back.hausdorff95_mm)
    assert there.volume_a_ml == back.volume_b_ml


def test_the_same_ball_on_another_grid_agrees():
    other = Geometry((60, 60, 60), np.full(3, 0.6), middle() - 18, np.eye(3))
    a, b = (Volume(ball_on(grid, middle(), 9), grid) for grid in (GRID, other))

    figures = agreement(a, b)

    assert figures.dice > 0.95
    assert figures.mean_surface_distance_mm < 0.5
    assert figures.volume_b_ml == pytest.approx(4 / 3 * np.pi * 0.729, rel=0.02)


def test_masks_that_do_not_share_a_grid_box_are_measured_all_the_same():
    far = Geometry((10, 10, 10), np.ones(3), middle() + 200, np.eye(3))
    a, b = Volume(ball_on(GRID, middle(), 6), GRID), Volume(np.ones((10, 10, 10), bool), far)

    figures = agreement(a, b)

    assert figures.dice == 0
    assert figures.hausdorff95_mm == pytest.approx(np.sqrt(3) * 205, rel=0.1)


def test_masks_of_two_worlds_are_not_given_a_grid_between_them():
    far = Geometry((4, 4, 4), np.ones(3), middle() + 90_000, np.eye(3))
    a, b = Volume(ball_on(GRID, middle(), 6), GRID), Volume(np.ones((4, 4, 4), bool), far)

    found = agreement(a, b)

    assert (found.dice, found.hausdorff95_mm) == (0, None)


def test_a_skewed_grid_measures_as_its_square_one():
    skew = np.column_stack([[1.0, 0, 0], [0, 1.0, 0], [0, np.sin(0.3), np.cos(0.3)]])
    grid = Geometry((30, 40, 30), np.ones(3), np.zeros(3), skew)
    a = Volume(ball_on(grid, middle(grid), 8), grid)
    b = Volume(ball_on(grid, middle(grid) + np.array([0, 3, 0]), 8), grid)

    figures = agreement(a, b)

    assert figures.volume_a_ml == pytest.approx(4 / 3 * np.pi * 0.512, rel=0.02)
    assert figures.dice == pytest.approx(agreement(squared(a), squared(b)).dice, abs=0.02)
    # Two balls of radius r at a distance d overlap in 1 - 3 d / 4 r + d^3 / 16 r^3 of one.
    assert figures.dice == pytest.approx(1 - 9 / 32 + 27 / (16 * 512), abs=0.02)


def test_empty_masks_have_no_distance():
    empty = Volume(np.zeros(GRID.size[::-1], bool), GRID)
    full = box((4, 5, 6), (14, 12, 11))

    one, none = agreement(full, empty), agreement(empty, empty)

    assert (one.dice, one.mean_surface_distance_mm, one.hausdorff95_mm) == (0, None, None)
    assert (none.dice, none.volume_a_ml, none.volume_b_ml) == (None, 0, 0)


def figures(dice, a=10.0, b=10.0):
    return Agreement(
        dice=dice, mean_surface_distance_mm=1, hausdorff95_mm=2, volume_a_ml=a, volume_b_ml=b
    )


def pair(patient_id, *args, readers=(1, 2)):
    return ReaderAgreement(
        patient_id=patient_id, reader_a=readers[0], reader_b=readers[1], figures=figures(*args)
    )


def test_the_review_list_names_who_disagrees_and_why():
    listed = review_list(
        [
            pair("P03", 0.9, 10.0, 14.0),
            pair("P02", 0.72, 10.0, 16.0),
            pair("P01", 0.55),
            pair("P01", 0.4, 30.0, 10.0, readers=(1, 3)),
        ]
    )

    assert [item.patient_id for item in listed] == ["P01", "P02"]
    assert listed[0].reason == (
        "readers 1 and 2: Dice 0.55 (expected at least 0.7); readers 1 and 3: Dice 0.40 (expected "
        "at least 0.7) and 30.0 and 10.0 ml (expected at most 1.5-fold)"
    )
    assert [item.patient_id for item in review_list([pair("P01", 0.85)], minimum_dice=0.9)] == [
        "P01"
    ]
    assert review_list([pair("P01", 0.9, 10.0, 16.0)], maximum_volume_ratio=2) == ()


def test_readers_are_compared_in_pairs_over_all_lesions(tmp_path):
    near, far = (ball_on(GRID, middle() + offset, 4) for offset in ([-9, 0, 0], [9, 0, 0]))
    # The readers number the lesions the other way round.
    for reader, masks in ((1, (near, far)), (2, (far, near)), (4, (near,))):
        segments = [Segment("x", Volume(mask, GRID)) for mask in masks]
        write_segments(tmp_path / f"{reader}.seg.nrrd", segments)
    paths = {reader: tmp_path / f"{reader}.seg.nrrd" for reader in (4, 1, 2)}

    found = compare_readers("P01", paths)

    assert [(one.reader_a, one.reader_b) for one in found] == [(1, 2), (1, 4), (2, 4)]
    assert found[0].figures.dice == 1
    assert found[1].figures.dice == pytest.approx(2 / 3, abs=0.05)
    (tmp_path / "2.seg.nrrd").write_bytes(b"nothing")
    with pytest.raises(PatientRejected, match="patient P01: the ROI of reader 2"):
        compare_readers("P01", paths)
