"""CT volumes of an import: what is read, what is refused and in which words, what is written."""

import gzip

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from components.errors import PatientRejected
from components.imaging.ct_files import read_ct, write_ct
from components.imaging.volume import Geometry, Volume

ROLE = "the arterial phase"


def image(values, *, spacing=(0.8, 0.9, 2.5), direction=None):
    made = sitk.GetImageFromArray(values)
    made.SetSpacing(spacing)
    made.SetOrigin((-10.0, 20.0, 30.0))
    if direction is not None:
        made.SetDirection(direction)
    return made


@pytest.fixture
def hu():
    return np.random.default_rng(7).integers(-200, 300, (6, 8, 10)).astype(np.int16)


@pytest.fixture
def path(tmp_path, hu):
    where = tmp_path / "Zhang Wei.nii.gz"
    sitk.WriteImage(image(hu), str(where))
    return where


def read(path):
    return read_ct(path, pseudonym="P1", role=ROLE)


def reason(path):
    with pytest.raises(PatientRejected) as caught:
        read(path)
    assert caught.value.patient_id == "P1"
    assert ROLE in caught.value.reason
    assert "Zhang" not in str(caught.value)
    return caught.value.reason


def test_voxels_and_geometry_come_as_they_are(path, hu):
    volume, notes = read(path)
    np.testing.assert_array_equal(volume.voxels, hu)
    assert volume.voxels.dtype == np.int16
    np.testing.assert_allclose(volume.geometry.spacing_mm, [0.8, 0.9, 2.5], rtol=1e-6)
    np.testing.assert_allclose(volume.geometry.origin_mm, [-10, 20, 30], rtol=1e-6)
    assert notes == ()


def test_values_beyond_the_scale_are_clipped_and_bright_ones_counted(tmp_path, hu):
    values = hu.astype(np.float32)
    values[0, 0, :3] = [-3024.0, 5000.0, 40.4]
    sitk.WriteImage(image(values), str(tmp_path / "a.nrrd"))
    volume, notes = read(tmp_path / "a.nrrd")
    assert volume.voxels[0, 0, :3].tolist() == [-1024, 3071, 40]
    assert "1 voxels above 3071 HU" in notes[0]


def test_a_file_that_is_cut_off_or_no_image_is_said_so(path, tmp_path):
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"no image at all" * 50, whole[:40]):
        path.write_bytes(content)
        assert "cannot be read" in reason(path)
    plain = gzip.decompress(whole)
    cut = tmp_path / "Zhang cut.nii"
    cut.write_bytes(plain[:-100])
    assert "cannot be read" in reason(cut)


def test_a_compressed_nrrd_that_is_cut_off_is_said_so(tmp_path, hu):
    path = tmp_path / "Zhang.nrrd"
    sitk.WriteImage(image(hu), str(path), useCompression=True)
    path.write_bytes(path.read_bytes()[:-40])
    assert "cannot be read" in reason(path)


def test_a_wrong_checksum_is_not_taken_for_a_whole_volume(path):
    whole = bytearray(path.read_bytes())
    whole[-8] ^= 1
    path.write_bytes(bytes(whole))
    assert "cannot be read" in reason(path)


def test_a_damaged_stream_is_not_taken_for_air(path):
    whole = bytearray(path.read_bytes())
    for place in range(len(whole) // 2, len(whole) // 2 + 20):
        whole[place] ^= 0x5A
    path.write_bytes(bytes(whole))
    assert "cannot be read" in reason(path)


@pytest.mark.parametrize(
    ("make", "phrase"),
    [
        (lambda hu: image(np.zeros((1, 8, 10), np.int16)), "are no volume"),
        (lambda hu: sitk.Image([4, 4, 4, 2], sitk.sitkInt16), "4 dimensions"),
        (lambda hu: sitk.Image([4, 4, 4], sitk.sitkVectorInt16, 3), "3 channels"),
        (lambda hu: image(np.where(hu == hu.max(), np.nan, hu).astype(np.float32)), "hold no numb"),
        (lambda hu: image(np.where(hu == hu.max(), np.inf, hu).astype(np.float32)), "hold no numb"),
    ],
)
def test_what_is_no_ct_volume_is_refused_in_words(tmp_path, hu, make, phrase):
    path = tmp_path / "Zhang.nrrd"
    sitk.WriteImage(make(hu), str(path))
    assert phrase in reason(path)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["Zhang.nii", "Zhang.nii.gz"])
def test_a_nifti_s_voxels_without_a_value_are_not_taken_for_zeros(tmp_path, hu, name, dtype):
    values = hu.astype(dtype)
    values[2, 3, 4] = np.nan
    sitk.WriteImage(image(values), str(tmp_path / name))
    assert "1 voxels hold no number" in reason(tmp_path / name)


def header(path, **changes):
    """Rewrites lines of a plain NRRD header."""
    head, data = path.read_bytes().split(b"\n\n", 1)
    lines = head.decode().splitlines()
    for key, value in changes.items():
        key = key.replace("_", " ")
        lines = [f"{key}: {value}" if line.startswith(f"{key}:") else line for line in lines]
    path.write_bytes("\n".join(lines).encode() + b"\n\n" + data)


@pytest.mark.parametrize(
    ("changes", "phrase"),
    [
        ({"sizes": "100000 100000 100000"}, "which no CT has"),
        ({"space_directions": "(0,0,0) (0,0.9,0) (0,0,2.5)"}, ROLE),
        ({"space_directions": "(0.8,0,0) (0.8,0.9,0) (0,0,2.5)"}, ROLE),
        ({"space_origin": "(nan,0,0)"}, ROLE),
    ],
)
def test_a_header_that_cannot_be_is_refused_before_voxels_are_read(tmp_path, hu, changes, phrase):
    path = tmp_path / "Zhang.nrrd"
    sitk.WriteImage(image(hu), str(path), useCompression=False)
    header(path, **changes)
    assert phrase in reason(path)


def test_what_is_written_comes_back_and_is_the_same_bytes(tmp_path, hu):
    turn = np.deg2rad(12)
    axes = np.array([[np.cos(turn), 0, np.sin(turn)], [0, -1, 0], [-np.sin(turn), 0, np.cos(turn)]])
    grid = Geometry((10, 8, 6), np.array([0.8, 0.9, 2.5]), np.array([1.0, 2.0, 3.0]), axes)
    for name in ("a.nii.gz", "b.nii.gz"):
        write_ct(tmp_path / name, Volume(hu, grid))
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()
    volume, _ = read(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(volume.voxels, hu)
    np.testing.assert_allclose(volume.geometry.direction, axes, atol=1e-6)
    np.testing.assert_allclose(volume.geometry.origin_mm, [1, 2, 3], atol=1e-6)


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("ct.nrrd", b"encoding:", b"data file: secret.raw\nencoding:"),
        ("ct.nhdr", None, None),
        ("ct.mha", b"ElementDataFile = LOCAL", b"ElementDataFile = secret.raw"),
        ("ct.mhd", None, None),
    ],
)
def test_a_header_does_not_lead_to_another_file(tmp_path, hu, name, before, after):
    path = tmp_path / name
    sitk.WriteImage(sitk.GetImageFromArray(hu), str(path))
    (tmp_path / "secret.raw").write_bytes(bytes(hu.nbytes))
    if before is not None:
        assert read_ct(path, pseudonym="P-1", role="the arterial volume")[0].voxels.shape
        path.write_bytes(path.read_bytes().replace(before, after))

    with pytest.raises(PatientRejected, match="names another file for"):
        read_ct(path, pseudonym="P-1", role="the arterial volume")
