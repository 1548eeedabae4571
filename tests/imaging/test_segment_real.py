"""ROIs of other people's tools against what those tools say of them."""

import os
from pathlib import Path

import numpy as np
import pytest

from components.imaging.masks import on_grid
from components.imaging.readers import open_ct
from components.imaging.segmentation import read_segments

pytestmark = pytest.mark.realdata

SLICER_COUNTS = {
    "ribs": 8487,
    "cervical vertebral column": 1216,
    "thoracic vertebral column": 2712,
    "lumbar vertebral column": 3259,
    "right lung": 34450,
    "left lung": 33700,
    "tissue": 154589,
}
"""Counted by label value with SimpleITK alone."""


@pytest.fixture(scope="module")
def realdata():
    folder = os.environ.get("ARMWISE_REALDATA")
    if not folder:
        pytest.skip("ARMWISE_REALDATA names no folder of real images")
    return Path(folder)


def read(path, **kwargs):
    return read_segments(path, pseudonym="P01", role="the ROI", **kwargs)


def test_a_structure_set_equals_the_mask_voxel_by_voxel(realdata):
    folder = realdata / "ibsi_ct_phantom"
    (contours,) = (folder / "dicom" / "mask").iterdir()
    ct = list((folder / "dicom" / "image").iterdir())

    (drawn,) = read(contours, wanted=["gtv-1"], reference=ct)
    (mask,) = read(folder / "nifti" / "mask" / "mask.nii.gz")

    assert drawn.mask.voxels.sum() == 125_256
    assert np.array_equal(drawn.mask.voxels, mask.mask.voxels)
    assert np.allclose(drawn.mask.geometry.origin_mm, mask.mask.geometry.origin_mm, atol=1e-3)
    assert np.array_equal(on_grid(mask.mask, drawn.mask.geometry), drawn.mask.voxels)


@pytest.mark.parametrize("with_ct", [True, False])
def test_a_segmentation_object_equals_the_nrrd(realdata, with_ct):
    folder = realdata / "dcmqi_seg"
    ct = sorted((folder / "ct-3slice").iterdir()) if with_ct else []

    (seg,) = read(folder / "liver.dcm", wanted=["liver"], reference=ct)
    (nrrd,) = read(folder / "liver_seg.nrrd")

    assert seg.mask.voxels.sum() == 107_098
    assert np.array_equal(on_grid(seg.mask, nrrd.mask.geometry), nrrd.mask.voxels)


def test_slicers_segments_by_name(realdata):
    path = realdata / "slicer_segnrrd" / "Segmentation.seg.nrrd"

    everything = {segment.name: int(segment.mask.voxels.sum()) for segment in read(path)}
    (lung,) = read(path, wanted=["Right Lung"])

    assert everything == SLICER_COUNTS
    assert lung.mask.voxels.sum() == SLICER_COUNTS["right lung"]
    # The patient's right is where x is smaller (LPS).
    (left,) = read(path, wanted=["left lung"])
    assert _middle(lung)[0] < _middle(left)[0]


def test_organs_lie_in_the_ct_that_they_were_found_in(realdata):
    folder = realdata / "totalsegmentator_ct"
    ct = open_ct(folder / "example_ct_sm.nii.gz", patient_id="P01")

    (liver,) = read(folder / "example_seg_fast" / "liver.nii.gz")
    (spleen,) = read(folder / "example_seg_fast" / "spleen.nii.gz")

    assert liver.mask.voxels.sum() == 39_350
    assert on_grid(liver.mask, ct.geometry).sum() == 39_350
    assert _middle(liver)[0] < _middle(spleen)[0]


def _middle(segment):
    index = np.argwhere(segment.mask.voxels)[:, ::-1].astype(float)
    return segment.mask.geometry.to_physical(index).mean(axis=0)
