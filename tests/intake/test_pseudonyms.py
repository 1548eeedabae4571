import csv
import os
import stat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.uid import UID

from components.cohort.splitting import _fraction
from components.errors import CohortRejected, IntegrityError, UsageError
from components.intake import pseudonyms
from components.intake.identity_key import KeyRow, read_import_key, write_import_key
from components.intake.pseudonyms import Pseudonyms

KEY = "0123456789abcdef" * 4
UID_OF_A_SERIES = "1.3.6.1.4.1.14519.5.2.1.7009.2403"
texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=30)


@pytest.mark.parametrize("key", ["", "  ", "short"])
def test_without_a_study_key_the_message_says_how_to_make_one(key):
    with pytest.raises(UsageError, match=r"openssl rand -hex 32") as refused:
        Pseudonyms(key)
    assert "short" not in str(refused.value)


def test_a_pseudonym_depends_on_id_and_key_alone():
    names = Pseudonyms(KEY)
    first = names.of("HCC-0012")
    assert first == Pseudonyms(KEY).of("HCC-0012") == names.of("HCC-0012")
    assert first != Pseudonyms(KEY[::-1]).of("HCC-0012")
    assert first != names.of("HCC-0013")
    assert len(first) == 11
    assert first[0] == "P"
    assert not set(first[1:]) & set("01IO")


def test_the_pseudonyms_of_this_key_stay_what_they_are():
    # A changed rule would give every patient of every study another name.
    assert Pseudonyms(KEY).of("HCC-0012") == "PDVCVUESGM7"
    assert (
        Pseudonyms(KEY).remapped_uid(UID_OF_A_SERIES)
        == "2.25.120663848656035516508265366181954822225"
    )


@pytest.mark.parametrize("same", [" HCC-0012 ", "hcc-0012", "ＨＣＣ-0012", "HCC-0012\0"])
def test_an_id_is_compared_as_cells_are(same):
    assert Pseudonyms(KEY).of(same) == Pseudonyms(KEY).of("HCC-0012")


def test_leading_zeros_make_another_patient_and_a_float_does_not():
    names = Pseudonyms(KEY)
    assert names.of("00123") != names.of("123")
    assert names.of("123.0") == names.of("123")


def test_two_patients_never_share_a_pseudonym(monkeypatch):
    monkeypatch.setattr(pseudonyms, "_LENGTH", 1)
    names = Pseudonyms(KEY)
    ids = [f"MRN{number:06d}" for number in range(100)]
    with pytest.raises(CohortRejected, match="another study key") as refused:
        list(map(names.of, ids))
    assert "MRN" not in str(refused.value)


def test_the_split_and_the_pseudonym_are_drawn_apart():
    """The fraction that places a patient is not read off the pseudonym's own digest."""
    drawn = Pseudonyms(KEY)._digest(b"", "HCC-0012")
    assert _fraction(KEY, "HCC-0012") == int.from_bytes(drawn[:8], "big") / 2**64
    purposes = {pseudonyms._OF_PATIENTS, pseudonyms._OF_UIDS, b""}
    digests = {Pseudonyms(KEY)._digest(purpose, "HCC-0012") for purpose in purposes}
    assert len(digests) == 3


@given(st.integers(0, 2**63), st.integers(0, 10**9))
def test_a_remapped_uid_is_a_valid_one(root, leaf):
    names = Pseudonyms(KEY)
    uid = f"1.2.{root}.{leaf}"
    remapped = UID(names.remapped_uid(uid))
    assert remapped.is_valid
    assert remapped.startswith("2.25.")
    assert remapped == names.remapped_uid(uid + "\0")


def test_an_empty_id_is_no_patient():
    for asked in (Pseudonyms(KEY).of, Pseudonyms(KEY).remapped_uid):
        with pytest.raises(CohortRejected):
            asked(" \0")


ROWS = (
    KeyRow("PAAAAAAAAAA", "0012", 2, ("ct/0012/a.dcm", "张伟.nii.gz", "\udcff.dcm", "a" * 200_000)),
    KeyRow("PBBBBBBBBBB", "=HYPERLINK(1)", 3, ()),
    KeyRow("PCCCCCCCCCC", '\'7, rue "A"\r\nB', None, ()),
)


def test_the_key_comes_back_as_it_was_written(tmp_path):
    path = tmp_path / ".armwise" / "import_key.csv"
    write_import_key(path, ROWS)
    assert read_import_key(path) == ROWS
    assert read_import_key(tmp_path / "none.csv") == ()


@settings(max_examples=60)
@given(st.lists(texts, min_size=1, max_size=4), st.lists(texts, max_size=3))
def test_any_id_and_file_name_comes_back_and_none_is_a_formula(tmp_path_factory, ids, files):
    path = tmp_path_factory.mktemp("key") / "import_key.csv"
    rows = [
        KeyRow(f"P{number}", f"{number}{text}"[number % 2 :], number, tuple(files))
        for number, text in enumerate(ids)
    ]
    try:
        write_import_key(path, rows)
    except IntegrityError:  # two of the ids are the same one
        return
    assert list(read_import_key(path)) == rows
    with path.open(encoding="utf-8-sig", newline="") as file:
        cells = [cell for line in csv.reader(file) for cell in line]
    assert not [cell for cell in cells if cell[:1] in tuple("=+-@\t\r")]


