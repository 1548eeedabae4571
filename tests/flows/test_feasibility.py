"""`armwise feasibility`, as a user types it."""

import os
import re
from pathlib import Path

import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from components.errors import CohortRejected, UsageError
from components.study.protocol import read_protocol
from components.study.vocabulary import TreatmentArm
from flows.cli.feasibility import feasibility
from flows.feasibility import assess_feasibility
from flows.settings import PROTOCOLS
from flows.table_inputs import open_inputs
from tests.flows.tables import MAPPING, write_tables
from tests.intake.test_real_tables import MAPPINGS, SHEETS

SOUND = read_protocol(PROTOCOLS / "sound.yaml")


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return write_tables(tmp_path_factory.mktemp("sheet"))


@pytest.fixture
def realdata():
    folder = os.environ.get("ARMWISE_REALDATA")
    if folder is None:
        pytest.skip("ARMWISE_REALDATA does not name the folder of real cohorts")
    return Path(folder)


def typed(*arguments):
    app = typer.Typer()
    app.command()(feasibility)
    done = CliRunner().invoke(app, [str(one) for one in arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def found_in(folder, paths, protocol=SOUND, **changed):
    inputs = open_inputs(
        changed.get("clinical", paths["clinical"]), changed.get("columns", paths["columns"]), None
    )
    return assess_feasibility(inputs, protocol, page=folder / "feasibility.html")


def test_the_terminal_and_the_page_say_what_the_sheet_allows(tmp_path, paths):
    page = tmp_path / "out" / "feasibility.html"
    done = typed("--clinical", paths["clinical"], "--columns", paths["columns"], "--output", page)
    assert done.exit_code == 0, done.output
    for words in ("Patients, deaths, follow-up", "Horizons", "How many patients", "c-statistic"):
        assert words in done.output
    html = page.read_text(encoding="utf-8")
    assert "Synthetic data" in html
    assert html.count('<img src="data:image/') >= 3
    assert not re.search(r"(src|href)=\"(?!data:|#)", html)
    # Nobody of the sheet is named.
    assert not re.search(r"\bT\d{3}\b", html + done.output)


def test_counts_are_those_of_the_sheet(tmp_path, paths):
    content = found_in(tmp_path, paths).content
    sheet = pd.read_csv(paths["clinical"])
    adults = sheet[sheet["age"] >= 18]
    by_arm = {"resection": TreatmentArm.HEPATECTOMY, "TACE": TreatmentArm.TACE}
    for name, own in adults.groupby("first treatment"):
        arm = next(one for one in content.arms if one.arm is by_arm[name])
        assert (arm.n, arm.n_events) == (len(own), int((own["status"] == 2).sum()))
    assert [one.rule for one in content.eligibility.excluded] == ["age 18 years or above"]
    assert content.overlaps[0].predictors == ("Tumor diameter", "Age", "BCLC stage", "Ascites")
    assert any("cannot answer" in line for line in content.lines())
    fewer = len(sheet) - len(adults)
    assert fewer, "the sheet has somebody whom a rule excludes"
    assert content.lines()[0] == (
        f"Of {len(sheet)} patients of the sheet {len(adults)} are left: "
        f"age 18 years or above ({fewer} fewer)."
    )


def test_the_same_sheet_gives_the_same_page(tmp_path, paths):
    first = found_in(tmp_path / "a", paths).page.read_bytes()
    assert found_in(tmp_path / "b", paths).page.read_bytes() == first


def test_gaps_are_shown_and_quarters_give_the_pace(tmp_path, paths):
    sheet = pd.read_csv(paths["clinical"])
    sheet.loc[sheet.index % 5 == 0, "size"] = None
    sheet["treated"] = [f"20{15 + at % 4}-0{1 + 3 * (at % 3)}-15" for at in range(len(sheet))]
    sheet.to_csv(tmp_path / "dated.csv", index=False)
    mapping = tmp_path / "dated.yaml"
    mapping.write_text(MAPPING + "dates: {treatment: treated}\n", encoding="utf-8")
    found = found_in(tmp_path, paths, clinical=tmp_path / "dated.csv", columns=mapping)
    accrual = found.content.arms[0].accrual
    assert accrual.quarters[0] == "2015Q1"
    assert sum(accrual.counts) == found.content.arms[0].n
    html = found.page.read_text(encoding="utf-8")
    assert "patients by quarter of treatment" in html
    assert "Tumor diameter 20% in Hepatectomy" in html
    assert "2016-04-15" not in html


def test_a_split_that_the_sheet_cannot_follow_is_said(tmp_path, paths):
    split = SOUND.split.model_copy(update={"by": "center", "test_centers": ("north",)})
    protocol = SOUND.model_copy(update={"split": split})
    content = found_in(tmp_path, paths, protocol).content
    said = next(one for one in content.adaptations if one.step == "split")
    assert "expected the column 'center'" in said.why
    assert content.arms[0].n_test > 0


def test_one_arm_alone_has_no_overlap(tmp_path, paths):
    sheet = pd.read_csv(paths["clinical"])
    sheet[sheet["first treatment"] == "TACE"].to_csv(tmp_path / "tace.csv", index=False)
    content = found_in(tmp_path, paths, clinical=tmp_path / "tace.csv").content
    assert content.overlaps == ()
    assert [one.arm for one in content.arms] == [TreatmentArm.TACE]
    assert any(one.asked == "the arm Hepatectomy" for one in content.adaptations)


def test_nobody_eligible_and_no_file_are_one_message(tmp_path, paths):
    sheet = pd.read_csv(paths["clinical"])
    sheet["age"] = 16
    sheet.to_csv(tmp_path / "young.csv", index=False)
    with pytest.raises(CohortRejected, match=r"no eligible patient is left of 160 .*age 18.*: 160"):
        found_in(tmp_path, paths, clinical=tmp_path / "young.csv")
    with pytest.raises(UsageError, match="expected a file"):
        found_in(tmp_path, paths, clinical=tmp_path / "none.csv")


def test_an_arm_in_which_nobody_died_is_told_not_broken(tmp_path, paths):
    sheet = pd.read_csv(paths["clinical"])
    sheet.loc[sheet["first treatment"] == "TACE", "status"] = 1
    sheet.to_csv(tmp_path / "alive.csv", index=False)
    content = found_in(tmp_path, paths, clinical=tmp_path / "alive.csv").content
    tace = next(one for one in content.arms if one.arm is TreatmentArm.TACE)
    assert tace.n_events == 0
    assert tace.last_estimable_days is None
    assert any("TACE" in line and "no horizon" in line for line in content.lines())


@pytest.mark.realdata
def test_a_real_cohort_of_two_arms(tmp_path, realdata):
    inputs = open_inputs(realdata / SHEETS["sysucc_hcc"], MAPPINGS / "sysucc_hcc.yaml", None)
    content = assess_feasibility(inputs, SOUND, page=tmp_path / "f.html").content
    counts = {one.arm.value: (one.n, one.n_events) for one in content.arms}
    assert counts == {"hepatectomy": (157, 90), "tace": (627, 459)}
    three_years = {one.arm.value: one.horizons[-1] for one in content.arms}
    assert (three_years["tace"].n_died, three_years["tace"].n_beyond) == (423, 122)
    assert 0.65 < content.overlaps[0].c_statistic < 0.8
    # R: coxph of the six predictors in the hepatectomies, likelihood ratio 2.64 on 6 df.
    assert content.arms[0].sizes[0].minimum_n is None
    assert any("no more than chance" in line for line in content.lines())
