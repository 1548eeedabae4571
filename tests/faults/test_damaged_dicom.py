"""Damage of DICOM exports: series that are no phase, scans that lack a part, ROIs of others."""

import shutil

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import RLELossless

from tests.faults.damage import Case, check, judge, pseudonym
from tests.faults.hospital import SPACING_MM, ball, phantom, write_hospital
from tests.imaging.dicom_files import CtSeries

PATIENT, OTHER = 3, 4
PHASES = {"art": ("arterial", 70, "101530"), "pv": ("portal venous", 110, "101610")}


def write_series(folder, patient_id, short, **changes):
    """A patient's series of a phase, as a scanner sends it."""
    _, hu, clock = PHASES[short]
    folder.mkdir(parents=True, exist_ok=True)
    attributes = {
        "PatientID": patient_id,
        "StudyDate": "20190104",
        "AcquisitionDate": "20190104",
        "AcquisitionTime": clock,
        "SeriesDescription": f"{short} 5mm",
        **changes.pop("attributes", {}),
    }
    rng = np.random.default_rng(int(patient_id[-4:]) + len(short))
    series = CtSeries(
        hu=phantom(rng, hu, ball()),
        spacing_mm=SPACING_MM,
        origin_mm=(-40.0, -38.0, 100.0),
        attributes=attributes,
        study_uid=f"1.2.3.{patient_id[-5:]}",
        **changes,
    )
    return series.write(folder)


@pytest.fixture(scope="module")
def intact(tmp_path_factory):
    hospital = write_hospital(tmp_path_factory.mktemp("dicom") / "export", n=6)
    shutil.rmtree(hospital.root / "ct")
    for patient_id in hospital.ids:
        for short in PHASES:
            write_series(hospital.root / "ct" / patient_id / short, patient_id, short)
    mapping = hospital.mapping()
    mapping["images"]["dicom"] = "ct/{patient}"
    mapping["images"]["arterial"] = {"series": ["art"]}
    mapping["images"]["portal_venous"] = {"series": ["pv"]}
    hospital.write_mapping(mapping)
    return hospital


@pytest.fixture
def hospital(intact, tmp_path):
    shutil.copytree(intact.root, tmp_path / "export")
    return type(intact)(tmp_path / "export", intact.ids)


def slices(hospital, short, patient=PATIENT):
    folder = hospital.root / "ct" / hospital.ids[patient] / short
    return sorted(folder.iterdir(), key=lambda path: dcmread(path).InstanceNumber)


def case(kind, short, damage, phrase):
    return Case(
        kind=kind,
        place=short,
        damage=lambda hospital: damage(hospital, short),
        field=PHASES[short][0],
        phrase=phrase,
        patient=PATIENT,
    )


def edited(change, which=slice(None)):
    """Damage of the headers of some slices."""

    def damage(hospital, short):
        for path in slices(hospital, short)[which]:
            header = dcmread(path)
            change(header)
            header.save_as(path)

    return damage


def with_values(**values):
    return lambda header: [setattr(header, name, value) for name, value in values.items()]


def without(name):
    return lambda header: delattr(header, name)


def drop(*numbers):
    def damage(hospital, short):
        found = slices(hospital, short)
        for number in numbers:
            found[number].unlink()

    return damage


def cut(hospital, short):
    path = slices(hospital, short)[3]
    path.write_bytes(path.read_bytes()[:-200])


def emptied(hospital, short):
    slices(hospital, short)[3].write_bytes(b"")


def second_scan(hospital, short):
    patient_id = hospital.ids[PATIENT]
    write_series(hospital.root / "ct" / patient_id / f"{short} again", patient_id, short)


def turned(header):
    header.ImageOrientationPatient = [0, 1, 0, 1, 0, 0]


def squeezed(header):
    header.PixelSpacing = [2.0, 2.0]


def of_another(hospital, short):
    """Half of the slices are another patient's, put into the same folder."""
    folder = hospital.root / "ct" / hospital.ids[PATIENT] / short
    for number, path in enumerate(slices(hospital, short, OTHER)):
        shutil.copy(path, folder / f"other{number}")


def damaged_codestream(hospital, short):
    for path in slices(hospital, short):
        path.unlink()
    patient_id = hospital.ids[PATIENT]
    write_series(hospital.root / "ct" / patient_id / short, patient_id, short, syntax=RLELossless)
    path = slices(hospital, short)[2]
    whole = bytearray(path.read_bytes())
    whole[-120:-20] = bytes(100)
    path.write_bytes(bytes(whole))


def cases():
    for short in PHASES:
        yield case("a slice is missing", short, drop(4), "slice")
        yield case("two scans fit", short, second_scan, "2 of 3 series fit")
        yield case("a slice is cut off", short, cut, "slice")
        yield case("one slice is turned", short, edited(turned, slice(3, 4)), "slice")
        yield case("one slice is of another spacing", short, edited(squeezed, slice(3, 4)), "")
        yield case("no positions", short, edited(without("ImagePositionPatient")), "position")
        yield case("a modality of its own", short, edited(with_values(Modality="MR")), "CT")
        burned = edited(with_values(BurnedInAnnotation="YES"))
        yield case("text burned in", short, burned, "burned")
        scout = edited(with_values(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]))
        yield case("localizer", short, scout, "localizer")
        capture = edited(with_values(SOPClassUID="1.2.840.10008.5.1.4.1.1.7"))
        yield case("secondary capture", short, capture, "capture")
        huge = edited(with_values(Rows=60000, Columns=60000))
        yield case("a promise of gigabytes", short, huge, "")
        yield case("no pixels", short, edited(without("PixelData")), "")
        yield case("damaged codestream", short, damaged_codestream, "slice")
        slope = edited(with_values(RescaleSlope=0))
        yield case("slope of nothing", short, slope, "slope")
        equal = edited(with_values(ImagePositionPatient=[0, 0, 0]))
        yield case("all in one place", short, equal, "")


CASES = list(cases())


def test_the_intact_folder_loses_nobody(hospital, tmp_path):
    verdict = judge(hospital, tmp_path / "study")
    assert verdict.refused is None
    assert verdict.reasons == {}


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_damage_names_patient_and_phase(case, hospital, tmp_path):
    case.damage(hospital)
    check(case, hospital, judge(hospital, tmp_path / "study"))


def test_slices_of_another_patient_are_never_mixed_in(hospital, tmp_path):
    of_another(hospital, "art")
    verdict = judge(hospital, tmp_path / "study")
    assert set(verdict.reasons) <= {pseudonym(hospital, PATIENT)}


def test_patients_are_told_apart_by_their_patient_id_in_one_folder(hospital, tmp_path):
    for number, path in enumerate(sorted((hospital.root / "ct").rglob("*/slice*"))):
        path.rename(hospital.root / "ct" / f"{number:05d}")
    mapping = hospital.mapping()
    mapping["images"]["dicom"] = "ct"
    hospital.write_mapping(mapping)
    verdict = judge(hospital, tmp_path / "study")
    assert verdict.refused is None
    assert verdict.reasons == {}
