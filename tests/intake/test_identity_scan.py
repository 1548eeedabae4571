"""The scanner finds one canary in every kind of container, and nothing in clean ones."""

import base64
import bz2
import gzip
import io
import json
import lzma
import sqlite3
import struct
import tarfile
import zipfile
import zlib
from contextlib import closing
from functools import partial

import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest
import SimpleITK as sitk  # noqa: N813  as its documentation does
from PIL import Image, PngImagePlugin
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from components.errors import UsageError
from components.intake import identity_scan, identity_scan_parts
from components.intake.identity_key import KeyRow
from components.intake.identity_scan import limits, list_files, scan_files
from components.intake.identity_scan_words import Word, read_words, words_of_key

NAME, CHINESE, ACCENT, RECORD = "Quintrell^Oswin", "欧阳娜娜", "Müllbächer", "KQX-558812"
WORDS = (
    Word("the id of PTESTAAAAAA", "patient id", RECORD),
    Word("line 1 of the words", "word", NAME),
    Word("line 2 of the words", "word", CHINESE),
    Word("line 3 of the words", "word", ACCENT),
    Word("line 4 of the words", "date", "1951-03-07"),
    Word("the id of PTESTBBBBBB", "patient id", "73194426"),
    Word("the id of PTESTCCCCCC", "patient id", "12"),
    Word("the id of PTESTDDDDDD", "patient id", "Q7X"),
)
BY_TEXT = {word.text: word.label for word in WORDS}


def scan(folder, words=WORDS, leave_out=()):
    listing = list_files([folder], words, root=folder, leave_out=leave_out)
    done = scan_files(listing, words, root=folder)
    assert done.n_files == len(listing.files)
    return done


def labels(folder, words=WORDS):
    done = scan(folder, words)
    assert done.unread == []
    return {one.label for one in done.found}


# --- text -----------------------------------------------------------------------------------------

ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("word", [NAME, CHINESE, ACCENT, RECORD, "73194426"])
def test_text_in_any_encoding(tmp_path, encoding, word):
    text = f"row;name;sex\n7;{word.replace('^', ' ').upper()};female\n8;{'x' * 30};male\n"
    (tmp_path / "a").write_bytes(text.encode(encoding))
    assert labels(tmp_path) == {BY_TEXT[word]}


def test_latin_1(tmp_path):
    (tmp_path / "a").write_bytes(f"name;{ACCENT};female\n".encode("latin-1"))
    assert labels(tmp_path) == {BY_TEXT[ACCENT]}


WRITTEN_NAMES = [
    "Quintrell^Oswin", "quintrell oswin", "QUINTRELL, OSWIN", "oswin_quintrell", "Oswin Quintrell",
    "quintrelloswin", "Quintrell-Oswin", "OswinQuintrell01", "Quintrell=Oswin^^",
    "x/Oswin.Quintrell/",
]  # fmt: skip


@pytest.mark.parametrize("written", WRITTEN_NAMES)
def test_a_name_in_any_order_with_any_separator(tmp_path, written):
    (tmp_path / "a.log").write_text(f"reading {written} failed")
    assert labels(tmp_path) == {BY_TEXT[NAME]}


@pytest.mark.parametrize(
    "written", ["wei zhang", "Zhang^Wei", "zhangwei", "ZHANG,WEI", "wei-zhang"]
)
def test_a_name_of_short_parts(tmp_path, written):
    words = (Word("line 1 of the words", "word", "Zhang Wei"),)
    (tmp_path / "a.log").write_text(f"of {written} the")
    assert labels(tmp_path, words) == {"line 1 of the words"}
    (tmp_path / "a.log").write_text("zhang. On the way wei was zhangweimin, xzhangwei")
    assert labels(tmp_path, words) == set()


@pytest.mark.parametrize(
    "written", ["muellbaecher", "Mullbacher", "MÜLLBÄCHER", "Mu\u0308llba\u0308cher"]
)
def test_an_accent_may_be_lost_or_written_apart(tmp_path, written):
    (tmp_path / "a").write_text(f"name {written}\n", encoding="utf-8")
    assert labels(tmp_path) == {BY_TEXT[ACCENT]}


