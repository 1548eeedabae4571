"""Every transfer syntax gives the voxels that were written, and damage in one is said."""

import zlib

import numpy as np
import pytest
from pydicom.encaps import get_frame
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from components.errors import PatientRejected
from components.imaging.dicom_series import index_dicom, read_series
from tests.imaging.dicom_files import (
    HTJ2K_IMAGE,
    HTJ2K_STREAM,
    CtSeries,
    encapsulated,
    encode,
    jpeg_lossless,
    ramp,
)

ROLE = {"pseudonym": "P001", "role": "the portal venous volume"}
EXACT = [
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
    RLELossless,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEG2000Lossless,
]
COMPRESSED = EXACT[4:]


def read(folder):
    (series,) = index_dicom(folder).series
    assert series.fault is None
    return read_series(series, **ROLE)


def noisy(n=4):
    """HU (n, 32, 48) over the whole range of a CT."""
    return np.random.default_rng(7).integers(-1024, 3072, (n, 32, 48)).astype(np.int16)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("syntax", EXACT, ids=lambda uid: uid.keyword)
def test_lossless_syntaxes_give_every_voxel(tmp_path, syntax, signed):
    written = CtSeries(hu=noisy(), syntax=syntax, signed=signed)
    written.intercept = 0 if signed else -1024
    written.write(tmp_path)

    volume, notes = read(tmp_path)

    assert np.array_equal(volume.voxels, written.hu)
    assert notes == ()


@pytest.mark.parametrize("syntax", [HTJ2KLossless, HTJ2KLosslessRPCL, HTJ2K])
def test_htj2k(tmp_path, syntax):
    written = CtSeries(hu=np.stack([HTJ2K_IMAGE] * 2), intercept=0)
    written.edit = lambda ds, k: encapsulated(ds, [HTJ2K_STREAM], syntax)
    written.write(tmp_path)

    assert np.array_equal(read(tmp_path)[0].voxels, written.hu)


def test_lossy_syntaxes_stay_near(tmp_path):
    smooth = ramp(2, 32, 32)
    for name, syntax, options in (
        ("j2k", JPEG2000, {"j2k_cr": [4]}),
        ("jls", JPEGLSNearLossless, {"jls_error": 2}),
    ):
        written = CtSeries(hu=smooth)

        def edit(ds, k, syntax=syntax, options=options):
            encode(ds, syntax, **options)

        written.edit = edit
        written.write(tmp_path / name)

        error = np.abs(read(tmp_path / name)[0].voxels.astype(int) - smooth)
        assert 0 < error.max() <= 12


def test_an_enhanced_file_of_compressed_frames(tmp_path):
    for syntax in (RLELossless, JPEGLSLossless, JPEGLosslessSV1):
        written = CtSeries(hu=noisy(), syntax=syntax)
        written.write_enhanced(tmp_path / syntax / "enhanced", [2, 0, 3, 1])

        assert np.array_equal(read(tmp_path / syntax)[0].voxels, written.hu)


def test_rescale_is_that_of_each_slice(tmp_path):
    def edit(ds, k):
        ds.RescaleSlope, ds.RescaleIntercept = [(1, -1024), (2, -1000), (0.5, 10.25)][k]
        ds.PixelData = np.full((10, 14), 7 + k, np.int16).tobytes()

    CtSeries(hu=ramp(3), edit=edit).write(tmp_path)

    assert [int(one[0, 0]) for one in read(tmp_path)[0].voxels] == [-1017, -984, 15]


@pytest.mark.parametrize(
    ("signed", "padding"), [(True, (-2000,)), (True, (63536,)), (False, (65000, 65535))]
)
def test_padding_becomes_air_and_hu_are_clipped(tmp_path, signed, padding):
    raw = np.full((10, 14), 1100, np.int64)
    raw[0, :3] = -2000 if signed else 65100
    raw[1, :2] = 5000
    if signed:
        raw[2, :1] = -500

    def edit(ds, k):
        ds.PixelData = raw.astype(np.int16 if signed else np.uint16).tobytes()
        for tag, value in zip((0x00280120, 0x00280121), padding, strict=False):
            ds.add_new(tag, "US" if value > 0 else "SS", value)

    CtSeries(hu=ramp(2), signed=signed, edit=edit).write(tmp_path)
    volume, notes = read(tmp_path)

    expected = np.full((10, 14), 76)
    expected[0, :3], expected[1, :2] = -1024, 3071
    if signed:
        expected[2, :1] = -1024
    assert np.array_equal(volume.voxels[1], expected)
    told = ["6 voxels of padding set to -1024 HU", "4 voxels above 3071 HU set to it"]
    if signed:
        told.insert(1, "2 voxels below -1024 HU set to it")
    assert notes == tuple(told)


