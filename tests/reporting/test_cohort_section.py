"""The cohort section: flow, Table 1 with missing cells, missing values."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from components.cohort.baseline import table_one as baseline_table
from components.cohort.eligibility import assess_eligibility
from components.cohort.gate_records import NotAssessable, RuleWarning, ValidationReport
from components.cohort.missingness import missingness
from components.cohort.schema import Variable
from components.reporting.blocks import Folded, Picture, Rows
from components.reporting.cohort_section import cohort_section
from components.reporting.flow_diagram import PartCount, draw_flow
from components.reporting.methods_section import methods_section
from components.reporting.missing_figure import MOST_COLUMNS, draw_missing
from components.reporting.style import svg_bytes
from components.reporting.tables import eligibility_table, table_one
from components.study.protocol import EligibilitySection
from components.study.results import Quarantined
from components.study.vocabulary import DataOrigin, Split, TreatmentArm

ARMS = tuple(TreatmentArm)


@pytest.fixture(scope="module")
def hospital():
    """120 patients: two without an arm, one twice, gaps in three columns."""
    rng = np.random.default_rng(3)
    n = 120
    table = pd.DataFrame(
        {
            "arm": ["hepatectomy", "tace", "tace"] * (n // 3),
            "os_days": rng.exponential(700, n) + 1,
            "death": rng.integers(0, 2, n).astype(float),
            "age_years": rng.integers(18, 80, n).astype(float),
            "hcc_confirmed": pd.array([True] * n, dtype="boolean"),
            "bclc_stage": rng.choice(["A", "B"], n),
            "albumin_g_per_l": rng.normal(38, 4, n),
        },
        index=[f"P{i:03d}" for i in range(n)],
    )
    table.loc[["P000", "P001"], "arm"] = [None, "ablation"]
    table.loc["P002", "age_years"] = 17.0
    table.loc["P005", "hcc_confirmed"] = False
    table.loc[["P007", "P008", "P010"], "hcc_confirmed"] = pd.NA
    table.loc["P010":"P019", ["bclc_stage", "albumin_g_per_l"]] = [None, np.nan]
    table.loc["P030":"P033", "albumin_g_per_l"] = np.nan
    return table


@pytest.fixture(scope="module")
def flow(hospital):
    held = (
        Quarantined(patient_id="P040", reason="negative time", found_by="clinical table"),
        Quarantined(patient_id="P041", reason="the ROI is empty", found_by="ROI crops"),
    )
    section = EligibilitySection(
        minimum_age_years=18,
        maximum_days_ct_before_treatment=31,
        require_complete_clinical_data=False,
    )
    left, eligibility = assess_eligibility(
        hospital, held, section=section, arms=ARMS, predictors=()
    )
    return left, eligibility, held


def parts_of(table):
    counts = table["arm"].value_counts()
    return [
        PartCount(arm=arm, split=split, n=int(counts[arm.value]) // 2, n_events=3)
        for arm in ARMS
        for split in Split
    ]


def words(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_the_diagram_gives_every_rule_its_patients_by_arm(flow):
    left, eligibility, held = flow
    drawn = words(draw_flow(eligibility, held, parts_of(left), origin=DataOrigin.REAL))
    assert drawn[drawn.index("age 18 years or above") + 1 :][:4] == ["1", "–", "1", "–"]
    assert drawn[drawn.index("HCC confirmed") + 1 :][:4] == ["1", "–", "1", "–"]
    assert drawn[drawn.index("first treatment hepatectomy or TACE") + 1 :][:4] == [
        "2",
        "2",
        "–",
        "–",
    ]
    assert "In the clinical table: 120 patients" in drawn
    assert "Assessed for eligibility: 118 patients" in drawn
    assert "Studied: 114 patients" in drawn
    assert any("no other malignancy" in text for text in drawn)
    assert any("HCC confirmed (3)" in text for text in drawn)


def test_texts_of_the_diagram_stay_in_their_boxes_and_apart(flow):
    """Nothing overlaps: neither two texts, nor a text and the edge of its box."""
    left, eligibility, held = flow
    figure = draw_flow(eligibility, held, parts_of(left), origin=DataOrigin.REAL)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    extents = [text.get_window_extent() for text in axes.texts if text.get_text()]
    for at, one in enumerate(extents):
        assert one.x0 >= 0
        assert one.x1 <= figure.bbox.x1
        assert not any(one.overlaps(other) for other in extents[at + 1 :])
    boxes = [
        patch.get_window_extent() for patch in axes.patches if not hasattr(patch, "arrow_patch")
    ]
    inside = [
        one
        for one in extents
        if any(box.containsx(one.x0) and box.containsy(one.y0) for box in boxes)
    ]
    assert len(inside) > 20
    for one in inside:
        assert any(
            box.x0 <= one.x0 and one.x1 <= box.x1 and box.y0 <= one.y0 and one.y1 <= box.y1
            for box in boxes
        )


def test_nobody_set_aside_is_said(flow):
    left, eligibility, _ = flow
    drawn = words(draw_flow(eligibility, (), parts_of(left), origin=DataOrigin.REAL))
    assert "Set aside by a check of the data: 0" in drawn


def test_rows_of_patients_left_count_those_of_no_arm_and_say_whom_no_rule_judged(flow):
    _, eligibility, _ = flow
    shown = eligibility_table(eligibility)
    assert shown.columns == ("Rule", "Hepatectomy", "TACE", "No arm", "All")
    assert [row[-1] for row in shown.rows] == ["120", "118", "116", "115", "114", "114"]
    assert any("HCC confirmed 3" in note for note in shown.notes)


def test_table_1_counts_missing_cells_in_each_group(hospital):
    known = hospital[hospital["arm"].isin([arm.value for arm in ARMS])]
    shown = table_one(baseline_table(known, known["arm"], title="Arm against arm"))
    rows = [row[0].strip() for row in shown.rows]
    by_arm = known["bclc_stage"].isna().groupby(known["arm"]).sum()
    missing = shown.rows[rows.index("BCLC stage") + 3]
    assert missing[0].strip() == "missing"
    assert [int(cell.split(" ")[0]) for cell in missing[1:3]] == by_arm.tolist()
    assert shown.rows[rows.index("BCLC stage")][-1] == str(int(by_arm.sum()))
    assert "missing" not in rows[rows.index("Age (years)") + 1 :][:1]


def test_the_figure_of_missing_values_shows_each_count(hospital):
    missing = missingness(hospital, arms=ARMS)
    figure = draw_missing(missing, origin=DataOrigin.REAL)
    shown = {text.get_text() for axes in figure.axes for text in axes.texts}
    for column in missing.columns:
        for arm, n in column.n_missing.items():
            assert f"{n} ({100 * n / missing.sizes[arm]:.1f}%)" in shown
    heights = sum(patch.get_height() for patch in figure.axes[1].patches)
    assert heights == missing.n_incomplete
    assert svg_bytes(figure) == svg_bytes(draw_missing(missing, origin=DataOrigin.REAL))


def test_many_columns_are_cut_to_those_with_most_gaps():
    codebook = {}
    table = pd.DataFrame({"arm": ["tace"] * 50})
    for at in range(MOST_COLUMNS + 5):
        name = f"lab_{at}"
        codebook[name] = Variable(name=name, label=f"Lab {at}", kind="continuous", unit="g")
        table[name] = [np.nan] * (at + 1) + [1.0] * (49 - at)
    missing = missingness(table, arms=ARMS, codebook=codebook)
    axes = draw_missing(missing, origin=DataOrigin.REAL).axes
    labels = [label.get_text() for label in axes[2].get_yticklabels()]
    assert labels == [f"Lab {at}" for at in range(5, MOST_COLUMNS + 5)]


def test_a_figure_of_nothing_missing_is_refused():
    nothing = missingness(pd.DataFrame({"arm": ["tace"], "age_years": [60.0]}), arms=ARMS)
    with pytest.raises(ValueError, match="came none"):
        draw_missing(nothing, origin=DataOrigin.REAL)


def test_the_section_draws_what_is_missing_only_where_something_is(content, hospital):
    with_gaps = missingness(hospital, arms=ARMS)
    complete = missingness(hospital.drop(columns=["bclc_stage", "albumin_g_per_l"]), arms=ARMS)
    pictures = [
        sum(isinstance(block, Picture) for block in cohort_section(one).blocks)
        for one in (
            content,
            replace(content, missing=complete),
            replace(content, missing=with_gaps),
        )
    ]
    assert pictures == [1, 1, 2]
    said = [
        getattr(block, "text", "")
        for block in cohort_section(replace(content, missing=complete)).blocks
    ]
    assert complete.sentence in said


def test_what_the_gate_warned_of_and_could_not_judge_is_shown(content):
    report = ValidationReport(
        table="clinical table",
        passed=True,
        stopped_by=(),
        quarantined=(),
        expectations=(),
        warnings=(
            RuleWarning(
                reason="ECOG 1 in stage A", n_judged=90, subjects=tuple(f"P{i}" for i in range(7))
            ),
            RuleWarning(reason="INR against PT", n_judged=10),
        ),
        not_assessable=(NotAssessable(rule="ALBI grade", why="no column 'albumin_g_per_l'"),),
    )
    tables = [
        block.table
        for block in cohort_section(replace(content, gate=(report,))).blocks
        if isinstance(block, Rows)
    ]
    shown = next(one for one in tables if one.caption == "Warnings of the validation gate")
    assert shown.rows[0] == ("ECOG 1 in stage A", "7 of 90", "P0, P1, P2, P3, P4 and 2 more")
    folded = [
        b for b in cohort_section(replace(content, gate=(report,))).blocks if isinstance(b, Folded)
    ]
    assert any(
        row == ("ALBI grade", "no column 'albumin_g_per_l'")
        for one in folded
        for block in one.blocks
        for row in block.table.rows
    )
    headings = [getattr(block, "text", "") for block in cohort_section(content).blocks]
    assert "Checks of the data" not in headings


@pytest.mark.parametrize(
    ("split", "words"),
    [
        ({}, "at random, stratified by arm, event and center"),
        ({"by": "center", "test_centers": ("coast", "north")}, "the patients of coast, north test"),
        ({"by": "quarter", "first_test_quarter": "2019Q3"}, "treated from 2019Q3 on test"),
    ],
)
def test_the_methods_name_the_kind_of_split(content, split, words):
    section = content.protocol.split.model_copy(update=split)
    protocol = content.protocol.model_copy(update={"split": section})
    told = [
        item
        for block in methods_section(replace(content, protocol=protocol)).blocks
        for item in getattr(block, "items", ())
    ]
    assert sum(words in item and "nobody moves" in item for item in told) == 1