@pytest.mark.parametrize("written", ["kqx558812", "KQX_558812", "KQX 558812", "idKQX558812x"])
def test_an_id_with_another_separator(tmp_path, written):
    (tmp_path / "a").write_text(f"folder {written} was read")
    assert labels(tmp_path) == {BY_TEXT[RECORD]}


@pytest.mark.parametrize(
    "written",
    [
        "19510307",
        "1951-03-07",
        "07.03.1951",
        "1951/3/7",
        "03/07/1951",
        "1951年3月7日",
        "07-Mar-1951",
    ],
)
def test_a_date_as_hospitals_write_it(tmp_path, written):
    (tmp_path / "a").write_text(f"born {written}, female", encoding="utf-8")
    assert labels(tmp_path) == {"line 4 of the words"}


ESCAPED = {
    "JSON": (json.dumps({"name": CHINESE}), CHINESE),
    "JSON in JSON": (json.dumps(json.dumps({"name": ACCENT})), ACCENT),
    "Python's repr": (str(f"x {CHINESE} y".encode()), CHINESE),
    "HTML entity by number": ("<p>" + "".join(f"&#{ord(s)};" for s in CHINESE) + "</p>", CHINESE),
    "HTML entity by name": ("<td>M&uuml;llb&auml;cher</td>", ACCENT),
    "HTML entity twice": ("<td>M&amp;uuml;llb&amp;auml;cher</td>", ACCENT),
    "a URL": ("file:///x/Quintrell%20Oswin/ct.dcm", NAME),
    "a URL in Chinese": ("a=%E6%AC%A7%E9%98%B3%E5%A8%9C%E5%A8%9C&b", CHINESE),
    "octal, as git writes it": ('"' + "".join(f"\\{b:03o}" for b in ACCENT.encode()) + '"', ACCENT),
    "several fonts": ("<p><b>Quin</b><span class='x'>trell</span> Oswin</p>", NAME),
    "base64": (f"token {base64.b64encode(b'name=Quintrell Oswin').decode()} end", NAME),
    "a data URI": (
        "<img src='data:image/svg+xml;base64,"
        + base64.b64encode(b"<svg>Oswin Quintrell</svg>").decode()
        + "'>",
        NAME,
    ),
    "base64 in lines": (base64.encodebytes(b"x" * 100 + b" Quintrell Oswin ").decode(), NAME),
}  # fmt: skip


@pytest.mark.parametrize("escape", ESCAPED)
def test_escapes(tmp_path, escape):
    text, word = ESCAPED[escape]
    (tmp_path / "a.html").write_text(text, encoding="utf-8")
    assert labels(tmp_path) == {BY_TEXT[word]}


def test_a_canary_on_the_border_of_two_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(identity_scan_parts, "_WHOLE", 4096)
    monkeypatch.setattr(identity_scan_parts, "_PIECE", 2048)
    for place in (4090, 4096 + 2040, 4096 + 3 * 2048 - 3):
        content = bytearray(b" " * 20_000)
        content[place : place + 15] = b"Quintrell Oswin"
        (tmp_path / "a").write_bytes(content)
        assert labels(tmp_path) == {BY_TEXT[NAME]}


# --- containers -----------------------------------------------------------------------------------


def _sqlite(path, *statements, **options):
    with closing(sqlite3.connect(path, **options)) as database:
        for statement, values in statements:
            if statement.startswith("DELETE"):
                database.commit()
            database.execute(statement, values)
        database.commit()