@pytest.mark.parametrize("sign", list("=+-@"))
def test_an_id_that_looks_like_a_formula_is_text_in_a_spreadsheet(tmp_path, sign):
    path = tmp_path / "import_key.csv"
    write_import_key(path, [KeyRow("PA", f"{sign}1+1", 2, ())])
    assert f"PA,'{sign}1+1,2," in path.read_text(encoding="utf-8-sig")


def test_the_key_is_its_owners_alone_from_the_first_byte(tmp_path, monkeypatch):
    modes = []
    fsync = os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda file: (modes.append(os.fstat(file).st_mode), fsync(file))
    )
    path = tmp_path / "import_key.csv"
    umask = os.umask(0)
    try:
        write_import_key(path, ROWS)
    finally:
        os.umask(umask)
    assert [stat.S_IMODE(mode) for mode in (*modes, path.stat().st_mode)] == [0o600, 0o600]


def test_a_key_that_cannot_be_written_whole_stays_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "import_key.csv"
    write_import_key(path, ROWS[:1])

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_import_key(path, ROWS)
    assert read_import_key(path) == ROWS[:1]
    assert [one.name for one in tmp_path.iterdir()] == ["import_key.csv"]


def test_patients_are_added_and_known_ones_keep_what_is_not_given_again(tmp_path):
    path = tmp_path / "import_key.csv"
    write_import_key(path, ROWS[:1])
    write_import_key(path, [KeyRow("PAAAAAAAAAA", "0012", 9, ()), ROWS[1]])
    first, second = read_import_key(path)
    assert (first.row, first.files) == (9, ROWS[0].files)
    assert second == ROWS[1]


def test_another_study_key_is_seen_before_anything_is_written(tmp_path):
    path = tmp_path / "import_key.csv"
    rows = [KeyRow(Pseudonyms(KEY).of(one), one, 2, ()) for one in ("A-100001", "A-100002")]
    write_import_key(path, rows)
    before = path.read_bytes()
    Pseudonyms(KEY).require_same_key(read_import_key(path))
    other = Pseudonyms(KEY[::-1])
    with pytest.raises(IntegrityError, match="ARMWISE_STUDY_KEY") as refused:
        other.require_same_key(read_import_key(path))
    with pytest.raises(IntegrityError, match="ARMWISE_STUDY_KEY") as at_writing:
        write_import_key(path, [KeyRow(other.of("a-100001 "), "a-100001 ", 2, ())])
    with pytest.raises(IntegrityError, match="another patient"):
        write_import_key(path, [KeyRow(rows[0].pseudonym, "A-100009", 2, ())])
    assert path.read_bytes() == before
    for said in (refused, at_writing):
        assert "100001" not in str(said.value)
        assert "100002" not in str(said.value)


@pytest.mark.parametrize("mark", ["dataset.json", "../data.dvc", "../armwise.toml", None])
def test_the_key_never_lies_in_a_dataset(tmp_path, mark):
    data = tmp_path / "data"
    (data / "sub").mkdir(parents=True)
    if mark:
        (data / mark).write_text("{}")
    path = data / "sub" / "import_key.csv" if mark else data / "import_key.csv"
    (tmp_path / "link").symlink_to(path.parent)
    for one in (path, tmp_path / "link" / "import_key.csv"):
        with pytest.raises(UsageError, match="outside the dataset"):
            write_import_key(one, ROWS)
    assert not path.exists()


def test_a_disk_called_data_is_no_dataset(tmp_path):
    path = tmp_path / "data" / "study" / ".armwise" / "import_key.csv"
    write_import_key(path, ROWS)
    assert path.is_file()


@pytest.mark.parametrize(
    "content",
    [
        b"", b"id,name\r\n1,2\r\n", b"pseudonym,patient_id,row,files\r\nPA,12\r\n",
        b"pseudonym,patient_id,row,files\r\nPA,12,two,[]\r\n",
        b"pseudonym,patient_id,row,files\r\nPA,12,2,[\r\n",
        b'pseudonym,patient_id,row,files\r\nPA,"12,2,[]\r\n', b"\xff\xfe\x00",
        b"pseudonym,patient_id,row,files\r\nPA,12,2,[]\r\nPA,13,3,[]\r\n",
    ],
)  # fmt: skip
def test_a_damaged_key_is_refused(tmp_path, content):
    path = tmp_path / "import_key.csv"
    path.write_bytes(content)
    with pytest.raises(IntegrityError, match=r"import_key\.csv"):
        read_import_key(path)
    with pytest.raises(IntegrityError):
        write_import_key(path, ROWS)
    assert path.read_bytes() == content
