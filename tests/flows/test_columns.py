from tests.flows.conftest import armwise

SHEET = "id,age,sex,os_months,death\n" + "".join(
    f"P{i},{40 + i},{'mf'[i % 2]},{5 + i},{'yes' if i % 3 else 'no'}\n" for i in range(12)
)


def test_a_draft_on_the_terminal_and_in_a_file(tmp_path):
    (tmp_path / "ward.csv").write_text(SHEET)
    shown = armwise("columns", "ward.csv", study=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "age_years:" in shown.stdout
    assert "P1" not in shown.stdout
    done = armwise("columns", "ward.csv", "--output", "columns.yaml", study=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "armwise fit-arms" in done.stdout
    assert (tmp_path / "columns.yaml").read_text() == shown.stdout
    again = armwise("columns", "ward.csv", "--output", "columns.yaml", study=tmp_path)
    assert again.returncode == 2
    assert "columns.yaml exists" in again.stderr


def test_a_sheet_that_cannot_be_read_is_one_message(tmp_path):
    (tmp_path / "empty.csv").touch()
    done = armwise("columns", "empty.csv", study=tmp_path)
    assert done.returncode == 3
    assert "an empty file" in done.stderr
    assert "Traceback" not in done.stderr
