"""Nothing that identifies leaves the reader of DICOM headers: canaries in every attribute."""

import functools

import pytest
from pydicom import Dataset
from pydicom.datadict import DicomDictionary, keyword_for_tag
from pydicom.sequence import Sequence

from components.errors import PatientRejected
from components.imaging.dicom_acquisition import AcquisitionHeader, safe_word
from components.imaging.dicom_attributes import KEYWORDS
from components.imaging.dicom_series import index_dicom, read_series
from components.intake.mapping_images import ImageSource
from components.intake.phase_choice import choose_phases
from tests.imaging.dicom_files import CtSeries, ramp

NAME, NUMBER, DAY, UID = "Zebrafink", "31415926", "19470731", "1.2.826.27182818"
CANARIES = ("zebra", NUMBER, "1947", "0731", "7.31", "2718", "077Y", "Fink")
PLANTED = {
    "AE": NAME,
    "AS": "077Y",
    "CS": NAME.upper(),
    "DA": DAY,
    "DS": NUMBER,
    "DT": f"{DAY}073100",
    "IS": NUMBER,
    "LO": f"{NAME} {NUMBER}",
    "LT": f"{NAME} {DAY}",
    "PN": f"{NAME}^Fink",
    "SH": NAME,
    "ST": NAME,
    "TM": "073147",
    "UC": NAME,
    "UI": UID,
    "UR": NAME,
    "UT": NAME,
    "OB": NAME.encode(),
    "UN": NAME.encode(),
}
NEEDED = {
    "SOPClassUID",
    "Modality",
    "ImageType",
    "ConversionType",
    "BurnedInAnnotation",
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "NumberOfFrames",
    "PixelRepresentation",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "RescaleSlope",
    "RescaleIntercept",
    "RescaleType",
    "AcquisitionNumber",
    "InstanceNumber",
    "SOPInstanceUID",
    "SpecificCharacterSet",
}
"""Without these as they are the series would not be read; they are planted one by one below."""


@functools.cache
def planted_attributes():
    """A canary in every standard attribute of text, date, number or UID, and in private ones."""
    ds = Dataset()
    for tag, (vr, *_) in DicomDictionary.items():
        keyword = keyword_for_tag(tag)
        if vr in PLANTED and keyword and keyword not in NEEDED and 0x0008 <= tag >> 16 < 0x7FE0:
            ds.add_new(tag, vr, PLANTED[vr])
        elif vr == "SQ" and keyword.startswith(("Re", "Ot", "Pa", "Co")):
            item = Dataset()
            for inner in ("PatientName", "PatientID", "StudyDate", "ReferencedSOPInstanceUID"):
                setattr(item, inner, {"StudyDate": DAY, "PatientName": NAME}.get(inner, UID))
            ds.add_new(tag, vr, Sequence([item]))
    block = ds.private_block(0x0011, NAME, create=True)
    block.add_new(0x01, "LO", NAME)
    block.add_new(0x02, "PN", f"{NAME}^Fink")
    block.add_new(0x03, "DA", DAY)
    return ds


def shown(folder):
    """Everything that a reader of the folder keeps, prints or raises."""
    index = index_dicom(folder)
    told = [repr(index), repr(index.series), str(index.others)]
    for series in index.series:
        told += [repr(series), series.header.to_json(), repr(series.header), str(series.fault)]
        told += [repr(series.stack), repr(series.slices)]
        try:
            told.append(repr(read_series(series, pseudonym="P1", role="the arterial volume")))
        except PatientRejected as error:
            told += [str(error), repr(error)]
    phase = {"series": ("art",)}
    images = ImageSource(
        dicom="dicom", arterial=phase, portal_venous=phase, roi={"path": ("roi.nrrd",)}, readers={}
    )
    told.append(repr(choose_phases(index.series, images).reasons))
    return "\n".join(told)


def assert_clean(text):
    text = text.lower()
    assert [canary for canary in CANARIES if canary.lower() in text] == []


