"""What armwise writes of an ROI: 3D Slicer's layout, its own names, the same bytes each time."""

import gzip

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - the name that its own documentation uses

from components.errors import DataError
from components.imaging.masks import on_grid
from components.imaging.readers import read_roi
from components.imaging.segmentation import Segment, read_segments, write_segments
from components.imaging.volume import Geometry, Volume
from tests.imaging.segmentation_files import (
    ball_on,
    phantom,
    write_any,
    write_ct,
    write_outlines,
    write_seg,
    write_seg_nrrd,
)

CANARIES = ("Zhang Wei", "Canary", "REAL-77", "19500101", "Canary-Reader")


def read(path, **kwargs):
    return read_segments(path, pseudonym="P01", role="the ROI", **kwargs)


@pytest.fixture
def drawn():
    return phantom()


@pytest.fixture
def segments(drawn):
    return [Segment(name, drawn.volume(n)) for n, name in enumerate(drawn.names)]


def test_what_is_written_is_read_again_largest_first(segments, drawn, tmp_path):
    notes = write_segments(tmp_path / "roi.seg.nrrd", segments)

    first, second = read(tmp_path / "roi.seg.nrrd")
    large, small = sorted(drawn.masks, key=lambda mask: -mask.sum())
    assert notes == ()
    assert (first.name, second.name) == ("lesion_1", "lesion_2")
    assert np.array_equal(first.mask.voxels, large)
    assert np.array_equal(second.mask.voxels, small)
    assert np.allclose(first.mask.geometry.direction, drawn.geometry.direction, atol=1e-12)
    largest = read_roi(tmp_path / "roi.seg.nrrd", patient_id="P01")
    assert np.array_equal(on_grid(largest, drawn.geometry), large)


def test_overlapping_lesions_lie_in_layers_and_others_share_one(drawn, tmp_path):
    apart = np.zeros_like(drawn.masks[0])
    apart[0, :3, :3] = True
    masks = [*drawn.masks, apart]
    write_segments(
        tmp_path / "roi.seg.nrrd", [Segment("x", Volume(mask, drawn.geometry)) for mask in masks]
    )

    image = sitk.ReadImage(str(tmp_path / "roi.seg.nrrd"))
    assert image.GetNumberOfComponentsPerPixel() == 2
    keys = {key: image.GetMetaData(key) for key in image.GetMetaDataKeys()}
    places = [(keys[f"Segment{n}_Layer"], keys[f"Segment{n}_LabelValue"]) for n in range(3)]
    assert places == [("0", "1"), ("1", "1"), ("0", "2")]
    assert keys["Segment2_Extent"] == "0 2 0 2 0 0"
    assert keys["Segmentation_SourceRepresentation"] == "Binary labelmap"
    assert image.GetDirection() == pytest.approx(tuple(drawn.geometry.direction.ravel()))
    assert image.GetOrigin() == pytest.approx(tuple(drawn.geometry.origin_mm))


def test_the_same_segments_give_the_same_bytes(segments, tmp_path):
    for name in ("a.seg.nrrd", "b.seg.nrrd"):
        write_segments(tmp_path / name, segments)

    content = (tmp_path / "a.seg.nrrd").read_bytes()
    assert content == (tmp_path / "b.seg.nrrd").read_bytes()
    start = content.index(b"\n\n") + 2
    assert content[start + 4 : start + 8] == b"\0\0\0\0"  # no time in the gzip header
    assert {path.name for path in tmp_path.iterdir()} == {"a.seg.nrrd", "b.seg.nrrd"}


@pytest.mark.parametrize("encoding", ["seg.nrrd", "SEG", "RTSTRUCT"])
def test_nothing_of_the_source_but_the_voxels_is_carried_over(encoding, drawn, tmp_path):
    ct = write_ct(tmp_path / "ct", drawn.geometry)
    named = type(drawn)(drawn.masks, drawn.geometry, ("Zhang Wei", "Canary"))
    write = {
        "seg.nrrd": lambda path: write_seg_nrrd(
            path, named, texts={"Segment0_Tags": "Canary-Reader|", "author": "Canary-Reader"}
        ),
        "SEG": lambda path: write_seg(path, named, ct),
        "RTSTRUCT": lambda path: write_outlines(path, named),
    }
    source = write[encoding](tmp_path / "source.seg.nrrd")
    assert any(word.encode() in source.read_bytes() for word in CANARIES)

    write_segments(tmp_path / "roi.seg.nrrd", read(source, reference=ct))

    content = (tmp_path / "roi.seg.nrrd").read_bytes()
    start = content.index(b"\n\n") + 2
    for text in (content[:start], gzip.decompress(content[start:])):
        assert not any(word.encode() in text for word in CANARIES)


