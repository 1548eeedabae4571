"""DICOM CT that nobody here has made."""

import os
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - the name that its own documentation uses

from components.imaging.dicom_series import index_dicom, read_series, read_slices

pytestmark = pytest.mark.realdata
ROLE = {"pseudonym": "P001", "role": "the arterial volume"}


@pytest.fixture(scope="module")
def realdata():
    folder = os.environ.get("ARMWISE_REALDATA")
    if not folder:
        pytest.skip("ARMWISE_REALDATA names no folder of real cohorts")
    return Path(folder)


def test_the_ibsi_phantom_is_its_nifti_voxel_by_voxel(realdata):
    folder = realdata / "ibsi_ct_phantom"
    index = index_dicom(folder / "dicom")
    (series,) = index.series
    volume, notes = read_series(series, **ROLE)
    nifti = sitk.ReadImage(str(folder / "nifti/image/phantom.nii.gz"))

    assert series.fault is None
    assert series.n_slices == 60
    assert [path.name for path in index.segmentations] == ["DCM_RS_00060.dcm"]
    assert notes == ()
    assert np.array_equal(volume.voxels, sitk.GetArrayFromImage(nifti))
    assert volume.geometry.size == (204, 201, 60)
    assert np.allclose(volume.geometry.origin_mm, nifti.GetOrigin(), atol=1e-4)
    assert np.allclose(volume.geometry.spacing_mm, nifti.GetSpacing(), atol=1e-6)
    assert np.allclose(volume.geometry.direction.ravel(), nifti.GetDirection(), atol=1e-6)
    part, _ = read_slices(series, 20, 23, **ROLE)
    assert np.array_equal(part.voxels, volume.voxels[20:23])
    assert series.header.slice_thickness_mm == 3


def test_three_slices_of_an_abdomen(realdata):
    index = index_dicom(realdata / "dcmqi_seg")
    (series,) = index.series
    volume, notes = read_series(series, **ROLE)
    image = sitk.ReadImage([str(path) for path in series.files])

    assert series.n_slices == 3
    assert [path.name for path in index.segmentations] == ["liver.dcm"]
    assert np.allclose(volume.geometry.origin_mm, image.GetOrigin(), atol=1e-4)
    assert np.allclose(volume.geometry.spacing_mm, image.GetSpacing(), atol=1e-4)
    assert np.array_equal(volume.voxels, np.clip(sitk.GetArrayFromImage(image), -1024, 3071))
    assert notes == ("167316 voxels of padding set to -1024 HU",)
    assert (series.header.scanner, series.header.kernel) == ("LightSpeed Ultra", "STANDARD")
    assert (series.header.kvp, series.header.exposure_mas) == (120, 151.2)
    shown = repr(index) + series.header.to_json() + repr(notes)
    assert not [word for word in ("JANCT", "99000", "03086212", "2003") if word in shown]
