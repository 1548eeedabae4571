import re

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.errors import UsageError
from components.intake.clinical_import import import_clinical
from components.intake.draft import draft_mapping
from components.intake.mapping import read_mapping


def ward(n=40):
    number = np.arange(n)
    return pd.DataFrame(
        {
            "Patient_ID": [f"K-{i:03d}" for i in number],
            "Name": [f"Surname{i % 3}" for i in number],
            "Date of birth": "1950-01-02",
            "Surgery date": [f"2019-01-{1 + i % 28:02d}" for i in number],
            "Treatment": np.where(number % 2 == 0, "Resection", "TACE"),
            "OS (months)": 3 + number * 0.7,
            "Vital status": np.where(number % 3 == 0, "alive", "dead"),
            "Gender": np.where(number % 4 == 0, "男", "女"),
            "Age": 40 + number % 30,
            "Tumour size mm": 20 + number,
            "ALB": 3.0 + number % 15 / 10,
            "Cirrhosis": number % 2,
            "BCLC": np.array(["0", "A", "B"])[number % 3],
            "AFP": 5.5 * number + 1,
            "Differentiation: grade": np.array(["well", "poor, or none"])[number % 2],
            "constant": 1,
        }
    )


@pytest.fixture
def sheet(tmp_path):
    path = tmp_path / "ward.csv"
    ward().to_csv(path, index=False)
    return path


def filled(text):
    """What a person writes into the blanks of the draft."""
    for blank, answer in [
        ("  id:", "  id: ward"),
        ("  title:", "  title: Ward"),
        ("      A: [A]", "      A: ['0', A]"),
    ]:
        assert blank in text
        text = text.replace(blank, answer, 1)
    return text


def test_a_draft_loads_once_its_blanks_are_filled_and_reads_the_sheet(sheet, tmp_path):
    path = tmp_path / "columns.yaml"
    text = draft_mapping(sheet)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=r"study.*fill it in"):
        read_mapping(path)
    path.write_text(filled(text), encoding="utf-8")
    mapping = read_mapping(path)
    assert mapping.follow_up.unit == "months"
    assert mapping.predictors["tumor_diameter_cm"].unit == "mm"
    assert mapping.predictors["albumin_g_per_l"].unit == "g/dL"
    assert mapping.predictors["sex"].levels == {"male": ("男",), "female": ("女",)}
    assert mapping.death.dead == ("dead",)
    done = import_clinical(sheet, mapping)
    assert not done.quarantined
    assert set(done.table["arm"]) == {"hepatectomy", "tace"}
    assert done.table["tumor_diameter_cm"].iloc[0] == 2.0


def test_names_dates_ids_and_single_values_are_never_shown(sheet):
    text = draft_mapping(sheet)
    for value in ("Surname", "1950", "2019", "K-0", "5.5", "221"):
        assert value not in text
    assert "Surgery date" in text


def test_what_it_does_not_know_stands_as_a_comment(sheet):
    comments = [line for line in draft_mapping(sheet).splitlines() if line.startswith("#   ")]
    assert any("afp: {column: AFP" in line for line in comments)
    assert any(
        '"poor, or none"' in line and '"Differentiation: grade"' in line for line in comments
    )
    assert any("constant: the same in all rows" in line for line in comments)


def test_codings_that_may_mean_anything_are_left_to_be_sorted(tmp_path):
    path = tmp_path / "coded.csv"
    table = ward().assign(Gender=1 + np.arange(40) % 2, **{"Vital status": np.arange(40) % 3})
    table.to_csv(path, index=False)
    text = draft_mapping(path)
    assert re.search(r'sorted under these: "1" \(20 rows\), "2" \(20 rows\)\n\s+male: \[\]', text)
    assert re.search(r'sorted under these: "0" \(14 rows\).*\n\s+dead: \[\]\n', text)


def test_the_header_row_of_a_titled_workbook_is_found(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["The ward's patients"])
    book.active.append([])
    table = ward()
    book.active.append(list(table.columns))
    for row in table.itertuples(index=False):
        book.active.append([one.item() if hasattr(one, "item") else one for one in row])
    book.save(tmp_path / "ward.xlsx")
    text = draft_mapping(tmp_path / "ward.xlsx")
    assert "header_row: 3" in text
    assert 'column: "OS (months)"' in text


names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=10).map(
    str.strip
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(names.filter(bool), min_size=1, max_size=4, unique=True))
def test_any_header_gives_yaml(tmp_path, header):
    path, drafted = tmp_path / "odd.csv", tmp_path / "odd.yaml"
    cells = [[1 + row % 2 for _ in header] for row in range(9)]
    pd.DataFrame(cells, columns=header).to_csv(path, index=False)
    drafted.write_text(draft_mapping(path, header_row=1), encoding="utf-8")
    with pytest.raises(UsageError, match="fill it in"):
        read_mapping(drafted)