def test_other_grids_are_brought_onto_the_first_and_that_is_said(tmp_path):
    first = Geometry((30, 30, 12), np.array([1.0, 1.0, 2.0]), np.zeros(3), np.eye(3))
    second = Geometry(
        (60, 40, 30), np.array([0.7, 0.7, 1.1]), np.array([40.0, 10.0, -5.0]), np.diag([-1, 1, 1.0])
    )
    near, far = np.array([8.0, 9.0, 10.0]), np.array([33.0, 18.0, 12.0])
    segments = [
        Segment("a", Volume(ball_on(first, near, 6), first)),
        Segment("b", Volume(ball_on(second, far, 5), second)),
    ]

    (note,) = write_segments(tmp_path / "roi.seg.nrrd", segments)

    a, b = read(tmp_path / "roi.seg.nrrd")
    assert "1 of 2 segments were brought onto the grid of the first" in note
    assert a.mask.geometry.size[0] > 30  # enlarged: the second reaches beyond the first's grid
    assert np.array_equal(on_grid(a.mask, first), segments[0].mask.voxels)
    truth = ball_on(a.mask.geometry, far, 5)
    assert 2 * (b.mask.voxels & truth).sum() / (b.mask.voxels.sum() + truth.sum()) > 0.93


def test_a_lesion_lost_between_voxels_is_told(tmp_path):
    coarse = Geometry((8, 8, 8), np.full(3, 5.0), np.zeros(3), np.eye(3))
    fine = Geometry((8, 8, 8), np.full(3, 0.5), np.full(3, 6.0), np.eye(3))
    speck = np.zeros((8, 8, 8), bool)
    speck[2, 2, 2] = True
    segments = [
        Segment("a", Volume(ball_on(coarse, np.full(3, 20.0), 8), coarse)),
        Segment("b", Volume(speck, fine)),
    ]

    notes = write_segments(tmp_path / "roi.seg.nrrd", segments)

    assert any("1 segments smaller than a voxel" in note for note in notes)
    assert len(read(tmp_path / "roi.seg.nrrd")) == 1


def test_an_roi_on_a_tilted_gantry_keeps_its_place_and_volume(tmp_path):
    """Contours on slices shifted against each other; the file's grid has square axes."""
    tilt = np.radians(15)
    across = np.array([0.0, np.sin(tilt), np.cos(tilt)])
    direction = np.column_stack([[1.0, 0, 0], [0.0, 1.0, 0], across])
    skewed = Geometry(
        (40, 40, 24), np.array([1.0, 1.0, 1.5]), np.array([5.0, -8.0, 3.0]), direction
    )
    middle = skewed.to_physical(np.array([[19.5, 19.5, 11.5]]))[0]
    drawn = type(phantom())((ball_on(skewed, middle, 10),), skewed, ("HCC",))
    path, ct = write_any("RTSTRUCT", tmp_path, drawn)

    (segment,) = read(path, reference=ct)
    notes = write_segments(tmp_path / "roi.seg.nrrd", [segment])

    assert np.array_equal(segment.mask.voxels, drawn.masks[0])
    assert "made square" in notes[0]
    (written,) = read(tmp_path / "roi.seg.nrrd")
    axes = written.mask.geometry.direction
    assert np.allclose(axes.T @ axes, np.eye(3), atol=1e-9)
    points = written.mask.geometry.to_physical(np.argwhere(written.mask.voxels)[:, ::-1] * 1.0)
    assert np.allclose(points.mean(axis=0), middle, atol=0.3)
    ml = written.mask.voxels.sum() * written.mask.geometry.voxel_ml
    assert ml == pytest.approx(4 / 3 * np.pi, rel=0.03)


def test_nothing_to_write_is_an_error(tmp_path, drawn):
    empty = Segment("x", Volume(np.zeros_like(drawn.masks[0]), drawn.geometry))
    for segments in ([], [empty]):
        with pytest.raises(DataError, match="expected at least one segment"):
            write_segments(tmp_path / "roi.seg.nrrd", segments)
    assert not list(tmp_path.iterdir())
