import zipfile

import openpyxl
import pytest

from components.errors import CohortRejected
from components.intake.mapping_parts import TableFormat
from components.intake.spreadsheets import probable_header_row, read_sheet

TEXT = "id,Größe,性别\nP1,1,男\nP2,2,女\n"


@pytest.fixture
def written(tmp_path):
    def write(content, name="sheet.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def read(path, wanted=(), **form):
    return read_sheet(path, TableFormat(**form), wanted=wanted)


@pytest.mark.parametrize(
    ("encoding", "said"),
    [("utf-8", []), ("utf-8-sig", []), ("gb18030", ["GB 18030"]), ("utf-16", ["UTF-16"])],
)
def test_encodings_are_found_out_and_said(written, encoding, said):
    sheet = read(written(TEXT.encode(encoding)))
    assert sheet.columns == ["id", "Größe", "性别"]
    assert sheet.cells["性别"].tolist() == ["男", "女"]
    assert all(word in one.done for one, word in zip(sheet.adaptations, said, strict=True))


def test_a_declared_encoding_is_taken_silently_and_a_wrong_one_named(written):
    latin = written("id,Größe\nP1,é\n".encode("cp1252"))
    assert read(latin, encoding="cp1252").columns == ["id", "Größe"]
    with pytest.raises(CohortRejected, match=r"cannot be read as UTF-8 nor as GB 18030.*cp1252"):
        read(latin)
    with pytest.raises(CohortRejected, match="cannot be read as utf-8"):
        read(latin, encoding="utf-8")
    with pytest.raises(CohortRejected, match="encoding 'klingon' is unknown"):
        read(latin, encoding="klingon")


def test_separators_are_found_out_and_said(written):
    for separator in (";", "\t"):
        sheet = read(written(f"a{separator}b\n1,5{separator}2\n"))
        assert sheet.cells.to_numpy().tolist() == [["1,5", "2"]]
        assert "separated by" in sheet.adaptations[0].done


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "an empty file"),
        (b"a,b\n", "a header and no row below it"),
        (b"a,b\n,\n , \n", "a header and no row below it"),
        (b"\xd0\xcf\x11\xe0rest", r"an old \.xls workbook"),
        (b"PK\x03\x04broken", "cannot be read as a workbook"),
        (b"a,b\n1,2\n1,2,3\n", "row 3 has more fields than the header"),
        (b"a,b\n" + b"1,2\n" * 50 + b"1,2,3\n", "row 52 has more fields than the header"),
        (b'a,b\n1,"2\n', "no regular table"),
        (b"a,a\n1,2\n", "the column 'a' stands 2 times"),
    ],
)
def test_what_is_no_table_is_one_message(written, content, said):
    with pytest.raises(CohortRejected, match=said) as error:
        read(written(content))
    assert error.value.exit_code == 3
    assert "sheet.csv" in str(error.value)


def test_no_file_and_a_folder(tmp_path):
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(CohortRejected, match="no file of that name"):
            read(path)


def test_two_gigabytes_are_refused_unread(tmp_path):
    path = tmp_path / "huge.csv"
    with path.open("wb") as file:
        file.truncate(2_000_000_001)
    with pytest.raises(CohortRejected, match=r"2,000 MB, the limit is 500 MB.*max_file_mb"):
        read(path)
    small = tmp_path / "small.csv"
    small.write_text("a,b\n" + "1,2\n" * 600)
    assert len(read(small).cells) == 600
    with pytest.raises(CohortRejected, match=r"the limit is 0\.001 MB"):
        read(small, max_file_mb=0.001)


def test_a_workbook_that_unpacks_to_gigabytes_is_refused_unread(tmp_path):
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/worksheets/sheet1.xml", b" " * 3_000_000)
    assert path.stat().st_size < 100_000
    with pytest.raises(CohortRejected, match="3 MB, the limit is 1 MB"):
        read(path, max_file_mb=1)


def test_rows_keep_the_sheet_s_own_numbers(written):
    sheet = read(written("a,b\n1,2\n\n,\n3,4\n"))
    assert sheet.rows == (2, 5)
    assert sheet.cells["b"].tolist() == ["2", "4"]


def titled(path):
    book = openpyxl.Workbook()
    page = book.active
    page.title = "patients"
    page.append(["Liver ward, all patients", None, None, None])
    page.append(["case", "Laboratory", None, "Outcome"])
    page.append([None, "ALT", "AST", "status"])
    page.append(["P1", 31, 40.5, 1])
    page.append(["P2", 22, None, 0])
    page.merge_cells("A1:D1")
    page.merge_cells("A2:A3")
    page.merge_cells("B2:C2")
    book.create_sheet("glossary")
    book.save(path)
    return path


def test_a_merged_header_is_recognised_and_the_row_named(tmp_path):
    path = titled(tmp_path / "ward.xlsx")
    wanted = ("case", "ALT", "AST", "status")
    with pytest.raises(CohortRejected, match=r"row 3 looks like it \(3 of 4.*header_row: 3"):
        read(path, wanted)
    sheet = read(path, wanted, header_row=3)
    assert sheet.columns == ["case", "ALT", "AST", "status"]
    assert sheet.cells["AST"].tolist() == [40.5, ""]
    assert sheet.rows == (4, 5)


def test_a_title_above_a_csv_header_is_recognised(written):
    path = written("Liver ward\n\ncase,os\nP1,5\n")
    with pytest.raises(CohortRejected, match="header_row: 3"):
        read(path, ("case", "os"))
    assert read(path, ("case", "os"), header_row=3).cells.to_numpy().tolist() == [["P1", "5"]]
    assert probable_header_row(path, TableFormat()) == 3


def test_header_row_beyond_the_sheet(written):
    with pytest.raises(CohortRejected, match="header_row is 9, the sheet has 3 rows"):
        read(written(TEXT), header_row=9)


def test_rows_with_fewer_fields_are_filled_up_and_said(written):
    sheet = read(written("a,b,c\n1,2,\n3\n"))
    assert sheet.cells.to_numpy().tolist() == [["1", "2", ""], ["3", "", ""]]
    assert "filled up with empty cells (row 3)" in sheet.adaptations[0].done


def test_a_sheet_is_chosen_by_name_and_a_wrong_name_lists_them(tmp_path):
    path = titled(tmp_path / "ward.xlsx")
    with pytest.raises(CohortRejected, match="no sheet 'Table 1'; it has patients, glossary"):
        read(path, sheet="Table 1")
    assert read(path, sheet="patients", header_row=3).columns[0] == "case"


def test_formulas_are_read_as_their_values_never_computed(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["a", "b"])
    book.active.append(["1", "=1+1"])
    book.save(tmp_path / "f.xlsx")
    assert read(tmp_path / "f.xlsx").cells["b"].tolist() == [""]
