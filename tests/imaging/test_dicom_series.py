"""What a folder of DICOM files is found to hold, and its series as volumes."""

from datetime import date

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - the name that its own documentation uses
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.uid import (
    JPEG2000Lossless,
    MRImageStorage,
    SecondaryCaptureImageStorage,
    generate_uid,
)

from components.errors import PatientRejected
from components.imaging.dicom_series import index_dicom, read_series, read_slices
from components.imaging.resampling import sample
from tests.imaging.dicom_files import CtSeries, encapsulated, ramp, save

ROLE = {"pseudonym": "P001", "role": "the arterial volume"}
OBLIQUE = np.linalg.qr(np.array([[1.0, 0.2, 0.1], [-0.2, 1, 0.3], [0.0, -0.3, 1]]))[0]
OBLIQUE = OBLIQUE * np.sign(np.diag(OBLIQUE)) * [1, 1, np.sign(np.linalg.det(OBLIQUE))]


def only(folder):
    (series,) = index_dicom(folder).series
    return series


def faults(folder):
    return [series.fault for series in index_dicom(folder).series]


def test_a_series_is_found_in_any_nesting_and_read_voxel_by_voxel(tmp_path):
    written = CtSeries()
    paths = written.write(tmp_path / "a" / "b c" / "d")
    (tmp_path / "DICOMDIR").write_bytes(paths[0].read_bytes())
    (tmp_path / "a" / "notes.txt").write_text("no DICOM " * 100)
    (tmp_path / "empty").touch()

    index = index_dicom(tmp_path)
    (series,) = index.series
    volume, notes = read_series(series, **ROLE)

    assert index.others == {"not a DICOM file": 2}
    assert series.fault is None
    assert series.files == tuple(paths)
    assert np.array_equal(volume.voxels, written.hu)
    assert volume.voxels.dtype == np.int16
    assert volume.geometry.size == (14, 10, 6)
    assert np.allclose(volume.geometry.spacing_mm, written.spacing_mm)
    assert np.allclose(volume.geometry.origin_mm, written.origin_mm)
    assert notes == ()


def test_simpleitk_reads_the_same_voxels_at_the_same_places(tmp_path):
    paths = CtSeries(direction=OBLIQUE).write(tmp_path)
    volume, _ = read_series(only(tmp_path), **ROLE)

    image = sitk.ReadImage([str(path) for path in paths])

    assert np.array_equal(volume.voxels, sitk.GetArrayFromImage(image))
    assert np.allclose(volume.geometry.origin_mm, image.GetOrigin(), atol=1e-5)
    assert np.allclose(volume.geometry.spacing_mm, image.GetSpacing(), atol=1e-5)
    assert np.allclose(volume.geometry.direction.ravel(), image.GetDirection(), atol=1e-5)


@pytest.mark.parametrize(
    "direction",
    [
        np.diag([1.0, 1, 1]),
        np.diag([-1.0, 1, -1]),  # feet first, supine
        np.diag([-1.0, -1, 1]),  # head first, prone
        np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),  # coronal
        OBLIQUE,
    ],
)
@pytest.mark.parametrize("backwards", [False, True])
def test_every_voxel_lies_where_its_file_says(tmp_path, direction, backwards):
    written = CtSeries(direction=direction)
    if backwards:
        last = len(written.hu) - 1
        written.edit = lambda ds, k: setattr(ds, "InstanceNumber", last - k + 1)
    written.write(tmp_path)

    volume, _ = read_series(only(tmp_path), **ROLE)

    k, j, i = 4, 3, 5
    du, dv, _ = written.spacing_mm
    point = written.position(k) + i * du * direction[:, 0] + j * dv * direction[:, 1]
    index = np.rint(volume.geometry.to_index(point[None])[0]).astype(int)
    assert volume.voxels[tuple(index[::-1])] == written.hu[k, j, i]


