"""A hospital's folder full of canaries: invented identities wherever a real one could stand.

In DICOM tags (sequences and private ones too), names of files and folders, cells that nobody maps,
sheet names and document properties, and in what segmentations say of themselves.
"""

import gzip
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import openpyxl
import pydicom
import SimpleITK as sitk  # noqa: N813
import yaml
from pydicom.dataset import Dataset

from components.imaging.volume import Geometry
from tests.faults.hospital import (
    MAPPING,
    SPACING_MM,
    ball,
    phantom,
    sheet_rows,
    to_image,
    write_roi,
    write_volume,
)
from tests.imaging.dicom_files import CtSeries
from tests.imaging.segmentation_files import Phantom, write_outlines, write_seg

ORIGIN_MM = (-40.0, -38.0, 100.0)
KINDS = ("nifti", "nrrd", "structure set", "segmentation")
"""How a patient's images come, one after the other."""
READER, STATION = "Quendrith^Ovarria", "WSQ-STATION-771"
_ONSETS = ("Brax", "Quor", "Vess", "Thul", "Jarn", "Ploz", "Wimb", "Krel", "Snod", "Fyrr")
_RHYMES = ("endale", "umbrick", "otholm", "askivet", "illoway", "ervoss", "antuky", "orzebel")
_HANZI = "魏蒋沈韩杨朱秦尤许何吕施张孔曹严华金陶姜", "岚昊彤睿萱皓琪哲妍峻", "霖瑶晖蓉钧黛骥缨璟翊"


