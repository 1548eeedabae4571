"""Damage of a sheet as a whole, and of the mapping: refused with the column, file or key named."""

import copy
import io
import shutil
import zipfile

import pandas as pd
import pytest

from tests.faults.damage import Case, check, judge, pseudonym, without_images
from tests.faults.hospital import LEVELS, MAPPING, NUMBERS, write_hospital

pytestmark = pytest.mark.filterwarnings("ignore:module 'sre_:DeprecationWarning")

WRONG_UNITS = {
    "tumor_diameter_cm": 100,
    "age_years": 12,
    "platelets_1e9_per_l": 1000,
    "albumin_g_per_l": 0.1,
    "bilirubin_umol_per_l": 0.05,
    "creatinine_umol_per_l": 0.01,
    "prothrombin_time_s": 60,
    "inr": 100,
}


@pytest.fixture(scope="module")
def intact(tmp_path_factory):
    hospital = write_hospital(tmp_path_factory.mktemp("sheets") / "export")
    without_images(hospital)
    return hospital


@pytest.fixture
def hospital(intact, tmp_path):
    root = tmp_path / "export"
    shutil.copytree(intact.root, root, ignore=shutil.ignore_patterns("ct", "roi", "reader*"))
    return type(intact)(root, intact.ids)


def whole(kind, place, damage, field, phrase):
    return Case(kind=kind, place=place, damage=damage, field=field, phrase=phrase)


def changed(change):
    """Damage that changes the sheet's table."""

    def damage(hospital):
        table = hospital.sheet()
        hospital.write_sheet(change(table))

    return damage


def text(content):
    """Damage that writes other bytes in the sheet's place."""
    return lambda hospital: hospital.sheet_path.write_bytes(content)


def scaled(column, factor):
    def change(table):
        return table.assign(**{column: (table[column].astype(float) * factor).map(str)})

    return change


def workbook(sheet):
    content = io.BytesIO()
    pd.DataFrame({"MRN": ["x"]}).to_excel(content, sheet_name=sheet, index=False)
    return content.getvalue()


def bomb():
    content = io.BytesIO()
    with (
        zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as packed,
        packed.open("xl/workbook.xml", "w") as entry,
    ):
        for _ in range(600):
            entry.write(bytes(1_000_000))
    return content.getvalue()


def key(kind, place, change, field, phrase):
    """Damage of the mapping."""

    def damage(hospital):
        content = hospital.mapping()
        change(content)
        hospital.write_mapping(content)

    return whole(kind, place, damage, field, phrase)


def mapping_text(kind, content, field, phrase):
    return whole(
        kind, "mapping", lambda hospital: hospital.mapping_path.write_bytes(content), field, phrase
    )


def image_keys(path):
    return {
        "clinical": lambda content: content.update(clinical=path),
        "arterial": lambda content: content["images"]["arterial"].update(path=path),
        "portal_venous": lambda content: content["images"]["portal_venous"].update(path=path),
        "roi": lambda content: content["images"]["roi"].update(path=path),
        "readers": lambda content: content["images"]["readers"][2].update(path=path),
        "dicom": lambda content: content["images"].update(dicom=path),
    }


def with_images(change):
    def both(content):
        content["images"] = copy.deepcopy(MAPPING["images"])
        change(content)

    return both


def column_cases():
    mapped = ["MRN", "therapy", "os", "status", "confirmed", "cancer", "treated", "scanned"]
    for column in (*mapped, *LEVELS, *NUMBERS):
        drop = changed(lambda table, column=column: table.drop(columns=column))
        yield whole("column missing", column, drop, f"'{column}'", "found none of that name")
    for column in ("MRN", "sex", "os"):
        twice = changed(
            lambda table, column=column: table.rename(columns={"born": column}),
        )
        yield whole("column twice", column, twice, f"'{column}'", "stands 2 times")
    for column, factor in WRONG_UNITS.items():
        yield whole(
            "wrong unit",
            column,
            changed(scaled(column, factor)),
            f"'{column}'",
            "the unit",
        )
    for column in NUMBERS:
        words = changed(lambda table, column=column: table.assign(**{column: "n.d."}))
        yield whole("a column of words", column, words, f"'{column}'", "expected numbers, 8 of 8")
    for column in ("therapy", "status", "sex", "cancer"):
        other = changed(lambda table, column=column: table.assign(**{column: "x1"}))
        yield whole("unknown codings", column, other, f"'{column}'", "none of its 8 cells")
    for column in ("treated", "scanned"):
        other = changed(lambda table, column=column: table.assign(**{column: "15 Jan 2019"}))
        yield whole("dates of another form", column, other, f"'{column}'", "expected dates as")
    empty = changed(lambda table: table.assign(MRN=""))
    yield whole("no id at all", "MRN", empty, "'MRN'", "is empty")
    nobody = changed(lambda table: table.iloc[:0])
    yield whole("header alone", "sheet", nobody, "clinical.csv", "no row below it")