@settings(max_examples=25, deadline=None)
@given(data=st.data(), n=st.integers(4, 9))
def test_names_and_numbers_of_files_do_not_matter_and_gaps_are_named(tmp_path_factory, data, n):
    folder = tmp_path_factory.mktemp("series")
    numbers = data.draw(st.permutations(range(1, n + 1)))
    missing = data.draw(st.none() | st.integers(1, n - 2))

    def edit(ds, k):
        ds.InstanceNumber = numbers[k]
        return k != missing

    written = CtSeries(hu=ramp(n, 4, 5), edit=edit)
    written.write(folder)
    names = data.draw(st.permutations(range(n)))
    for number, path in zip(names, sorted(folder.iterdir()), strict=False):
        path.rename(folder / f"x{number:02d}")
    series = only(folder)

    if missing is None:
        assert np.array_equal(read_series(series, **ROLE)[0].voxels, written.hu)
    else:
        assert series.fault == (
            f"a slice is missing between slices {missing} and {missing + 1} of {n - 1}: "
            "5.00 mm apart, the others 2.50 mm"
        )
        with pytest.raises(PatientRejected, match="P001: the arterial volume: a slice is missing"):
            read_series(series, **ROLE)


def test_only_the_slices_that_are_asked_for_are_decoded(tmp_path):
    written = CtSeries()
    paths = written.write(tmp_path)
    series = only(tmp_path)
    whole, _ = read_series(series, **ROLE)
    for path in (paths[0], paths[5]):
        path.unlink()

    part, _ = read_slices(series, 2, 4, **ROLE)

    assert np.array_equal(part.voxels, written.hu[2:4])
    corner = np.zeros((1, 3))
    assert np.allclose(
        part.geometry.to_physical(corner), whole.geometry.to_physical(np.array([[0, 0, 2]]))
    )
    with pytest.raises(PatientRejected, match="slice 6 of 6 cannot be read any more"):
        read_slices(series, 4, 6, **ROLE)


@pytest.mark.parametrize(("lean", "degrees"), [((0.0, 0.9), 19.8), ((-0.5, 0.3), 13.1)])
def test_the_tilt_of_a_gantry_is_resampled_away(tmp_path, lean, degrees):
    smooth = lambda x, y, z: 3 * x - 2 * y + 4 * z - 400  # noqa: E731
    tilted = CtSeries(hu=ramp(8, 12, 16), lean_mm=lean)
    k, j, i = np.meshgrid(*map(np.arange, tilted.hu.shape), indexing="ij")
    du, dv, _ = tilted.spacing_mm
    starts = np.array([tilted.position(n) for n in range(8)])
    tilted.hu = smooth(starts[k, 0] + i * du, starts[k, 1] + j * dv, starts[k, 2])
    tilted.write(tmp_path)
    series = only(tmp_path)

    volume, notes = read_series(series, **ROLE)

    assert notes == (f"a gantry tilt of {degrees} degrees was resampled away",)
    assert np.allclose(volume.geometry.direction, np.eye(3))
    middle = starts[5] + [7 * du, 6 * dv, 0]
    assert sample(volume, middle[None])[0] == pytest.approx(smooth(*middle), abs=1)
    known = np.argwhere(volume.voxels != -1024)
    values = smooth(*volume.geometry.to_physical(known[:, ::-1].astype(float)).T)
    rim = np.abs(volume.voxels[tuple(known.T)] - values)
    assert np.quantile(rim, 0.8) <= 1  # the rim repeats the border's value for half a pixel
    assert rim.max() <= 3
    assert len(known) >= 0.93 * tilted.hu.size
    part, _ = read_slices(series, 3, 5, **ROLE)
    assert np.array_equal(part.voxels, volume.voxels[3:5])


def test_two_acquisitions_in_one_series_are_told_apart(tmp_path):
    for number, shift in ((3, 0), (4, 50)):
        series = CtSeries(
            hu=ramp() + shift, series_uid="1.2.3", study_uid="1.2", prefix=f"{number}"
        )
        series.attributes = {"AcquisitionNumber": number}
        series.write(tmp_path)

    first, second = index_dicom(tmp_path).series

    assert (first.fault, second.fault) == (None, None)
    assert np.array_equal(read_series(first, **ROLE)[0].voxels, ramp())
    assert np.array_equal(read_series(second, **ROLE)[0].voxels, ramp() + 50)


def test_interleaved_acquisitions_are_no_volume_of_half_the_spacing(tmp_path):
    for number, shift in ((3, 0.0), (4, 1.25)):
        series = CtSeries(series_uid="1.2.3", study_uid="1.2", prefix=f"{number}")
        series.origin_mm = (0, 0, shift)
        series.attributes = {"AcquisitionNumber": number}
        series.write(tmp_path)

    assert [series.n_slices for series in index_dicom(tmp_path).series] == [6, 6]