def plant_zip(folder, text):
    with zipfile.ZipFile(folder / "a.whl", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("part.txt", text)


def plant_gzip_in_zip(folder, text):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("part.json.gz", gzip.compress(text.encode()))
    (folder / "a.tar.gz").write_bytes(gzip.compress(inner.getvalue()))


def plant_tar(folder, text):
    with tarfile.open(folder / "a.tgz", "w:gz") as packed:
        content = text.encode()
        entry = tarfile.TarInfo("part")
        entry.size = len(content)
        packed.addfile(entry, io.BytesIO(content))


def plant_zstd(folder, text):
    with pa.CompressedOutputStream(str(folder / "a.zst"), "zstd") as file:
        file.write(text.encode())


def plant_parquet(folder, text, compression="zstd"):
    table = pa.table({"center": pa.array(["a", text] * 40).dictionary_encode(), "n": range(80)})
    pq.write_table(table, folder / "a.parquet", compression=compression)


def plant_parquet_metadata(folder, text):
    table = pa.table({"n": [1]}).replace_schema_metadata({"note": text})
    pq.write_table(table, folder / "a.parquet", compression="zstd")


def plant_nested_parquet(folder, text):
    table = pa.table({"findings": [[{"reason": "x", "who": text}], []]})
    pq.write_table(table, folder / "a.parquet", compression="snappy")


def plant_arrow(folder, text):
    table = pa.table({"note": [text]})
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_file(str(folder / "a.arrow"), table.schema, options=options) as file:
        file.write_table(table)


def plant_sqlite(folder, text):
    make = "CREATE TABLE params (key TEXT, value TEXT)"
    _sqlite(
        folder / "a.db",
        (make, ()),
        ("INSERT INTO params VALUES (?, ?)", ("k", json.dumps({"x": [text]}))),
    )


def plant_sqlite_blob(folder, text):
    _sqlite(
        folder / "a.db",
        ("CREATE TABLE b (v BLOB)", ()),
        ("INSERT INTO b VALUES (?)", (gzip.compress(text.encode()),)),
    )


def plant_deleted_row(folder, text):
    rows = [("INSERT INTO t VALUES (?, ?)", (f"key{n}", "v" * 200)) for n in range(40)]
    _sqlite(
        folder / "a.db",
        ("PRAGMA secure_delete=OFF", ()),
        ("CREATE TABLE t (a TEXT, b TEXT)", ()),
        *rows,
        ("INSERT INTO t VALUES (?, ?)", ("patient", f"{text}female")),
        *(("INSERT INTO t VALUES (?, ?)", (f"more{n}", "w" * 200)) for n in range(40)),
        ("DELETE FROM t", ()),
    )
    with closing(sqlite3.connect(folder / "a.db")) as database:
        assert database.execute("PRAGMA freelist_count").fetchone()[0] > 0
        assert database.execute("SELECT count(*) FROM t").fetchone()[0] == 0


def plant_write_ahead_log(folder, text):
    """Rows that stand in the log alone, as a platform that is running leaves them."""
    database = sqlite3.connect(folder / "live.db")
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA wal_autocheckpoint=0")
    database.execute("CREATE TABLE t (a TEXT)")
    database.execute("INSERT INTO t VALUES (?)", ("y" * 4070 + f" {text} " + "z" * 9000,))
    database.commit()
    for name in ("live.db", "live.db-wal"):
        (folder / name.replace("live", "a")).write_bytes((folder / name).read_bytes())
    database.close()
    (folder / "live.db").unlink()


def plant_png(folder, text, kind="tEXt"):
    info = PngImagePlugin.PngInfo()
    if kind == "iTXt":
        info.add_itxt("Author", text, zip=True)
    else:
        info.add_text("Author", text, zip=kind == "zTXt")
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(folder / "a.png", pnginfo=info)


def plant_exif(folder, text, ending="png"):
    exif = Image.Exif()
    exif[0x013B] = text
    exif[0x9C9D] = text.encode("utf-16-le")
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(folder / f"a.{ending}", exif=exif)


def plant_jpeg_comment(folder, text):
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(folder / "a.jpg", comment=text.encode())


def plant_png_in_html(folder, text):
    plant_png(folder, text, "zTXt")
    content = (folder / "a.png").read_bytes() + bytes(5000)
    (folder / "a.png").unlink()
    uri = base64.b64encode(content).decode()
    (folder / "a.html").write_text(f'<html><img src="data:image/png;base64,{uri}"></html>')


def plant_xlsx(folder, text):
    book = openpyxl.Workbook()
    book.active.append(["name", text])
    book.save(folder / "a.xlsx")


def plant_xlsx_author(folder, text):
    book = openpyxl.Workbook()
    book.properties.creator = text
    book.save(folder / "a.xlsx")


def plant_xlsx_sheet(folder, text):
    book = openpyxl.Workbook()
    book.create_sheet(text[:30])
    book.save(folder / "a.xlsx")


def plant_split_docx(folder, text):
    runs = "".join(f"<w:r><w:rPr><w:b/></w:rPr><w:t>{part}</w:t></w:r>" for part in text)
    with zipfile.ZipFile(folder / "a.docx", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("word/document.xml", f"<w:document><w:p>{runs}</w:p></w:document>")


def plant_pdf(folder, text):
    stream = zlib.compress(f"BT [({text[:4]}) -20 ({text[4:]})] TJ ET".encode())
    head = b"%PDF-1.4\n1 0 obj <</Filter /FlateDecode>>\nstream\n"
    (folder / "a.pdf").write_bytes(head + stream + b"\nendstream endobj\n%%EOF")


def plant_pdf_title(folder, text):
    coded = ("feff" + text.encode("utf-16-be").hex()).encode()
    (folder / "a.pdf").write_bytes(b"%PDF-1.4\n1 0 obj <</Title <" + coded + b">>> endobj\n%%EOF")


def plant_nrrd(folder, text):
    volume = sitk.GetImageFromArray(np.zeros((2, 3, 4), np.uint8))
    volume.SetMetaData("Segment0_Name", text)
    sitk.WriteImage(volume, str(folder / "roi.seg.nrrd"), useCompression=True)


def plant_nifti(folder, text, at=148):
    """In the field `descrip`, or in an extension behind the header."""
    volume = sitk.GetImageFromArray(np.zeros((2, 3, 4), np.int16))
    sitk.WriteImage(volume, str(folder / "ct.nii"))
    content = bytearray((folder / "ct.nii").read_bytes())
    (folder / "ct.nii").unlink()
    content[108:112] = struct.pack("<f", 352 + 64)
    content[352:352] = struct.pack("<ii", 64, 6) + bytes(56)
    content[at : at + len(text)] = text.encode()
    (folder / "ct.nii.gz").write_bytes(gzip.compress(bytes(content)))


def plant_gzip_name(folder, text):
    with (
        (folder / "a.gz").open("wb") as file,
        gzip.GzipFile(f"{text}.nii", "wb", fileobj=file) as out,
    ):
        out.write(b"nothing")


def plant_numpy(folder, text):
    np.save(folder / "a.npy", np.array(["x", text]))


def plant_npz(folder, text):
    np.savez_compressed(folder / "a.npz", names=np.array([text, "b"]), n=np.arange(9))


def plant_zlib(folder, text):
    (folder / "object").write_bytes(zlib.compress(b"blob 9\0" + text.encode()))


PLANTS = {
    "gzip": lambda f, t: (f / "a.gz").write_bytes(gzip.compress(t.encode())),
    "gzip's file name": plant_gzip_name,
    "bzip2": lambda f, t: (f / "a.bz2").write_bytes(bz2.compress(t.encode())),
    "xz": lambda f, t: (f / "a.xz").write_bytes(lzma.compress(t.encode())),
    "zstd": plant_zstd,
    "zlib": plant_zlib,
    "zip": plant_zip,
    "gzip in zip in gzip": plant_gzip_in_zip,
    "tar": plant_tar,
    "Parquet by zstd": plant_parquet,
    "Parquet by snappy": lambda f, t: plant_parquet(f, t, "snappy"),
    "Parquet metadata": plant_parquet_metadata,
    "nested Parquet": plant_nested_parquet,
    "Arrow": plant_arrow,
    "SQLite": plant_sqlite,
    "SQLite blob": plant_sqlite_blob,
    "SQLite freelist": plant_deleted_row,
    "SQLite write-ahead log": plant_write_ahead_log,
    "PNG tEXt": plant_png,
    "PNG zTXt": lambda f, t: plant_png(f, t, "zTXt"),
    "PNG iTXt": lambda f, t: plant_png(f, t, "iTXt"),
    "PNG EXIF": plant_exif,
    "JPEG EXIF": lambda f, t: plant_exif(f, t, "jpg"),
    "JPEG comment": plant_jpeg_comment,
    "PNG in HTML": plant_png_in_html,
    "xlsx": plant_xlsx,
    "xlsx author": plant_xlsx_author,
    "xlsx sheet": plant_xlsx_sheet,
    "docx, letter by letter": plant_split_docx,
    "PDF": plant_pdf,
    "PDF title": plant_pdf_title,
    "NRRD header": plant_nrrd,
    "NIfTI header": plant_nifti,
    "NIfTI extension": lambda f, t: plant_nifti(f, t, at=370),
    "NumPy": plant_numpy,
    "npz": plant_npz,
    "SVG": lambda f, t: (f / "a.svg").write_text(f"<svg><tspan>{t[:5]}</tspan>{t[5:]}</svg>"),
}  # fmt: skip


@pytest.mark.parametrize("kind", PLANTS)
def test_a_canary_in_a_container_is_found_and_a_clean_one_is_clean(tmp_path, kind):
    planted, clean = tmp_path / "planted", tmp_path / "clean"
    planted.mkdir()
    clean.mkdir()
    PLANTS[kind](planted, "Oswin Quintrell")
    PLANTS[kind](clean, "Somebody Elsewhere")
    assert labels(planted) == {BY_TEXT[NAME]}
    assert labels(clean) == set()


@pytest.mark.parametrize("kind", ["Parquet by zstd", "SQLite", "SQLite freelist", "zip"])
@pytest.mark.parametrize("text", [RECORD, "73194426"])
def test_ids_in_tables(tmp_path, kind, text):
    PLANTS[kind](tmp_path, text)
    assert labels(tmp_path) == {BY_TEXT[text]}


@pytest.mark.parametrize("kind", [pa.int64(), pa.float64(), pa.string()])
def test_an_id_that_a_table_took_for_a_number(tmp_path, kind):
    column = pa.array([73194426, None]).cast(kind)
    pq.write_table(pa.table({"code": column}), tmp_path / "a.parquet")
    assert labels(tmp_path) == {BY_TEXT["73194426"]}


# --- DICOM ----------------------------------------------------------------------------------------


def dicom(path, syntax=ExplicitVRLittleEndian, charset="ISO_IR 192", **values):
    dataset = Dataset()
    dataset.SpecificCharacterSet = charset
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3"
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    dataset.Rows = dataset.Columns = 16
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.PixelRepresentation, dataset.SamplesPerPixel = 0, 1
    dataset.PixelData = np.zeros((16, 16), np.uint16).tobytes()
    dataset["PixelData"].VR = "OW"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.save_as(path, enforce_file_format=True)
    return dataset


SYNTAXES = {
    "explicit": ExplicitVRLittleEndian,
    "implicit": ImplicitVRLittleEndian,
    "big endian": ExplicitVRBigEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
}


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_dicom_in_each_syntax(tmp_path, syntax):
    dicom(tmp_path / "a", SYNTAXES[syntax], PatientName=NAME, PatientID=RECORD)
    found = scan(tmp_path).found
    assert {one.label for one in found} == {BY_TEXT[NAME], BY_TEXT[RECORD]}
    assert {one.place[-1] for one in found if one.place} >= {"PatientName", "PatientID"}
    dicom(tmp_path / "a", SYNTAXES[syntax], PatientName="PAAAAAAAAAA")
    assert labels(tmp_path) == set()


@pytest.mark.parametrize("charset", ["GB18030", "ISO_IR 192", "\\ISO 2022 IR 58"])
def test_dicom_in_each_character_set(tmp_path, charset):
    dicom(tmp_path / "a", charset=charset.split("\\"), PatientName=f"Anon={CHINESE}")
    assert labels(tmp_path) == {BY_TEXT[CHINESE]}


def test_dicom_sequences_and_private_elements(tmp_path):
    item = Dataset()
    item.PersonName = NAME
    dataset = dicom(tmp_path / "a", ReferencedPatientSequence=[item])
    dataset.private_block(0x0029, "VENDOR", create=True).add_new(1, "UN", b"rec 73194426 ")
    after = dataset.private_block(0x7FE1, "VENDOR", create=True)
    after.add_new(1, "LO", CHINESE)
    dataset.save_as(tmp_path / "a")
    assert labels(tmp_path) == {BY_TEXT[NAME], BY_TEXT["73194426"], BY_TEXT[CHINESE]}


def test_a_dicom_file_without_its_mark(tmp_path):
    dicom(tmp_path / "a", PatientName=f"Anon={CHINESE}", charset="GB18030")
    (tmp_path / "a").write_bytes((tmp_path / "a").read_bytes()[132:])
    assert labels(tmp_path) == {BY_TEXT[CHINESE]}


# --- names, links, short words --------------------------------------------------------------------


def test_names_of_files_and_folders_are_searched_and_never_printed(tmp_path):
    folder = tmp_path / "Quintrell_Oswin"
    folder.mkdir()
    (folder / "ok.txt").write_text("nothing")
    (tmp_path / f"ct {CHINESE}.nii").write_text(f"of {RECORD} ")
    found = scan(tmp_path).found
    assert {one.label for one in found} == {BY_TEXT[NAME], BY_TEXT[CHINESE], BY_TEXT[RECORD]}
    printed = "\n".join(map(str, found))
    for secret in ("uintrell", "Oswin", CHINESE, "558812"):
        assert secret not in printed
    assert "[line 1 of the words]" in printed


def test_names_within_containers_are_never_printed(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.writestr("Oswin Quintrell/ct.txt", f"id {RECORD}")
    pq.write_table(pa.table({f"of {CHINESE}": [RECORD]}), tmp_path / "b.parquet")
    found = scan(tmp_path).found
    assert {one.label for one in found} == {BY_TEXT[NAME], BY_TEXT[RECORD], BY_TEXT[CHINESE]}
    printed = "\n".join(map(str, found))
    assert not [secret for secret in ("Oswin", CHINESE, "558812") if secret in printed]


def test_a_link_tells_by_its_target(tmp_path):
    (tmp_path / "a").symlink_to("/nowhere/Quintrell/Oswin.nii")
    found = scan(tmp_path).found
    assert [one.place for one in found] == [("the target of the link",)]


def test_a_linked_file_is_read_once(tmp_path):
    outside = tmp_path / "cache"
    outside.mkdir()
    (outside / "object").write_text(f"x {RECORD} y")
    inside = tmp_path / "data"
    inside.mkdir()
    (inside / "a").symlink_to(outside / "object")
    (inside / "b").hardlink_to(outside / "object")
    done = scan(inside)
    assert len(done.found) == done.n_files == 1


def test_short_ids_are_searched_where_ids_stand(tmp_path):
    assert len(limits(WORDS)) == 2
    (tmp_path / "images").mkdir()
    (tmp_path / "a.json").write_text('{"age": 12, "note": "12", "q7xy": "xq7x"}')
    pq.write_table(pa.table({"age": ["12"], "patient_number": ["13"]}), tmp_path / "b.parquet")
    assert labels(tmp_path) == set()
    (tmp_path / "images" / "12").mkdir()
    assert labels(tmp_path) == {BY_TEXT["12"]}
    (tmp_path / "images" / "12").rmdir()
    (tmp_path / "a.json").write_text('{"PatientID": 12, "note": "q7x"}')
    assert labels(tmp_path) == {BY_TEXT["12"], BY_TEXT["Q7X"]}
    (tmp_path / "a.json").unlink()
    pq.write_table(pa.table({"patient_id": ["12"]}), tmp_path / "b.parquet")
    assert labels(tmp_path) == {BY_TEXT["12"]}
    (tmp_path / "b.parquet").unlink()
    dicom(tmp_path / "c", PatientID="12")
    assert labels(tmp_path) == {BY_TEXT["12"]}


# --- nothing where there is nothing ---------------------------------------------------------------

MANY = tuple(
    Word(f"the id of {n}", "patient id", text)
    for n, text in enumerate(
        [
            *(f"{n:05d}" for n in range(10_007, 12_007, 13)),
            *(f"{n}" for n in range(4_000_000, 4_000_300)),
        ]
    )
) + tuple(
    Word(f"line {n}", "word", f"{a}{b}")
    for n, (a, b) in enumerate(zip("王李张刘陈", "伟芳娜敏静", strict=True))
)


def test_nothing_is_found_by_chance_in_voxels_weights_and_digests(tmp_path):
    rng = np.random.default_rng(5)
    voxels = rng.normal(52, 12, (20, 256, 256)).astype(np.int16)
    sitk.WriteImage(sitk.GetImageFromArray(voxels), str(tmp_path / "ct.nii.gz"))
    sitk.WriteImage(sitk.GetImageFromArray(voxels), str(tmp_path / "ct.nrrd"))
    np.save(tmp_path / "crop.npy", voxels)
    (tmp_path / "w.safetensors").write_bytes(rng.normal(size=10**6).astype(np.float32).tobytes())
    (tmp_path / "noise").write_bytes(rng.bytes(8 * 10**6))
    lines = [
        f'{{"loss": {value}, "run": "{rng.bytes(16).hex()}"}}' for value in rng.normal(size=9000)
    ]
    (tmp_path / "metrics.json").write_text("\n".join(lines))
    assert labels(tmp_path, MANY + WORDS) == set()


def test_a_number_of_few_digits_is_a_doubtful_finding(tmp_path):
    (tmp_path / "a.log").write_text("read 10007 of 20000\n")
    (found,) = scan(tmp_path, MANY).found
    assert found.is_doubtful
    assert "may be another number" in str(found)


# --- what cannot be looked into -------------------------------------------------------------------


def test_what_cannot_be_read_is_told_and_the_rest_is_searched(tmp_path):
    whole = gzip.compress(
        b"x" * 10_000 + b" Quintrell Oswin " + np.random.default_rng(1).bytes(9000)
    )
    (tmp_path / "cut.gz").write_bytes(whole[:-4000])
    (tmp_path / "broken.parquet").write_bytes(b"PAR1" + bytes(100) + b"KQX-558812 PAR1")
    (tmp_path / "broken.db").write_bytes(b"SQLite format 3\0" + b" KQX-558812 " + bytes(500))
    done = scan(tmp_path)
    assert {one.label for one in done.found} == {BY_TEXT[NAME], BY_TEXT[RECORD]}
    assert {one.split(" › ")[0].split(":")[0] for one in done.unread} == {
        "cut.gz",
        "broken.parquet",
        "broken.db",
    }


def test_an_encrypted_entry_is_told(tmp_path):
    plant_zip(tmp_path, "nothing")
    content = bytearray((tmp_path / "a.whl").read_bytes())
    central = content.rindex(b"PK\1\2")
    content[6] |= 1
    content[central + 8] |= 1
    (tmp_path / "a.whl").write_bytes(content)
    assert scan(tmp_path).unread == ["a.whl › part.txt: encrypted"]


def test_a_bomb_is_told_and_not_unpacked(tmp_path, monkeypatch):
    strict = partial(identity_scan.Examination, most_unpacked=10**6)
    monkeypatch.setattr(identity_scan, "Examination", strict)
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(gzip.compress(bytes(30 * 10**6))))
    done = scan(tmp_path)
    assert len(done.unread) == 1
    assert "unpacks to more than" in done.unread[0]


def test_containers_without_end_are_told(tmp_path):
    content = b"Quintrell Oswin"
    for _ in range(20):
        content = gzip.compress(content)
    (tmp_path / "a.gz").write_bytes(content)
    assert "containers within containers" in scan(tmp_path).unread[0]


def test_the_key_itself_is_left_out_and_a_copy_is_not(tmp_path):
    for name in ("import_key.csv", "copy.csv"):
        (tmp_path / name).write_text(f"PTESTAAAAAA,{RECORD}\n")
    found = scan(tmp_path, leave_out=[tmp_path / "import_key.csv"]).found
    assert [one.file for one in found] == ["copy.csv"]


# --- words ----------------------------------------------------------------------------------------


def test_the_words_of_a_key_are_ids_and_what_names_the_files_of_one_patient():
    rows = [
        KeyRow(
            "PA", "A-100001", 2, ("in/Oswin_Q_1951/arterial.nii.gz", "in/Oswin_Q_1951/roi.seg.nrrd")
        ),
        KeyRow("PB", "A-100002", 3, ("in/Mary_R_1960/arterial.nii.gz",)),
    ]
    words = words_of_key(rows)
    assert [(word.kind, word.text) for word in words] == [
        ("patient id", "A-100001"),
        ("patient id", "A-100002"),
        ("source file", "Oswin_Q_1951"),
        ("source file", "Mary_R_1960"),
    ]
    assert not [word for word in words if word.text in word.label]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_list_of_words(tmp_path, encoding):
    path = tmp_path / "words.txt"
    path.write_bytes(f"# remark\n{CHINESE}\n\n1951-03-07\n139 8812 0042\n".encode(encoding))
    assert [(word.label, word.kind) for word in read_words(path)] == [
        ("line 2 of the words", "word"),
        ("line 4 of the words", "date"),
        ("line 5 of the words", "word"),
    ]
    for content in (b"", b"# only\n", b"\xff\xff\x00\x80"):
        path.write_bytes(content)
        with pytest.raises(UsageError):
            read_words(path)
    with pytest.raises(UsageError):
        read_words(tmp_path / "none")