@pytest.fixture
def planted(tmp_path):
    """A folder named for nobody, whose files have a canary wherever one can stand."""

    def write(n=2, **attributes):
        def edit(ds, k):
            ds.update(planted_attributes())
            for keyword, value in attributes.items():
                setattr(ds, keyword, value)

        CtSeries(hu=ramp(n, 4, 4), edit=edit, prefix=NAME).write(tmp_path)
        return tmp_path

    return write


def test_no_canary_of_a_readable_series_is_shown(planted, capfd, caplog):
    caplog.set_level(0)
    folder = planted()

    text = shown(folder)

    (series,) = index_dicom(folder).series
    assert series.fault is None
    assert series.header.scanner is None
    assert_clean(text)
    out, err = capfd.readouterr()
    assert_clean(out + err)
    read = [record.getMessage() for record in caplog.records if "writ" not in record.pathname]
    assert_clean(" ".join(message for message in read if not message.startswith("Invalid value")))
    assert series.patient_id == f"{NAME} {NUMBER}"  # it was there to be shown


@pytest.mark.parametrize("keyword", sorted(NEEDED - {"SOPInstanceUID", "PixelRepresentation"}))
def test_no_canary_of_a_refused_series_is_shown(planted, keyword, capfd):
    value = NAME.upper()
    if "UID" in keyword:
        value = UID
    elif keyword in {"Rows", "Columns", "SamplesPerPixel"}:
        value = 31415
    elif keyword in {"NumberOfFrames", "AcquisitionNumber", "InstanceNumber"}:
        value = int(NUMBER)
    elif keyword.startswith(("Image", "Pixel", "Rescale")) and keyword not in {
        "ImageType",
        "RescaleType",
    }:
        value = NUMBER
    folder = planted(1, **{keyword: value})

    text = shown(folder).replace("31415 x", "").replace("x 31415", "")

    assert_clean(text)
    out, err = capfd.readouterr()
    assert_clean(out + err)


def test_the_canaries_are_found_where_they_stand(planted):
    with pytest.raises(AssertionError):
        assert_clean(f"series of {NAME.upper()}")
    data = b"".join(path.read_bytes() for path in planted().iterdir())
    assert data.count(NAME.encode()) > 1000
    assert data.count(DAY.encode()) > 50


def test_a_damaged_value_is_not_quoted(tmp_path, capfd, recwarn):
    paths = CtSeries(hu=ramp(3, 4, 4)).write(tmp_path)
    for path in paths:
        data = path.read_bytes()
        assert b"-1024" in data
        path.write_bytes(data.replace(b"-1024", b"ZEBRA"))

    assert_clean(shown(tmp_path))
    assert index_dicom(tmp_path).series[0].fault == "without a rescale slope and intercept to HU"
    assert_clean("".join(capfd.readouterr()))
    assert [str(warning.message) for warning in recwarn if "ZEBRA" in str(warning.message)] == []


def test_only_technical_attributes_are_in_the_record_that_is_kept():
    assert set(AcquisitionHeader.model_fields) == {
        "manufacturer",
        "scanner",
        "kernel",
        "kvp",
        "exposure_mas",
        "tube_current_ma",
        "rotation_time_s",
        "pitch",
        "ctdi_vol_mgy",
        "slice_thickness_mm",
        "spacing_x_mm",
        "spacing_y_mm",
        "spacing_z_mm",
        "reconstruction_diameter_mm",
        "gantry_tilt_deg",
        "contrast_agent_given",
        "contrast_volume_ml",
        "contrast_rate_ml_per_s",
    }
    never = {"InstitutionName", "StationName", "StudyDescription", "DeviceSerialNumber"}
    never |= {"PatientComments", "ProtocolName", "ImageComments", "PatientAddress"}
    assert not never & set(KEYWORDS)


