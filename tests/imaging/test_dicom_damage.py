"""Damaged DICOM files, made by chance: never a traceback, never a value of theirs in a message."""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEG2000Lossless

from components.errors import PatientRejected
from components.imaging.dicom_series import index_dicom, read_series
from tests.imaging.dicom_files import CtSeries, ramp

NAME = "Zebrafink"
_FOLDER = (HealthCheck.function_scoped_fixture,)
"""Each example overwrites the files of the one before."""
SYNTAXES = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEG2000Lossless)


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """By transfer syntax the bytes of a series of three slices."""
    attributes = {"PatientName": NAME, "PatientID": NAME, "KVP": 100, "AcquisitionTime": "101500"}
    files = {}
    for syntax in SYNTAXES:
        written = CtSeries(hu=ramp(3, 32, 32), attributes=attributes, syntax=syntax)
        paths = written.write(tmp_path_factory.mktemp("sound"))
        files[syntax] = [path.read_bytes() for path in paths]
    return files


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    syntax=st.sampled_from(SYNTAXES),
    changes=st.lists(st.tuples(st.integers(128, 1100), st.integers(0, 255)), max_size=6),
    kept=st.none() | st.integers(0, 3000),
)
def test_bytes_changed_or_cut_off(sound, tmp_path, syntax, changes, kept):
    files = [bytearray(one) for one in sound[syntax]]
    for offset, value in changes:
        if offset < len(files[1]):
            files[1][offset] = value
    for number, data in enumerate(files):
        (tmp_path / f"{number}").write_bytes(data[:kept] if number == 1 else data)

    index = index_dicom(tmp_path)

    told = [repr(index)]
    for series in index.series:
        told.append(series.header.to_json())
        try:
            volume, notes = read_series(series, pseudonym="P001", role="the arterial volume")
            told += notes
            assert volume.voxels.shape == volume.geometry.size[::-1]
        except PatientRejected as error:
            told.append(str(error))
    assert sum(one.n_slices for one in index.series) + sum(index.others.values()) >= 2
    assert NAME not in " ".join(told)


@pytest.mark.parametrize("kept", [0, 100, 132, 140, 300, 600])
def test_a_slice_cut_off_in_its_header_is_counted(sound, tmp_path, kept):
    for number, data in enumerate(sound[ExplicitVRLittleEndian]):
        (tmp_path / f"{number}").write_bytes(data[:kept] if number == 1 else data)

    index = index_dicom(tmp_path)

    (reason,) = index.others
    assert reason in {"not a DICOM file", "a DICOM file that cannot be parsed"}
    assert index.others[reason] == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 4096,
        b"\0" * 128 + b"DICM",
        b"\0" * 128 + b"DICM" + b"\xff" * 4096,
        b"\x08\x00" * 2048,
        b"\x02\x00\x00\x00UL\x04\x00" + b"\xff" * 400,
        b"PK\x03\x04" + b"\0" * 400,
        b"\0" * 128 + b"DICM" + b"\x02\0\x10\0UI\x16\x00" + b"1.2.840.10008.1.2.1.99" + b"\0" * 99,
    ],
)
def test_what_only_looks_like_dicom_is_counted(tmp_path, content):
    (tmp_path / "file").write_bytes(content)

    index = index_dicom(tmp_path)

    assert index.series == ()
    assert sum(index.others.values()) == 1


def test_what_is_no_regular_file_is_left_alone(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    (tmp_path / "circle").symlink_to(tmp_path)

    index = index_dicom(tmp_path)

    assert index.series == ()
    assert index.others == {}