def test_table_positions_with_their_own_acquisition_numbers_stay_one_volume(tmp_path):
    written = CtSeries(edit=lambda ds, k: setattr(ds, "AcquisitionNumber", 1 + k // 2))
    written.write(tmp_path)

    assert np.array_equal(read_series(only(tmp_path), **ROLE)[0].voxels, written.hu)


@pytest.mark.parametrize(
    "key", ["AcquisitionTime", "TemporalPositionIdentifier", "ConvolutionKernel", "number"]
)
def test_passes_over_the_same_positions_are_told_apart(tmp_path, key):
    values = {"AcquisitionTime": ("101500", "101545"), "TemporalPositionIdentifier": (1, 2)}
    values["ConvolutionKernel"] = ("B30f", "B70f")
    for number, shift in enumerate((0, 50)):
        series = CtSeries(
            hu=ramp() + shift, series_uid="1.2.3", study_uid="1.2", prefix=f"{number}"
        )
        if key in values:
            series.attributes = {key: values[key][number]}
        series.edit = lambda ds, k, number=number: setattr(ds, "InstanceNumber", k + 6 * number)
        series.write(tmp_path)

    read = [read_series(series, **ROLE)[0].voxels for series in index_dicom(tmp_path).series]

    assert np.array_equal(read[0], ramp())
    assert np.array_equal(read[1], ramp() + 50)


def test_passes_that_nothing_tells_apart_are_a_fault(tmp_path):
    for number in range(2):
        series = CtSeries(series_uid="1.2.3", study_uid="1.2", prefix=f"{number}")
        series.edit = lambda ds, k, number=number: setattr(ds, "InstanceNumber", 2 * k + number)
        series.write(tmp_path)

    assert faults(tmp_path) == ["several slices at one position (6 of 12 repeat another)"]


def test_a_localizer_and_a_reformat_in_the_same_series_stand_apart(tmp_path):
    same = {"series_uid": "1.2.3", "study_uid": "1.2"}
    CtSeries(**same).write(tmp_path)
    scout = CtSeries(hu=ramp(1), prefix="scout", **same)
    scout.attributes = {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"], "InstanceNumber": 90}
    scout.write(tmp_path)
    coronal = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    reformat = CtSeries(direction=coronal, prefix="coronal", **same)
    reformat.attributes = {"ImageType": ["DERIVED", "SECONDARY", "REFORMATTED"]}
    reformat.edit = lambda ds, k: setattr(ds, "InstanceNumber", 100 + k)
    reformat.write(tmp_path)

    assert faults(tmp_path) == [None, "a localizer", None]


def test_the_same_instance_twice_counts_once(tmp_path):
    paths = CtSeries().write(tmp_path / "a")
    (tmp_path / "b").mkdir()
    for path in paths[:3]:
        (tmp_path / "b" / path.name).write_bytes(path.read_bytes())

    index = index_dicom(tmp_path)

    assert [series.n_slices for series in index.series] == [6]
    assert index.series[0].fault is None
    assert index.others == {"a second copy of the same slice": 3}


def test_instances_with_one_uid_at_different_positions_are_refused(tmp_path):
    CtSeries(attributes={"SOPInstanceUID": "1.2.3.4"}).write(tmp_path)

    assert faults(tmp_path) == ["slices at different positions that share one SOP Instance UID"]


def _set(**values):
    def edit(ds, k):
        for keyword, value in values.items():
            setattr(ds, keyword, value)

    return edit


def _set_in(number, **values):
    return lambda ds, k: _set(**values)(ds, k) if k == number else None


def _without(keyword):
    return lambda ds, k: delattr(ds, keyword)


@pytest.mark.parametrize(
    ("edit", "fault"),
    [
        (_set(Modality="MR", SOPClassUID=MRImageStorage), "modality MR, expected CT"),
        (_set(Modality="MUSTERMARIA"), "another modality, expected CT"),
        (_set(SOPClassUID=SecondaryCaptureImageStorage), "a secondary capture, whose pixels may"),
        (_set(ConversionType="WSD"), "a secondary capture, whose pixels may show"),
        (_set(BurnedInAnnotation="YES"), "text is burned into its pixels"),
        (_set_in(2, BurnedInAnnotation="YES"), r"text is burned into.*\(1 of 6 slices\)"),
        (_set(ImageType=["DERIVED", "SECONDARY", "MIP"]), "a projection"),
        (_set(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]), "a localizer"),
        (_set_in(2, ImageOrientationPatient=[0, 1, 0, 1, 0, 0]), r"orientations \(1 of 6 lie"),
        (_set_in(2, PixelSpacing=[0.7, 0.9]), r"different pixel spacings \(0.700 to 0.900 mm\)"),
        (_set_in(2, Rows=5), r"different matrices \(14 x 5, 14 x 10\)"),
        (_set_in(2, ImagePositionPatient=[-20, -30, 105.6]), "at uneven distances"),
        (_set_in(2, ImagePositionPatient=[-16, -30, 105]), "shifted against each other by up to"),
        (lambda ds, k: setattr(ds, "ImagePositionPatient", [9 * k, 0, 2 * k]), "tilt of 77 deg"),
        (_without("ImagePositionPatient"), "without a position"),
        (_set(ImageOrientationPatient=[1, 0, 0, 1, 0, 0]), "without an orientation of two"),
        (_without("PixelSpacing"), "without a pixel spacing"),
        (_set(PixelSpacing=[0, 0]), "without a pixel spacing"),
        (_without("RescaleSlope"), "without a rescale slope"),
        (_set(RescaleSlope=0), "without a rescale slope"),
        (_set(RescaleType="MGML"), "without a rescale slope"),
        (_without("PixelData"), "without pixel data"),
        (_set(Rows=60000, Columns=60000), "a matrix of 60000 x 60000 pixels"),
        (_set(Rows=0), "a matrix of 0 x 14 pixels"),
        (_set(PhotometricInterpretation="RGB", SamplesPerPixel=3), "a colour or inverted image"),
        (_set(PhotometricInterpretation="MONOCHROME1"), "a colour or inverted image"),
        (_set(BitsAllocated=32), "pixels that are not of 8 or 16 bits"),
        (_set(Rows=20), "pixel data cut off"),
    ],
)
def test_what_cannot_be_a_phase_says_why(tmp_path, edit, fault):
    CtSeries(edit=edit).write(tmp_path)
    series = only(tmp_path)

    assert series.fault is not None
    with pytest.raises(PatientRejected, match=f"P001: the arterial volume: .*{fault}"):
        read_series(series, **ROLE)


def test_a_file_cut_off_is_a_fault_of_its_slice(tmp_path):
    paths = CtSeries().write(tmp_path)
    paths[3].write_bytes(paths[3].read_bytes()[:-40])

    assert faults(tmp_path) == [
        "pixel data cut off: the file is shorter than its header says (1 of 6 slices)"
    ]


def test_a_file_cut_off_in_its_header_leaves_a_gap(tmp_path):
    paths = CtSeries().write(tmp_path)
    paths[3].write_bytes(paths[3].read_bytes()[:200])

    index = index_dicom(tmp_path)

    assert index.others == {"not a DICOM file": 1}
    assert "a slice is missing between slices 3 and 4 of 5" in index.series[0].fault


def test_a_series_too_large_is_refused_before_it_is_allocated(tmp_path):
    def edit(ds, k):
        ds.Rows = ds.Columns = 4096
        encapsulated(ds, [b"\xff\x4f\xff\x51"], JPEG2000Lossless)

    CtSeries(hu=ramp(65, 2, 2), edit=edit).write(tmp_path)

    with pytest.raises(PatientRejected, match="need more than 2 GiB"):
        read_series(only(tmp_path), **ROLE)


def test_three_slices_are_enough_and_one_needs_its_thickness(tmp_path):
    CtSeries(hu=ramp(3)).write(tmp_path / "three")
    CtSeries(hu=ramp(1)).write(tmp_path / "one")
    CtSeries(hu=ramp(1), attributes={"SliceThickness": None}).write(tmp_path / "thin")

    assert faults(tmp_path / "three") == [None]
    assert only(tmp_path / "one").geometry.spacing_mm[2] == 2.5
    assert faults(tmp_path / "thin") == ["a single slice of unknown thickness"]


@pytest.mark.parametrize("order", [None, [3, 0, 5, 1, 4, 2]])
def test_an_enhanced_file_is_a_series_of_its_frames(tmp_path, order):
    written = CtSeries(direction=OBLIQUE)
    written.attributes = {"ContrastBolusStartTime": "100940"}
    written.write_enhanced(tmp_path / "enhanced", order)

    series = only(tmp_path)
    volume, _ = read_series(series, **ROLE)
    part, _ = read_slices(series, 1, 3, **ROLE)

    assert np.array_equal(volume.voxels, written.hu)
    assert np.array_equal(part.voxels, written.hu[1:3])
    assert np.allclose(volume.geometry.origin_mm, written.origin_mm)
    assert series.files == (tmp_path / "enhanced",)
    assert (series.header.kernel, series.header.kvp, series.header.exposure_mas) == (
        "B30f",
        100,
        102.5,
    )
    assert series.examined_on == date(2020, 3, 5)
    assert series.seconds_after_contrast == 20


def test_an_enhanced_file_that_does_not_describe_its_frames_is_not_read(tmp_path):
    for name, frames in (("few", 5), ("absurd", 2_000_000_000)):
        CtSeries(attributes={"NumberOfFrames": frames}).write_enhanced(tmp_path / name)

    index = index_dicom(tmp_path)

    assert index.series == ()
    assert index.others == {"a DICOM file that cannot be parsed": 2}


def test_processes_find_what_one_process_finds(tmp_path, monkeypatch):
    monkeypatch.setattr("components.imaging.dicom_series._WORTH_A_POOL", 2)
    CtSeries().write(tmp_path / "a")
    CtSeries(attributes={"Modality": "MR"}).write(tmp_path / "b")
    (tmp_path / "notes.txt").write_text("no DICOM")

    alone, together = index_dicom(tmp_path), index_dicom(tmp_path, workers=2)

    assert repr(alone) == repr(together)
    assert [one.files for one in alone.series] == [one.files for one in together.series]


def test_segmentations_and_files_without_image_are_listed_apart(tmp_path):
    for name, sop_class in (
        ("seg", "1.2.840.10008.5.1.4.1.1.66.4"),
        ("rtstruct", "1.2.840.10008.5.1.4.1.1.481.3"),
        ("report", "1.2.840.10008.5.1.4.1.1.88.11"),
    ):
        ds = CtSeries().dataset(0)
        ds.SOPClassUID = sop_class
        del ds.PixelData, ds.Rows
        save(ds, tmp_path / name)

    index = index_dicom(tmp_path)

    assert index.series == ()
    assert index.segmentations == (tmp_path / "rtstruct", tmp_path / "seg")
    assert list(index.others.values()) == [1]


def test_patients_with_one_series_uid_are_kept_apart(tmp_path):
    for name in ("a", "b"):
        CtSeries(series_uid="1.2.3", study_uid="1.2", attributes={"PatientID": name}).write(
            tmp_path / name
        )

    assert [series.patient_id for series in index_dicom(tmp_path).series] == ["a", "b"]


@pytest.mark.parametrize(
    ("injected", "scanned", "seconds"),
    [
        ("101500", "101535.50", 35.5),
        ("235945", "000020", 35),
        ("1015", "101600", 60),
        ("10:15:00", "10:15:40", 40),
        ("102000", "101500", None),
        ("101500", "", None),
        ("", "101500", None),
        ("noon", "101500", None),
    ],
)
def test_time_since_contrast(tmp_path, injected, scanned, seconds):
    CtSeries(attributes={"ContrastBolusStartTime": injected, "AcquisitionTime": scanned}).write(
        tmp_path
    )

    assert only(tmp_path).seconds_after_contrast == seconds


@pytest.mark.parametrize(
    ("attributes", "day"),
    [
        ({"AcquisitionDate": "20200305", "StudyDate": "20200301"}, date(2020, 3, 5)),
        ({"AcquisitionDateTime": "20200305101500.5+0100"}, date(2020, 3, 5)),
        ({"AcquisitionDate": "", "StudyDate": "20200301"}, date(2020, 3, 1)),
        ({"SeriesDate": "2020.03.01"}, date(2020, 3, 1)),
        ({"StudyDate": "20201341"}, None),
        ({}, None),
    ],
)
def test_the_day_of_the_examination(tmp_path, attributes, day):
    CtSeries(hu=ramp(2), attributes=attributes).write(tmp_path)

    assert only(tmp_path).examined_on == day


def test_a_series_without_uid_is_that_of_its_folder(tmp_path):
    for name in ("a", "b"):
        CtSeries(attributes={"SeriesInstanceUID": "", "StudyInstanceUID": generate_uid()}).write(
            tmp_path / name
        )

    assert faults(tmp_path) == [None, None]