def file_cases():
    yield whole("empty file", "sheet", text(b""), "clinical.csv", "an empty file")
    yield whole("missing", "sheet", lambda one: one.sheet_path.unlink(), "clinical.csv", "no file")
    old = b"\xd0\xcf\x11\xe0" + b"\0" * 600
    yield whole("old workbook", "sheet", text(old), "clinical.csv", "save it as .xlsx")
    cut = workbook("patients")[:900]
    yield whole("workbook cut off", "sheet", text(cut), "clinical.csv", "cannot be read as a workb")
    yield whole("zip bomb", "sheet", text(bomb()), "clinical.csv", "the limit is 500 MB")
    yield whole(
        "bytes of no text", "sheet", text(bytes([0x81, 0xFF, 0xFE]) * 90), "clinical", "cann"
    )
    quotes = b'MRN,os\n"A,1\nB,2\n'
    yield whole("quotes never closed", "sheet", text(quotes), "clinical.csv", "check the quotes")
    longer = changed(lambda table: table)

    def ragged(hospital):
        longer(hospital)
        lines = hospital.sheet_path.read_text(encoding="utf-8").splitlines()
        lines[4] += ",one,more"
        hospital.sheet_path.write_text("\n".join(lines), encoding="utf-8")

    yield whole("a row too long", "sheet", ragged, "clinical.csv", "row")
    yield key(
        "sheet missing",
        "workbook",
        lambda content: content.update(sheet="patients", header_row=3),
        "clinical.csv",
        "header",
    )


def mapping_cases():
    for where, path in (("climbing", "../other/{patient}"), ("absolute", "/etc/{patient}")):
        for place, change in image_keys(path).items():
            yield key(f"path {where}", place, with_images(change), place, "the imported folder")
    home = with_images(image_keys("~/{patient}.nii")["roi"])
    yield key("path home", "roi", home, "roi", "the imported folder")
    for name in ("arm", "follow_up", "death", "patient_id"):
        drop = key(
            "key missing", name, lambda content, name=name: content.pop(name), name, "fill it in"
        )
        yield drop
    yield key("unknown key", "colour", lambda c: c.update(colour="red"), "colour", "no such key")
    shared = {"column": "status", "dead": ["1"], "censored": ["1"]}
    yield key("coding twice", "death", lambda c: c.update(death=shared), "death", "two levels")
    parsec = {"column": "inr", "unit": "parsec"}
    yield key(
        "unknown unit", "inr", lambda c: c["predictors"].update(inr=parsec), "inr", "unit: expected"
    )
    yield key(
        "no data cut",
        "dates",
        lambda c: c["dates"].update(data_cut="spring"),
        "data_cut",
        "expected a date such as",
    )
    yield mapping_text("no YAML", b"a: [1, 2", "mapping.yaml", "expected YAML text")
    yield mapping_text("an object", b"!!python/object:os.system {}", "mapping.yaml", "expected")
    yield mapping_text(
        "bytes of no text", b"\xff\xfe\xfa" * 9, "mapping.yaml", "expected YAML text"
    )
    yield mapping_text("a key twice", b"arm: {}\narm: {}", "'arm'", "stands twice")
    laughs = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
        b"%c: &%c [%s]\n" % (98 + n, 98 + n, b",".join([b"*%c" % (97 + n)] * 9)) for n in range(20)
    )
    yield mapping_text("a billion laughs", laughs, "mapping.yaml", "no such key")


CASES = [*column_cases(), *file_cases(), *mapping_cases()]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_whole_import_is_refused_in_words(case, hospital, tmp_path):
    case.damage(hospital)
    check(case, hospital, judge(hospital, tmp_path / "study"))
    assert not (tmp_path / "study" / "data" / "clinical.parquet").exists()


def test_the_same_patient_twice_with_other_cells_is_set_aside_alone(hospital, tmp_path):
    table = hospital.sheet()
    again = table.iloc[[2]].assign(MRN=f" {hospital.ids[2]}　", os="999")
    hospital.write_sheet(pd.concat([table, again], ignore_index=True))
    verdict = judge(hospital, tmp_path / "study")
    assert set(verdict.reasons) == {pseudonym(hospital, 2)}
    assert (
        "stands in rows 4 and 10 that differ in os_days" in verdict.reasons[pseudonym(hospital, 2)]
    )


def test_a_row_without_an_id_is_left_out_and_counted(hospital, tmp_path):
    hospital.set_cell(4, "MRN", "")
    verdict = judge(hospital, tmp_path / "study")
    assert verdict.reasons == {}
    assert len(verdict.patients) == len(hospital.ids) - 1


@pytest.mark.parametrize("patient_id", ["../../etc/passwd", "=cmd|' /C calc'!A0", "a/b", "张伟"])
def test_an_id_that_is_a_path_or_a_formula_stays_a_text(hospital, tmp_path, patient_id):
    hospital.set_cell(1, "MRN", patient_id)
    study = tmp_path / "study"
    verdict = judge(hospital, study)
    assert verdict.reasons == {}
    key_file = (study / ".armwise" / "import_key.csv").read_text(encoding="utf-8-sig")
    assert not any(line.split(",")[1].startswith(("=", '"=')) for line in key_file.splitlines())
