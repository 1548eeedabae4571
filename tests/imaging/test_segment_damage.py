"""ROI files that cannot be used: each is one plain sentence, and none fills the memory."""

import gzip
import resource
import struct
import zlib

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813 - the name that its own documentation uses
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

from components.errors import PatientRejected
from components.imaging.segmentation import read_segments
from tests.imaging.segmentation_files import (
    image,
    outlines,
    phantom,
    write_any,
    write_ct,
    write_label_map,
    write_outlines,
    write_rtstruct,
    write_seg,
    write_seg_nrrd,
)

HEADER = (
    "NRRD0004\ntype: unsigned char\ndimension: 3\nspace: left-posterior-superior\n"
    "sizes: 4 5 6\nspace directions: (1,0,0) (0,1,0) (0,0,2)\nkinds: domain domain domain\n"
    "encoding: gzip\nspace origin: (0,0,0)\n"
)


def refusal(path, **kwargs):
    with pytest.raises(PatientRejected) as caught:
        read_segments(path, pseudonym="P01", role="the ROI of reader 2", **kwargs)
    assert caught.value.reason.startswith(("the ROI of reader 2", "the CT of the ROI of reader 2"))
    assert path.name not in str(caught.value)
    return caught.value.reason


@pytest.fixture
def drawn():
    return phantom()


