"""Damage in single cells of a sheet: one patient is set aside and named, the others go on."""

import shutil

import pytest

from tests.faults.damage import Case, check, judge, pseudonym, without_images
from tests.faults.hospital import LEVELS, NUMBERS, write_hospital

pytestmark = pytest.mark.filterwarnings("ignore:module 'sre_:DeprecationWarning")

PATIENT = 3


@pytest.fixture(scope="module")
def intact(tmp_path_factory):
    hospital = write_hospital(tmp_path_factory.mktemp("cells") / "export")
    without_images(hospital)
    return hospital


@pytest.fixture
def hospital(intact, tmp_path):
    root = tmp_path / "export"
    shutil.copytree(intact.root, root, ignore=shutil.ignore_patterns("ct", "roi", "reader*"))
    return type(intact)(root, intact.ids)


def cell(kind, column, text, phrase, *, gate=False):
    return Case(
        kind=kind,
        place=column,
        damage=lambda hospital: hospital.set_cell(PATIENT, column, text),
        field=f"'{column}'",
        phrase=phrase,
        patient=PATIENT,
        gate=gate,
    )


def cases():
    numeric = [*NUMBERS, "os"]
    for column in numeric:
        yield cell("text for a number", column, "not measured", "expected a number, came text")
        yield cell("other decimal sign", column, "3,5", "came a number with the other decimal sign")
        yield cell("a date for a number", column, "04.03.2019", "came a date")
        yield cell("infinite", column, "inf", "came an infinite number")
        yield cell("a formula", column, "=1+1", "came text")
    for column in NUMBERS:
        yield cell("impossibly large", column, "99999999", "outside", gate=True)
        yield cell("negative", column, "-4", "outside", gate=True)
    for column in ("albumin_g_per_l", "tumor_diameter_cm", "creatinine_umol_per_l"):
        yield cell("a unit of something else", column, "4 km", "came text")
    for column in (*LEVELS, "therapy", "status", "confirmed", "cancer"):
        yield cell("unknown level", column, "perhaps", "a value that the mapping does not list")
    for column in ("treated", "scanned"):
        for kind, text in (
            ("no such day", "2019-02-31"),
            ("another date format", "31/12/2019"),
            ("text for a date", "in spring"),
            ("a number that counts no day", "123"),
        ):
            yield cell(kind, column, text, "expected a date")
    yield cell("negative time", "os", "-5", "a negative time")
    yield cell("control characters", "inr", "1.1\x07", "came text")
    yield cell("a very long cell", "inr", "9" * 70_000, "came an infinite number")
    yield cell("hyperlink formula", "sex", '=HYPERLINK("http://x")', "does not list")


CASES = list(cases())


def test_the_intact_sheet_loses_nobody(hospital, tmp_path):
    verdict = judge(hospital, tmp_path / "study", gate=True)
    assert verdict.refused is None
    assert verdict.reasons == {}


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_damage_names_patient_column_and_fault(case, hospital, tmp_path):
    case.damage(hospital)
    verdict = judge(hospital, tmp_path / "study", gate=case.gate)
    check(case, hospital, verdict)
    assert pseudonym(hospital, 0) in verdict.patients
