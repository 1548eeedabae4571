"""One phantom, every encoding: the same lesions at the same places in the patient."""

import json
import re

import numpy as np
import pytest

from components.errors import PatientRejected
from components.imaging.agreement import together
from components.imaging.masks import on_grid
from components.imaging.readers import read_roi
from components.imaging.segmentation import read_segments
from components.imaging.volume import Geometry, Volume
from tests.imaging.segmentation_files import (
    APART,
    DICOM,
    ENCODINGS,
    OBLIQUE,
    ball_on,
    phantom,
    write_any,
    write_ct,
    write_label_map,
    write_seg,
    write_seg_nrrd,
    write_seg_nrrd_layers_last,
)

FLIPPED = np.diag([-1.0, -1.0, 1.0])


def read(path, **kwargs):
    return read_segments(path, pseudonym="P01", role="the ROI", **kwargs)


@pytest.fixture
def drawn():
    return phantom()


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_encoding_gives_one_mask(encoding, drawn, tmp_path):
    path, ct = write_any(encoding, tmp_path, drawn)

    mask = together(read(path, reference=ct))

    assert np.array_equal(on_grid(mask, drawn.geometry), drawn.union)


@pytest.mark.parametrize("encoding", APART)
def test_lesions_that_overlap_stay_whole(encoding, drawn, tmp_path):
    path, ct = write_any(encoding, tmp_path, drawn)

    segments = read(path, reference=ct)

    assert [segment.name for segment in segments] == list(drawn.names)
    assert (drawn.masks[0] & drawn.masks[1]).any()
    for segment, mask in zip(segments, drawn.masks, strict=True):
        assert np.array_equal(on_grid(segment.mask, drawn.geometry), mask)


@pytest.mark.parametrize("encoding", APART)
def test_a_segment_is_taken_by_its_name_whatever_its_case(encoding, drawn, tmp_path):
    path, ct = write_any(encoding, tmp_path, drawn)

    (segment,) = read(path, reference=ct, wanted=["  hcc 2"])

    assert np.array_equal(on_grid(segment.mask, drawn.geometry), drawn.masks[1])
    assert len(read(path, reference=ct, wanted=["hcc*"])) == 2


@pytest.mark.parametrize("encoding", DICOM[:3])
def test_a_segmentation_object_needs_no_ct(encoding, drawn, tmp_path):
    path, _ = write_any(encoding, tmp_path, drawn)

    mask = together(read(path))

    assert np.array_equal(on_grid(mask, drawn.geometry), drawn.union)
    assert mask.geometry.size[2] < drawn.geometry.size[2]  # only where there are frames


def test_frames_are_placed_where_they_are_and_not_in_a_row(tmp_path):
    drawn = phantom()
    for mask in drawn.masks:
        mask[4:7] = False  # no frame there
    path = write_seg(tmp_path / "roi.dcm", drawn, write_ct(tmp_path / "ct", drawn.geometry))

    mask = together(read(path))

    assert mask.geometry.spacing_mm[2] == pytest.approx(2.5)
    assert np.array_equal(on_grid(mask, drawn.geometry), drawn.union)


def test_fractions_below_half_are_outside(drawn, tmp_path):
    path, ct = write_any("SEG fractional", tmp_path, drawn)

    assert read(path, reference=ct)[0].mask.voxels.sum() == drawn.masks[0].sum()


def test_label_values_are_names_and_overlap_goes_to_the_later_label(drawn, tmp_path):
    path = write_label_map(tmp_path / "roi.nii.gz", drawn)

    one, two = read(path)
    (wanted,) = read(path, wanted=["1"])

    assert (one.name, two.name) == ("1", "2")
    assert np.array_equal(wanted.mask.voxels, one.mask.voxels)
    assert one.mask.voxels.sum() == (drawn.masks[0] & ~drawn.masks[1]).sum()


def test_old_slicer_files_have_one_segment_a_layer(drawn, tmp_path):
    path = write_seg_nrrd(tmp_path / "roi.seg.nrrd", drawn)
    text = path.read_bytes()
    for key in (b"_Layer", b"_LabelValue"):
        text = text.replace(b"Segment0" + key, b"Ignored0" + key)
        text = text.replace(b"Segment1" + key, b"Ignored1" + key)
    path.write_bytes(text)

    assert [int(s.mask.voxels.sum()) for s in read(path)] == [int(m.sum()) for m in drawn.masks]


def test_the_extent_offset_moves_nothing(drawn, tmp_path):
    """3D Slicer stores the part around the segments; the header's origin is already that part's."""
    low, high = np.array([2, 3, 1]), np.array(drawn.geometry.size)
    part = Geometry.part(drawn.geometry, low, high)
    cut = type(drawn)(tuple(m[1:, 3:, 2:] for m in drawn.masks), part, drawn.names)
    path = write_seg_nrrd(
        tmp_path / "roi.seg.nrrd", cut, texts={"Segmentation_ReferenceImageExtentOffset": "2 3 1"}
    )

    assert np.array_equal(on_grid(read(path)[1].mask, drawn.geometry), drawn.masks[1])