@pytest.fixture
def written(tmp_path):
    def write(content, name="Zhang Wei.seg.nrrd"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


def nrrd(header=HEADER, data=b"\1" * 120):
    return header.encode() + b"\n" + gzip.compress(data)


@pytest.mark.parametrize(
    ("content", "phrase"),
    [
        (b"", "came something else"),
        (b"GIF89a" + b"\0" * 200, "came something else"),
        (b"NRRD0004\ntype: uchar\n", "header has no end"),
        (nrrd(HEADER.replace("4 5 6", "90000 90000 90000")), "more than any CT has"),
        (nrrd(HEADER.replace("4 5 6", "0 5 6")), "cannot be read as an image"),
        (nrrd(HEADER.replace("dimension: 3", "dimension: three")), "cannot be read as an image"),
        (nrrd(data=b"\1" * 119), "cannot be read as an image"),
        (nrrd(HEADER.replace("encoding", "data file: other.raw\nencoding")), "names another file"),
        (nrrd(HEADER.replace("encoding", "datafile: LIST\nencoding")), "names another file"),
        (nrrd(HEADER.replace("space directions", "#")), "does not say where"),
        (nrrd(HEADER.replace("(0,0,2)", "(0,0,0)")), "cannot be read as an image"),
        (nrrd(HEADER.replace("(0,1,0)", "(1,0,0)")), "cannot be read as an image"),
        (
            nrrd(HEADER.replace("origin: (0,0,0)", "origin: (nan,0,0)")),
            "cannot be read as an image",
        ),
        (nrrd(HEADER + "Segment0_Layer:=1\nSegment0_Name:=a\n"), "layers that the file lacks"),
        (nrrd(HEADER + "Segment0_LabelValue:=one\n"), "layers that the file lacks"),
        (nrrd(HEADER + "Segment0_LabelValue:=7\n"), "the ROI is empty"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_damaged_nrrd(written, content, phrase):
    assert phrase in refusal(written(content))


def test_a_ct_or_a_probability_map_is_no_label_map(tmp_path, drawn):
    ct = tmp_path / "ct.nrrd"
    sitk.WriteImage(image(np.full((3, 4, 5), -1000, np.int16), drawn.geometry), str(ct))
    soft = tmp_path / "soft.nii.gz"
    sitk.WriteImage(image(np.full((3, 4, 5), 0.5, np.float32), drawn.geometry), str(soft))
    holes = tmp_path / "nan.nrrd"
    sitk.WriteImage(image(np.full((3, 4, 5), np.nan, np.float32), drawn.geometry), str(holes))

    for path in (ct, soft, holes):
        assert "expected whole label values from 0" in refusal(path)


def test_many_segments_of_a_whole_atlas_must_be_named(tmp_path, drawn, monkeypatch):
    monkeypatch.setattr("components.imaging.segment.MAX_BYTES", 15_000)
    path = write_seg_nrrd(tmp_path / "roi.seg.nrrd", drawn)

    assert "name those that are under 'segments'" in refusal(path)
    assert len(read_segments(path, pseudonym="P01", role="the ROI", wanted=["HCC 1"])) == 1


def test_a_nifti_that_ends_early_is_not_filled_with_zeros(tmp_path, drawn):
    path = write_label_map(tmp_path / "roi.nii.gz", drawn)
    whole = gzip.decompress(path.read_bytes())
    damaged = bytearray(path.read_bytes())
    damaged[-6] ^= 255  # of the checksum

    for content in (gzip.compress(whole[:-1]), path.read_bytes()[:-40], bytes(damaged)):
        path.write_bytes(content)
        reason = refusal(path)
        assert "cut off or damaged" in reason or "cannot be read as an image" in reason
    path.write_bytes(gzip.compress(whole))
    assert len(read_segments(path, pseudonym="P01", role="the ROI")) == 2


def test_a_nifti_at_no_position_is_refused(tmp_path, drawn):
    path = write_label_map(tmp_path / "roi.nii.gz", drawn)
    header = bytearray(gzip.decompress(path.read_bytes()))
    header[292:296] = struct.pack("<f", np.nan)  # srow_x[3]
    path.write_bytes(gzip.compress(header))

    assert "no position in the patient" in refusal(path)


def test_absurd_headers_and_bombs_stay_small(tmp_path, drawn, written):
    header = bytearray(gzip.decompress(write_label_map(tmp_path / "a.nii.gz", drawn).read_bytes()))
    header[40:56] = struct.pack("<8h", 3, 30000, 30000, 30000, 1, 1, 1, 1)
    deflater = zlib.compressobj(wbits=31)
    zeros = b"".join(deflater.compress(bytes(2**20)) for _ in range(160)) + deflater.flush()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    assert "more than any CT has" in refusal(written(gzip.compress(header), "b.nii.gz"))
    assert "the ROI is empty" in refusal(written(HEADER.encode() + b"\n" + zeros))

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


def changed(path, change):
    dataset = pydicom.dcmread(path)
    change(dataset)
    dataset.save_as(path)
    return path


@pytest.mark.parametrize(
    ("change", "phrase"),
    [
        (lambda d: setattr(d, "NumberOfFrames", 2_000_000), "more than it has"),
        (lambda d: setattr(d, "NumberOfFrames", 3), "more than it has"),
        (lambda d: setattr(d, "SOPClassUID", "1.2.840.10008.5.1.4.1.1.2"), "another kind of DICOM"),
        (lambda d: delattr(d, "PixelData"), "damaged or incomplete"),
        (lambda d: setattr(d, "PixelData", d.PixelData[:20]), "damaged or incomplete"),
        (lambda d: delattr(d, "SegmentSequence"), "damaged or incomplete"),
        (lambda d: delattr(d, "SharedFunctionalGroupsSequence"), "damaged or incomplete"),
        (lambda d: delattr(d, "PerFrameFunctionalGroupsSequence"), "damaged or incomplete"),
        (lambda d: moved(d, 0, (0, 0, 1.1)), "uneven distances"),
        (lambda d: moved(d, 0, (0, 3, 0)), "do not lie above each other"),
        (lambda d: moved(d, 0, (0, 0, -9e6)), "impossibly far apart"),
    ],
)
def test_damaged_segmentation_objects(tmp_path, change, phrase):
    straight = phantom(np.eye(3))
    path = write_seg(tmp_path / "Li.dcm", straight, write_ct(tmp_path / "ct", straight.geometry))

    assert phrase in refusal(changed(path, change))


def moved(dataset, frame, by_mm):
    place = dataset.PerFrameFunctionalGroupsSequence[frame].PlanePositionSequence[0]
    place.ImagePositionPatient = [
        float(x) + dx for x, dx in zip(place.ImagePositionPatient, by_mm, strict=True)
    ]


def test_a_deflated_bomb_is_not_inflated(tmp_path, drawn, monkeypatch):
    monkeypatch.setattr("components.imaging.dicom_files.MAX_INFLATED_BYTES", 2**20)
    path = write_outlines(tmp_path / "Li.dcm", drawn)
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.private_block(0x11, "X", create=True).add_new(1, "OB", bytes(4 * 2**20))
    dataset.save_as(path)
    assert path.stat().st_size < 2**18

    assert "damaged or incomplete" in refusal(path)


def test_a_structure_set_needs_its_ct(tmp_path, drawn):
    assert "needs the DICOM series" in refusal(write_outlines(tmp_path / "Li.dcm", drawn))


def test_a_mask_of_another_patient_is_refused(tmp_path, drawn):
    for encoding in ("SEG", "RTSTRUCT"):
        folder = tmp_path / encoding
        path, _ = write_any(encoding, folder, drawn)
        other = write_ct(folder / "other", drawn.geometry, patient_id="REAL-78")

        assert "another patient than the CT" in refusal(path, reference=other)


def rois(drawn, change=lambda points: points, kind="CLOSED_PLANAR"):
    contours = outlines(drawn.masks[1], drawn.geometry)
    return {"HCC": [(kind, change(points)) for points in contours]}


@pytest.mark.parametrize("kind", ["OPEN_PLANAR", "OPEN_NONPLANAR", "POINT"])
def test_contours_that_are_not_closed_are_refused_by_their_kind(tmp_path, drawn, kind):
    ct = write_ct(tmp_path / "ct", drawn.geometry)
    path = write_rtstruct(tmp_path / "Li.dcm", rois(drawn, kind=kind))

    assert f"expected closed contours (CLOSED_PLANAR), came {kind}" in refusal(path, reference=ct)


def along(geometry, points, axis, mm):
    return points + mm * geometry.direction[:, axis]


def test_contours_go_to_the_nearest_slice_within_half_a_spacing(tmp_path, drawn):
    """Slices lie 2.5 mm apart."""
    ct = write_ct(tmp_path / "ct", drawn.geometry)
    near = write_rtstruct(
        tmp_path / "near.dcm", rois(drawn, lambda p: along(drawn.geometry, p, 2, 1.1))
    )
    outside = write_rtstruct(
        tmp_path / "far.dcm", rois(drawn, lambda p: along(drawn.geometry, p, 2, 60))
    )

    (segment,) = read_segments(near, pseudonym="P01", role="the ROI", reference=ct)

    assert np.array_equal(segment.mask.voxels, drawn.masks[1])
    assert "lie outside the CT" in refusal(outside, reference=ct)


def test_contours_that_no_axial_slice_holds_are_refused(tmp_path, drawn):
    ct = write_ct(tmp_path / "ct", drawn.geometry)
    to_slices = drawn.geometry.direction @ np.array([[1, 0, 0], [0, 0, 1.0], [0, -1.0, 0]])

    def tipped(points):
        middle = points.mean(axis=0)
        return middle + (points - middle) @ drawn.geometry.direction @ to_slices.T

    path = write_rtstruct(tmp_path / "Li.dcm", rois(drawn, tipped))

    assert "not parallel to the CT's slices" in refusal(path, reference=ct)


def test_contours_of_a_coarser_series_would_leave_gaps_and_are_refused(tmp_path, drawn):
    fine = type(drawn.geometry)(
        (30, 26, 36), drawn.geometry.spacing_mm / [1, 1, 3], drawn.geometry.origin_mm,
        drawn.geometry.direction,
    )  # fmt: skip
    ct = write_ct(tmp_path / "ct", fine)
    path = write_rtstruct(tmp_path / "Li.dcm", rois(drawn))

    assert "drawn on slices farther apart" in refusal(path, reference=ct)


def test_a_contour_of_two_points_and_one_of_no_number_are_refused(tmp_path, drawn):
    ct = write_ct(tmp_path / "ct", drawn.geometry)
    two = write_rtstruct(tmp_path / "two.dcm", rois(drawn, lambda p: p[:2]))
    broken = write_outlines(tmp_path / "broken.dcm", drawn)

    def cut(dataset: Dataset):
        contour = dataset.ROIContourSequence[0].ContourSequence[0]
        contour.ContourData = list(contour.ContourData)[:-1]

    assert "fewer than 3 points" in refusal(two, reference=ct)
    assert "damaged or incomplete" in refusal(changed(broken, cut), reference=ct)


def test_a_ct_without_geometry_is_told_as_the_cts_fault(tmp_path, drawn):
    path, ct = write_any("RTSTRUCT", tmp_path, drawn)
    changed(ct[3], lambda d: delattr(d, "ImagePositionPatient"))

    assert refusal(path, reference=ct).startswith("the CT of the ROI of reader 2 cannot be read")