@dataclass(frozen=True)
class Person:
    """Somebody who does not exist; every word of it is a canary."""

    number: int

    @property
    def patient_id(self) -> str:
        return f"MRQ-{730_011 + 17 * self.number}"

    @property
    def name(self) -> str:
        family = _ONSETS[self.number % 10] + _RHYMES[self.number // 10 % 8]
        return (
            f"{family}^{_RHYMES[(self.number * 3) % 8].title()}{_ONSETS[self.number % 7].lower()}"
        )

    @property
    def chinese(self) -> str:
        first, second, third = _HANZI
        n = self.number
        return first[n % 20] + second[n % 10] + third[n * 7 // 10 % 10]

    @property
    def born(self) -> date:
        return date(1938, 2, 3) + timedelta(days=211 * self.number)

    @property
    def phone(self) -> str:
        return f"139 {7000 + self.number} {4410 + 3 * self.number}"

    @property
    def accession(self) -> str:
        return f"ACQ{90_210_000 + 31 * self.number}"

    @property
    def uid(self) -> str:
        return f"1.2.826.0.1.3680043.8.498.77{self.number:04d}.55102"

    @property
    def treated(self) -> date:
        return date(2017, 1, 16) + timedelta(days=23 * self.number)

    @property
    def folder(self) -> str:
        return f"{self.name.replace('^', '_')}_{self.patient_id}"

    @property
    def words(self) -> list[str]:
        dates = [self.born.isoformat(), self.treated.isoformat()]
        return [self.name, self.chinese, self.phone, self.accession, self.uid, *dates]


@dataclass(frozen=True)
class CanaryHospital:
    """The folder, who is in it, and who cannot be used."""

    root: Path
    people: tuple[Person, ...]
    bad: tuple[Person, ...] = field(default=())

    @property
    def mapping_path(self) -> Path:
        return self.root.parent / "mapping.yaml"

    @property
    def words(self) -> list[str]:
        """Everything that must never be found again, ids included."""
        own = [word for one in self.people for word in (one.patient_id, *one.words)]
        return [*own, READER, STATION]


def write_canaries(root: Path, n: int) -> CanaryHospital:
    """Writes the folder of `n` patients; the last four are spoiled, each in another way."""
    people = tuple(map(Person, range(n)))
    root.mkdir(parents=True)
    rng = np.random.default_rng(7)
    for person in people:
        _write_images(root, person, rng)
    bad = people[-4:]
    _spoil_images(root, bad)
    _write_workbook(root / "clinical.xlsx", people, bad)
    hospital = CanaryHospital(root, people, bad)
    hospital.mapping_path.write_text(
        yaml.safe_dump(_mapping(), allow_unicode=True, sort_keys=False)
    )
    return hospital


def _mapping() -> dict:
    return MAPPING | {
        "clinical": "clinical.xlsx",
        "images": {
            "dicom": "dicom/*{patient}",
            "arterial": {"path": "volumes/*{patient}/*art*", "series": ["art"]},
            "portal_venous": {"path": "volumes/*{patient}/*pv*", "series": ["pv"]},
            "roi": {"path": "roi/*{patient}*"},
            "readers": {1: {"path": "reader1/*{patient}*"}},
        },
    }


def _write_images(root: Path, person: Person, rng: np.random.Generator) -> None:
    kind = KINDS[person.number % len(KINDS)]
    mask = ball()
    phases = {name: phantom(rng, hu, mask) for name, hu in (("art", 70), ("pv", 110))}
    if kind in ("nifti", "nrrd"):
        _write_volumes(root / "volumes" / person.folder, kind, person, phases)
        _write_seg_nrrd(root / "roi" / f"{person.folder}.seg.nrrd", person, mask)
    else:
        files = _write_series(root / "dicom" / person.folder, person, phases)
        _write_dicom_roi(root / "roi" / f"{person.folder}.dcm", kind, person, mask, files)
    _write_seg_nrrd(root / "reader1" / f"{READER}_{person.patient_id}.seg.nrrd", person, mask)


def _write_volumes(folder: Path, kind: str, person: Person, phases: dict) -> None:
    folder.mkdir(parents=True)
    for name, hu in phases.items():
        stem = f"{person.name.split('^')[0]}_{name}"
        if kind == "nrrd":
            image = to_image(hu)
            image.SetMetaData("PatientName", person.name)
            image.SetMetaData("comment", f"{person.chinese} {person.born:%Y%m%d}")
            sitk.WriteImage(image, str(folder / f"{stem}.nrrd"), useCompression=True)
            continue
        plain = folder / f"{stem}.nii"
        write_volume(plain, hu)
        content = bytearray(plain.read_bytes())
        plain.unlink()
        text = f"{person.name} {person.accession}".encode()
        content[148 : 148 + len(text)] = text  # the field `descrip`
        with (
            (folder / f"{stem}.nii.gz").open("wb") as file,
            gzip.GzipFile(f"{person.patient_id}.nii", "wb", fileobj=file) as packed,
        ):
            packed.write(content)


def _write_seg_nrrd(path: Path, person: Person, mask: np.ndarray) -> None:
    path.parent.mkdir(exist_ok=True)
    write_roi(path, mask, name=f"HCC of {person.name}")
    image = sitk.ReadImage(str(path))
    image.SetMetaData("Segmentation_ConversionParameters", f"Author|{READER}")
    image.SetMetaData("Segment0_Tags", f"MRN:{person.patient_id}|Phone:{person.phone}|")
    sitk.WriteImage(image, str(path), useCompression=True)


def _write_series(folder: Path, person: Person, phases: dict) -> dict[str, list[Path]]:
    files = {}
    for name, hu in phases.items():
        inner = folder / f"{person.born:%Y%m%d}" / f"{name} {person.accession}"
        inner.mkdir(parents=True)
        series = CtSeries(
            hu=hu, spacing_mm=SPACING_MM, origin_mm=ORIGIN_MM, attributes=_tags(person, name),
            edit=_hide(person), prefix=f"{person.name}_", study_uid=person.uid,
            series_uid=f"{person.uid}.{len(files) + 1}",
        )  # fmt: skip
        files[name] = series.write(inner)
    return files


def _tags(person: Person, phase: str) -> dict:
    day = f"{person.treated - timedelta(days=11):%Y%m%d}"
    return {
        "SpecificCharacterSet": "ISO_IR 192",
        "PatientID": person.patient_id,
        "PatientName": person.name,
        "PatientSex": "O",
        "PatientBirthDate": f"{person.born:%Y%m%d}",
        "PatientTelephoneNumbers": person.phone,
        "PatientComments": f"daughter of {person.chinese}",
        "AccessionNumber": person.accession,
        "StudyID": person.accession[:16],
        "StudyDate": day,
        "StudyTime": "101400",
        "AcquisitionDate": day,
        "AcquisitionTime": "101500",
        "SeriesDescription": f"{phase} {person.name}",
        "ProtocolName": f"liver {person.accession}",
        "ReferringPhysicianName": READER,
        "OperatorsName": READER,
        "StationName": STATION,
        "DeviceSerialNumber": STATION,
        "InstitutionName": f"ward of {READER}",
        "ImageComments": person.phone,
        "FrameOfReferenceUID": f"{person.uid}.9",
    }


def _hide(person: Person):
    """Puts a person where nobody looks: into sequences and private elements."""

    def edit(dataset: Dataset, _: int) -> None:
        other, request = Dataset(), Dataset()
        other.PatientID, other.IssuerOfPatientID = person.patient_id, person.chinese
        request.RequestedProcedureDescription = f"CT for {person.name}"
        request.RequestingPhysician = READER
        dataset.OtherPatientIDsSequence, dataset.RequestAttributesSequence = [other], [request]
        dataset.private_block(0x0029, "QCANARY", create=True).add_new(1, "LO", person.phone)
        dataset.private_block(0x7FE1, "QCANARY", create=True).add_new(
            1, "UN", person.patient_id.encode() + b" "
        )

    return edit


def _write_dicom_roi(path: Path, kind: str, person: Person, mask: np.ndarray, files: dict) -> None:
    path.parent.mkdir(exist_ok=True)
    grid = Geometry(mask.shape[::-1], np.array(SPACING_MM), np.array(ORIGIN_MM), np.eye(3))
    name = f"HCC {person.name}"
    if kind == "structure set":
        drawn = Phantom((mask.astype(bool),), grid, (name,))
        write_outlines(path, drawn, patient_id=person.patient_id)
    else:  # the writer sorts the slices the other way round
        drawn = Phantom((mask[::-1].astype(bool),), grid, (name,))
        write_seg(path, drawn, files["art"], kind="BINARY")
    dataset = pydicom.dcmread(path)
    for keyword, value in _tags(person, "art").items():
        if keyword != "AcquisitionTime":
            setattr(dataset, keyword, value)
    dataset.ContentCreatorName = READER
    dataset.StructureSetLabel = person.accession
    dataset.save_as(path)


def _spoil_images(root: Path, bad: tuple[Person, ...]) -> None:
    """No ROI; a volume or slice cut short; the other two are spoiled in the sheet."""
    first, second = bad[:2]
    next((root / "roi").glob(f"{first.folder}*")).unlink()
    next((root / "reader1").glob(f"*{first.patient_id}*")).unlink()
    place = "volumes" if KINDS[second.number % len(KINDS)] in ("nifti", "nrrd") else "dicom"
    for path in (root / place / second.folder).rglob("*art*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[:300])


def _write_workbook(path: Path, people: tuple[Person, ...], bad: tuple[Person, ...]) -> None:
    ids = tuple(one.patient_id for one in people)
    rows = sheet_rows(ids).drop(columns=["born"])
    numbers = np.arange(len(ids))
    rows["os"] = (150 + numbers * 137 % 1700).astype(str)
    rows["status"] = (numbers % 5 % 2).astype(str)
    rows["treated"] = [one.treated.isoformat() for one in people]
    rows["scanned"] = [(one.treated - timedelta(days=11)).isoformat() for one in people]
    rows["Name"] = [one.name.replace("^", " ") for one in people]
    rows["姓名"] = [one.chinese for one in people]
    rows["phone"] = [one.phone for one in people]
    rows["born"] = [one.born.isoformat() for one in people]
    rows["comment"] = [f"call {one.phone}, study {one.uid}, {one.accession}" for one in people]
    rows.loc[rows["MRN"] == bad[2].patient_id, "os"] = "-12"
    rows.loc[rows["MRN"] == bad[3].patient_id, "tumor_diameter_cm"] = f"see {bad[3].chinese}"
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = people[0].name.replace("^", " ")[:30]
    sheet.append(list(rows.columns))
    for row in rows.itertuples(index=False):
        sheet.append(list(row))
    sheet["A2"].comment = openpyxl.comments.Comment(people[1].name, READER)
    book.create_sheet(people[2].name.replace("^", " ")[:30]).append([people[2].phone])
    book.properties.creator = READER
    book.properties.title = f"patients of {STATION}"
    book.save(path)
