import pytest

from components.errors import CohortRejected
from flows import cli
from flows.table_inputs import open_inputs

SHEET = "id,age,sex,os_months,death\n" + "".join(
    f"P{i},{40 + i},{'mf'[i % 2]},{5 + i},{'yes' if i % 3 else 'no'}\n" for i in range(12)
)


@pytest.fixture
def armwise(monkeypatch, capsys, tmp_path):
    """The command line in this process: starting another one takes longer than the command."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["armwise", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code or 0, *capsys.readouterr()

    return run


def test_a_draft_on_the_terminal_and_in_a_file(armwise, tmp_path):
    (tmp_path / "ward.csv").write_text(SHEET)
    code, shown, _ = armwise("columns", "ward.csv")
    assert code == 0
    assert "age_years:" in shown
    assert "P1" not in shown
    code, said, _ = armwise("columns", "ward.csv", "--output", "columns.yaml")
    assert code == 0
    assert "armwise fit-arms" in said
    assert (tmp_path / "columns.yaml").read_text() == shown
    code, _, error = armwise("columns", "ward.csv", "--output", "columns.yaml")
    assert code == 2
    assert "columns.yaml exists" in error


def test_a_sheet_that_cannot_be_read_is_one_message(armwise, tmp_path):
    (tmp_path / "empty.csv").touch()
    code, _, error = armwise("columns", "empty.csv")
    assert code == 3
    assert "an empty file" in error


def test_two_gigabytes_are_refused_before_anything_reads_them(tmp_path):
    columns, huge = tmp_path / "columns.yaml", tmp_path / "huge.csv"
    columns.write_text(
        "study: {id: w, title: W}\npatient_id: {column: id}\narm: {constant: tace}\n"
        "follow_up: {column: t, unit: days}\ndeath: {column: d, dead: 1, censored: 0}\n"
    )
    small = tmp_path / "small.csv"
    small.write_text("id,t,d\nP1,5,1\n")
    with huge.open("wb") as file:
        file.truncate(2_000_000_001)
    for tables in ((huge, columns, None), (small, columns, huge)):
        with pytest.raises(CohortRejected, match="limit is 500 MB"):
            open_inputs(*tables)