def test_a_frame_of_right_anterior_superior_is_turned(drawn, tmp_path):
    path = write_seg_nrrd_layers_last(tmp_path / "roi.seg.nrrd", drawn)
    head, data = path.read_bytes().split(b"\n\n", 1)
    lines = head.decode().split("\n")
    for number, line in enumerate(lines):
        if line.startswith(("space directions", "space origin")):
            key, _, value = line.partition(": ")
            vectors = [json.loads(f"[{v}]") for v in re.findall(r"\(([^)]*)\)", value)]
            turned = [f"({-x!r},{-y!r},{z!r})" for x, y, z in vectors]
            lines[number] = f"{key}: {' '.join(turned)}" + (" none" if len(turned) > 1 else "")
    text = "\n".join(lines).replace("left-posterior-superior", "right-anterior-superior")
    path.write_bytes(text.encode() + b"\n\n" + data)

    assert np.array_equal(on_grid(read(path)[0].mask, drawn.geometry), drawn.masks[0])


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_names_in_any_script_are_found(encoding, drawn, tmp_path):
    path = write_seg_nrrd(tmp_path / "roi.seg.nrrd", drawn, names=("XXXX", "other"))
    path.write_bytes(path.read_bytes().replace(b"XXXX", "肝癌".encode(encoding)))

    (segment,) = read(path, wanted=["肝癌"])

    assert segment.mask.voxels.sum() == drawn.masks[0].sum()


@pytest.mark.parametrize("encoding", ["nrrd", "nii.gz", "SEG", "RTSTRUCT"])
@pytest.mark.parametrize("direction", [FLIPPED, OBLIQUE], ids=["flipped", "oblique"])
def test_a_mask_on_another_grid_lies_where_it_lies(encoding, direction, tmp_path):
    """Against a straight CT: the same ball in the patient, and a wrong one by index."""
    straight = Geometry((40, 40, 16), np.array([1.0, 1.0, 2.0]), np.zeros(3), np.eye(3))
    center, radius = np.array([15.0, 26.0, 13.0]), 7.0
    middle = straight.to_physical(np.array([[19.5, 19.5, 7.5]]))[0]
    spacing = np.array([0.77, 0.86, 1.38])
    size = np.array([64, 58, 30])
    origin = middle - direction @ ((size - 1) / 2 * spacing)
    grid = Geometry(tuple(int(n) for n in size), spacing, origin, direction)
    drawn = type(phantom())((ball_on(grid, center, radius),), grid, ("HCC",))
    path, ct = write_any(encoding, tmp_path, drawn)

    here = on_grid(read(path, reference=ct)[0].mask, straight)

    truth = ball_on(straight, center, radius)
    assert 2 * (here & truth).sum() / (here.sum() + truth.sum()) > 0.93
    middle_mm = straight.to_physical(np.argwhere(here)[:, ::-1].astype(float)).mean(axis=0)
    assert np.allclose(middle_mm, center, atol=0.2)
    by_index = drawn.masks[0][:16, :40, :40]
    assert 2 * (by_index & truth).sum() / (by_index.sum() + truth.sum()) < 0.5


def test_a_flipped_mask_of_the_same_shape_is_not_taken_by_index(tmp_path):
    size, spacing = (20, 20, 10), np.array([1.0, 1.0, 2.0])
    straight = Geometry(size, spacing, np.zeros(3), np.eye(3))
    flipped = Geometry(size, spacing, np.array([19.0, 19.0, 0.0]), FLIPPED)
    mask = ball_on(flipped, np.array([5.0, 6.0, 8.0]), 4.0)
    drawn = type(phantom())((mask,), flipped, ("HCC",))
    path = write_label_map(tmp_path / "roi.nii.gz", drawn)

    found = on_grid(read(path)[0].mask, straight)

    assert np.array_equal(found, ball_on(straight, np.array([5.0, 6.0, 8.0]), 4.0))
    assert np.array_equal(found, mask[:, ::-1, ::-1])


def test_the_dataset_reader_takes_the_largest_of_them(drawn, tmp_path):
    path = write_seg_nrrd(tmp_path / "roi.seg.nrrd", drawn)

    largest = max(read(path), key=lambda segment: segment.mask.voxels.sum())

    found = on_grid(read_roi(path, patient_id="P01"), drawn.geometry)
    assert np.array_equal(found, largest.mask.voxels)


def test_a_missing_segment_is_told_without_the_names_in_the_file(drawn, tmp_path):
    path = write_seg_nrrd(tmp_path / "roi.seg.nrrd", drawn, names=("Zhang Wei", "tumor"))

    with pytest.raises(PatientRejected, match=r"expected 'hcc', found none .* among 2") as caught:
        read(path, wanted=["tumor", "hcc"])

    assert "Zhang" not in str(caught.value)
    assert "'tumor'" not in str(caught.value)


def test_an_empty_wanted_segment_is_refused_and_an_empty_other_one_left_out(drawn, tmp_path):
    drawn.masks[1][:] = False
    path = write_seg_nrrd(tmp_path / "roi.seg.nrrd", drawn)

    assert [segment.name for segment in read(path)] == ["HCC 1"]
    with pytest.raises(PatientRejected, match="the ROI: the ROI is empty"):
        read(path, wanted=["HCC 2"])
    with pytest.raises(PatientRejected, match="a wanted segment is empty"):
        read(path, wanted=["HCC 1", "HCC 2"])


@pytest.mark.parametrize("encoding", [e for e in ENCODINGS if not e.startswith("SEG")])
def test_nothing_marked_is_refused(encoding, drawn, tmp_path):
    for mask in drawn.masks:
        mask[:] = False
    path, ct = write_any(encoding, tmp_path, drawn)

    with pytest.raises(PatientRejected, match="patient P01: the ROI: the ROI is empty"):
        read(path, reference=ct)


def test_a_mask_on_its_own_grid_is_not_copied(drawn):
    mask = Volume(drawn.masks[0], drawn.geometry)

    assert on_grid(mask, drawn.geometry) is mask.voxels
