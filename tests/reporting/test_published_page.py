"""The page of a published model: what stands on it, and that nothing of it is lost or unescaped."""

from pathlib import Path

import pytest

from components.arms.published_patients import match_patients
from components.arms.scoring import score_published
from components.arms.updating import update_model
from components.cohort.schema import PREDICTORS as CODEBOOK
from components.reporting.published_page import (
    score_section,
    update_section,
    write_published_page,
)
from components.reporting.published_tables import (
    model_table,
    patients_table,
    score_table,
    updates_table,
)
from components.study.protocol import read_protocol
from components.study.vocabulary import DataOrigin, TreatmentArm
from tests.arms.published_models import draw_patients, true_model

PROTOCOL = read_protocol(Path(__file__).parents[2] / "flows" / "protocols" / "sound.yaml")
MODEL = true_model(name="Score <b>x</b>", offset=0.25)


def score_of(table, origin=DataOrigin.SYNTHETIC):
    return score_published(
        MODEL,
        match_patients(MODEL, table, CODEBOOK),
        arm=TreatmentArm.TACE,
        origin=origin,
        horizons_days=(365, 1095),
        evaluation=PROTOCOL.evaluation,
        seed=1,
    )


@pytest.fixture(scope="module")
def table():
    table = draw_patients(200, seed=4, level=0.7)
    table.loc["P0003", "bclc_stage"] = "D"
    table["os_days"] = table["os_days"].clip(upper=1000)
    return table


@pytest.fixture(scope="module")
def score(table):
    return score_of(table)


@pytest.fixture(scope="module")
def updated(table):
    return update_model(MODEL, match_patients(MODEL, table, CODEBOOK))


def page_of(folder, sections, score):
    path = write_published_page(
        folder / "page.html",
        sections,
        score=score,
        adaptations=(),
        notes=("A note.", "A note."),
        byline="here",
        package_version="1",
    )
    return path.read_text(encoding="utf-8")


def test_the_page_of_a_score_names_model_patients_and_missing_figures(tmp_path, score):
    page = page_of(tmp_path, [score_section([score])], score)
    assert "Score &lt;b&gt;x&lt;/b&gt;" in page
    assert "<b>x</b>" not in page
    assert "SYNTHETIC" in page
    assert "0 patients seen beyond 1095 days" in page
    assert "left out, &#39;bclc_stage&#39; is D, unknown to the model" in page
    assert page.count("A note.") == 1
    assert "data:image/svg+xml" in page


def test_real_patients_have_no_banner(tmp_path, table):
    real = score_of(table, DataOrigin.REAL)
    assert "SYNTHETIC" not in page_of(tmp_path, [score_section([real])], real)


def test_the_page_of_an_update_says_what_was_chosen_and_warns(tmp_path, score, updated):
    page = page_of(tmp_path, [update_section(updated, score)], score)
    assert updated.sentence in page
    assert "very patients that it was updated to" in page


def test_the_chosen_update_is_marked(updated):
    shown = updates_table(updated)
    (at,) = shown.marked_rows
    assert shown.rows[at][0] == updated.update(updated.chosen).words.capitalize()
    assert len(shown.rows) == 5


def test_the_score_s_table_has_a_column_an_arm_and_says_why_figures_are_missing(score):
    shown = score_table([score, score.model_copy(update={"arm": TreatmentArm.HEPATECTOMY})])
    assert len(shown.columns) == 3
    assert sum("0 patients seen beyond 1095 days" in note for note in shown.notes) == 2


def test_left_out_patients_are_counted(score):
    rows = dict(patients_table([score]).rows)
    assert rows["TACE: scored"] == "199"
    assert rows["TACE: left out, 'bclc_stage' is D, unknown to the model"] == "1"


def test_the_formula_is_whole():
    shown = model_table(MODEL)
    assert [row[0] for row in shown.rows] == ["Age", "Tumor diameter", "BCLC: B", "BCLC: C"]
    assert shown.rows[0][1:] == ("years", "0.02", "55")
    assert any("0.25 is added" in note for note in shown.notes)