def test_a_header_as_scanners_write_it_is_kept(tmp_path):
    CtSeries(
        attributes={
            "Manufacturer": "SIEMENS",
            "ManufacturerModelName": "SOMATOM Definition AS+",
            "ConvolutionKernel": ["Br40d", "3"],
            "KVP": 100,
            "XRayTubeCurrent": 200,
            "ExposureTime": 500,
            "SpiralPitchFactor": 0.6,
            "CTDIvol": 7.25,
            "GantryDetectorTilt": 0,
            "ContrastBolusAgent": "Ultravist 370",
            "ContrastBolusVolume": 90,
            "ContrastFlowRate": 3.5,
            "InstitutionName": "Hospital",
            "StationName": "CT01",
        }
    ).write(tmp_path)

    header = index_dicom(tmp_path).series[0].header.model_dump(exclude_none=True)

    assert header == {
        "manufacturer": "SIEMENS",
        "scanner": "SOMATOM Definition AS+",
        "kernel": "Br40d/3",
        "kvp": 100,
        "exposure_mas": 100,
        "tube_current_ma": 200,
        "pitch": 0.6,
        "ctdi_vol_mgy": 7.25,
        "slice_thickness_mm": 2.5,
        "spacing_x_mm": 0.8,
        "spacing_y_mm": 0.7,
        "spacing_z_mm": 2.5,
        "gantry_tilt_deg": 0,
        "contrast_agent_given": True,
        "contrast_volume_ml": 90,
        "contrast_rate_ml_per_s": 3.5,
    }


@pytest.mark.parametrize(
    ("agent", "given"), [("Iohexol", True), ("NONE", False), ("", None), (None, None)]
)
def test_whether_contrast_was_given(tmp_path, agent, given):
    attributes = {} if agent is None else {"ContrastBolusAgent": agent}
    CtSeries(hu=ramp(2, 4, 4), attributes=attributes).write(tmp_path)

    assert index_dicom(tmp_path).series[0].header.contrast_agent_given is given


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("LightSpeed VCT", True),
        ("Aquilion ONE", True),
        ("uCT 760", True),
        ("Optima CT660", True),
        ("FC18", True),
        ("I40f/3", True),
        ("Maria's scanner", False),
        ("Scanner Maria", False),
        ("MUSTERMARIA", False),
        ("Li scanner", False),
        ("Lightspeed", True),  # holds 'li', as most words may
        ("CT 4711", False),
        ("SN 123456", False),
        ("12/07/1950", False),
        ("1950-07-12", False),
        ("12.07.50", False),
        ("放射科", False),
        ("A<b>", False),
        ("x" * 41, False),
        ("", False),
        (None, False),
    ],
)
def test_words_that_may_be_kept(text, kept):
    forbidden = frozenset({"maria", "muster", "li", "4711"})

    assert safe_word(text, forbidden) == (text if kept else None)


@pytest.mark.parametrize(
    ("charset", "name", "word"),
    [
        (b"GB18030     ", "王伟", "gb18030"),
        (b"GBK         ", "王伟", "gbk"),
        (b"ISO_IR 192  ", "Ünal", "utf-8"),
        (b"ISO_IR 100  ", "Ünal", "latin-1"),
        (b"NO_SUCH_SET ", "王伟", "gbk"),
        (b"            ", "王伟", "gbk"),
        (b"ISO_IR 192  ", "王伟", "gbk"),
    ],
)
def test_names_in_any_character_set_break_nothing(tmp_path, charset, name, word):
    attributes = {"SpecificCharacterSet": "ISO_IR 999X", "PatientName": "X" * 12}
    attributes["SeriesDescription"] = "Y" * 12
    for path in CtSeries(hu=ramp(3, 4, 4), attributes=attributes).write(tmp_path):
        data = path.read_bytes()
        data = data.replace(b"ISO_IR 999X ", charset).replace(b"ISO_IR 999X\0", charset)
        for placeholder in (b"X" * 12, b"Y" * 12):
            data = data.replace(placeholder, name.encode(word).ljust(12))
        path.write_bytes(data)

    (series,) = index_dicom(tmp_path).series

    assert series.fault is None
    assert read_series(series, pseudonym="P1", role="r")[0].voxels.shape == (3, 4, 4)
    if charset[:2] in {b"GB", b"IS"} and not (charset[4:10] == b"IR 192" and word == "gbk"):
        assert series.description == name