def test_bits_above_those_stored_are_no_image(tmp_path):
    written = CtSeries(hu=ramp(2), signed=False)

    def edit(ds, k):
        ds.BitsStored, ds.HighBit = 12, 11
        overlay = written.raw(written.hu[k]) | 0x8000
        ds.PixelData = overlay.tobytes()

    written.edit = edit
    written.write(tmp_path)

    assert np.array_equal(read(tmp_path)[0].voxels, written.hu)


def test_a_file_without_preamble_is_dicom(tmp_path):
    written = CtSeries(hu=ramp(2), syntax=ImplicitVRLittleEndian)
    for path in written.write(tmp_path):
        whole = path.read_bytes()
        meta_length = int.from_bytes(whole[140:144], "little")
        path.write_bytes(whole[144 + meta_length :])

    assert np.array_equal(read(tmp_path)[0].voxels, written.hu)


@pytest.mark.parametrize("syntax", COMPRESSED, ids=lambda uid: uid.keyword)
@pytest.mark.parametrize("kept", [0.2, 0.6, 0.95])
def test_a_compressed_slice_cut_off_names_its_number_and_role(tmp_path, syntax, kept):
    paths = CtSeries(hu=noisy(), syntax=syntax).write(tmp_path)
    whole = paths[2].read_bytes()
    start = whole.index(b"\xe0\x7f\x10\x00")
    paths[2].write_bytes(whole[: start + int(kept * (len(whole) - start))])

    (series,) = index_dicom(tmp_path).series

    with pytest.raises(
        PatientRejected,
        match=r"patient P001: the portal venous volume: (slice 3 of 4 cannot|pixel data cut off)",
    ):
        read_series(series, **ROLE)


@pytest.mark.parametrize("syntax", COMPRESSED, ids=lambda uid: uid.keyword)
def test_a_compressed_frame_cut_off_inside_its_item_names_its_number(tmp_path, syntax):
    written = CtSeries(hu=noisy())

    def edit(ds, k):
        encode(ds, syntax)
        if k == 2:
            stream = get_frame(ds.PixelData, 0, number_of_frames=1)
            encapsulated(ds, [stream[: len(stream) // 2]], syntax)

    written.edit = edit
    written.write(tmp_path)
    (series,) = index_dicom(tmp_path).series
    with pytest.raises(PatientRejected, match="slice 3 of 4 cannot be decoded"):
        read_series(series, **ROLE)


@pytest.mark.parametrize("syntax", COMPRESSED[1:], ids=lambda uid: uid.keyword)
def test_a_frame_that_claims_another_size_is_not_decoded(tmp_path, syntax, monkeypatch):
    small = CtSeries(hu=noisy(1), syntax=syntax)
    (path,) = small.write(tmp_path)
    whole = bytearray(path.read_bytes())
    size = (32).to_bytes(2, "big") + (48).to_bytes(2, "big")
    if syntax == JPEG2000Lossless:
        size = (48).to_bytes(4, "big") + (32).to_bytes(4, "big")
    at = whole.index(size, whole.index(b"\xe0\x7f\x10\x00"))
    whole[at : at + len(size)] = b"\x7f" * len(size)
    path.write_bytes(whole)
    (series,) = index_dicom(tmp_path).series
    monkeypatch.setattr("components.imaging.dicom_voxels._decoder", pytest.fail)

    with pytest.raises(PatientRejected, match="slice 1 of 1 cannot be decoded"):
        read_series(series, **ROLE)


def test_a_deflated_bomb_is_not_inflated(tmp_path):
    written = CtSeries(hu=ramp(1), syntax=DeflatedExplicitVRLittleEndian)
    (path,) = written.write(tmp_path)
    whole = path.read_bytes()
    end = 144 + int.from_bytes(whole[140:144], "little")
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = b"".join(deflater.compress(bytes(2**20)) for _ in range(300)) + deflater.flush()
    path.write_bytes(whole[:end] + body)

    assert index_dicom(tmp_path).others == {"a DICOM file that cannot be parsed": 1}


def test_a_syntax_that_nobody_knows_is_said(tmp_path):
    written = CtSeries(hu=ramp(2))
    written.edit = lambda ds, k: encapsulated(ds, [b"12345678"], RLELossless)
    paths = written.write(tmp_path)
    for path in paths:
        path.write_bytes(path.read_bytes().replace(b"1.2.840.10008.1.2.5", b"1.2.840.10008.1.2.9"))
    (series,) = index_dicom(tmp_path).series

    with pytest.raises(PatientRejected, match="slice 1 of 2 cannot be decoded"):
        read_series(series, **ROLE)


def test_jpeg_lossless_writes_what_it_says():
    assert jpeg_lossless(ramp(1)[0])[:2] == b"\xff\xd8"
