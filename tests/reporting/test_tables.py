import pytest

from components.reporting.html_table import html, table
from components.reporting.model_tables import (
    c_index_table,
    coefficients_table,
    risk_group_table,
)
from components.reporting.network_tables import backbone_table
from components.reporting.performance_tables import (
    calibration_table,
    differences_table,
    hazard_table,
    net_benefit_table,
    performance_table,
)
from components.reporting.run_tables import tripod_table
from components.reporting.tables import (
    decision_table,
    eligibility_table,
    ledger_table,
    table_one,
)
from components.reporting.wording import estimate_text
from components.study.results import Estimate
from components.study.vocabulary import ModelKind, Split


def test_cells_are_escaped_and_rows_of_one_cell_are_headings():
    text = html(table("<b>", ("a", "b"), [("group",), ("<i>1", "2 & 3")], notes=["<u>"]))
    assert "<b>" not in text
    assert "<i>1" not in text
    assert "&lt;i&gt;1" in text
    assert "2 &amp; 3" in text
    assert 'colspan="2">group' in text
    assert "<u>" not in text


def test_table_without_rows_says_so():
    assert "None." in html(table("caption", ("a",), []))


def test_row_of_wrong_length_is_refused():
    with pytest.raises(ValueError, match="rows of 1 or 3 cells, came one of 2"):
        table("caption", ("a", "b", "c"), [("1", "2")])


def test_baseline_variable_with_levels_gets_a_line_above_them(content):
    built = table_one(content.baseline[0])
    sex = next(i for i, row in enumerate(built.rows) if row[0] == "Sex")
    assert [row[0].strip() for row in built.rows[sex + 1 : sex + 3]] == ["male", "female"]
    assert built.columns[1:3] == ("Hepatectomy (n\u00a0=\u00a0268)", "TACE (n\u00a0=\u00a0129)")


def test_eligibility_table_counts_every_stage(content):
    rows = eligibility_table(content.eligibility).rows
    for row, stage in zip(rows, content.eligibility.stages, strict=True):
        assert row[-1] == str(sum(stage.counts.values()))


def test_ledger_rows_add_up(content):
    for row in ledger_table(content.ledger).rows:
        assert int(row[2]) == sum(map(int, row[3:6]))


def test_c_index_table_has_six_models_and_marks_the_nomograms(content):
    built = c_index_table(content.arms)
    models = [row for row in built.rows if len(row) > 1]
    assert len(models) == 6
    assert {built.rows[i][0] for i in built.marked_rows} == {"Combined"}


def test_null_signature_marks_the_clinical_models(null_content):
    built = c_index_table(null_content.arms)
    assert {built.rows[i][0] for i in built.marked_rows} == {"Clinical"}
    assert any("the model has no predictor" in note for note in built.notes)


def test_figures_that_are_not_estimable_carry_the_letter_of_their_reason(content):
    tace = next(arm for arm in content.arms if arm.horizons_not_estimable)
    built = performance_table(tace)
    late = next(row for row in built.rows if row[0] == "AUC at 3 years")
    assert late[1].startswith("not estimable\u00a0[")
    letter = late[1][-3:]
    assert any(note.startswith(letter) for note in built.notes)


def test_figures_stand_under_their_headings_with_their_methods(content):
    built = performance_table(content.arms[0])
    headings = [row[0] for row in built.rows if len(row) == 1]
    assert headings == ["Order of risk", "Error of prediction", "Calibration"]
    names = [row[0] for row in built.rows]
    assert names.index("Brier score at 1 year") > names.index("Error of prediction")
    assert names.index("Calibration slope") > names.index("Calibration")
    methods = next(note for note in built.notes if note.startswith("Methods"))
    assert "deaths up to day" in methods
    assert methods.endswith("Intervals at 95%.")


def test_each_difference_has_its_test(content):
    arm = content.arms[0]
    built = differences_table(arm)
    assert [row[0] for row in built.rows if len(row) == 1] == [
        "Combined minus clinical",
        "Combined minus DLRadiomics",
    ]
    first = next(row for row in built.rows if row[0] == "Harrell's C")
    test = next(one for one in arm.differences if one.split is Split.TEST)
    assert first[3].replace("\u00a0", " ") == test.estimate.text().replace("-", "\u2212")
    assert first[4] == f"{test.p_value:.3f}"


def test_hazard_table_marks_small_p_values(content):
    arm = content.arms[0]
    changing = arm.hazard_tests[0].terms[0].model_copy(update={"p": 0.01})
    first = arm.hazard_tests[0].model_copy(
        update={"terms": (changing, *arm.hazard_tests[0].terms[1:]), "n_tables": 5}
    )
    built = hazard_table(arm.model_copy(update={"hazard_tests": (first, *arm.hazard_tests[1:])}))
    assert {built.rows[i][0] for i in built.marked_rows} >= {changing.term}
    assert any("5 imputed tables" in note for note in built.notes)
    assert not any("imputed" in note for note in hazard_table(arm).notes)


def test_distances_and_net_benefits_are_those_of_the_records(content):
    arm = content.arms[0]
    parts = [one for one in arm.calibration if one.kind is arm.nomogram_kind]
    row = calibration_table(parts, "calibration").rows[0]
    assert row[1].startswith(f"{parts[0].curve.ici.value:.3f} (")
    curves = [one for one in arm.decision_curves if one.split is Split.TEST]
    built = net_benefit_table(curves, "net benefit")
    half = next(row for row in built.rows if row[0] == "50%")
    index = curves[0].thresholds.index(0.5)
    assert half[-1] == f"{100 * curves[0].treat_all[index]:.1f}".replace("-", "\u2212")
    assert sum(len(row) == 1 for row in built.rows) == len(curves)


def test_rounding_never_shows_minus_zero():
    tiny = Estimate(value=-0.0001, lower=-0.1, upper=0.2, n=9, n_events=3, method="m")
    assert estimate_text(tiny) == "0.000 (\u22120.100\u00a0to\u00a00.200)"
    assert estimate_text(tiny.model_copy(update={"value": -0.04}), 1).startswith("0.0 (")
    assert estimate_text(tiny.model_copy(update={"value": -10.0}), 1).startswith("\u221210.0 (")


def test_coefficients_are_the_models(content):
    model = content.nomograms[content.arms[0].arm].model
    built = coefficients_table(model, "model")
    assert len(built.rows) == len(model.coefficients)
    assert float(built.rows[0][1].replace("\u2212", "-")) == pytest.approx(
        model.coefficients[0], rel=1e-3
    )
    assert "Ridge penalty" in built.notes[0]


def test_risk_group_table_states_the_frozen_cutoff(content):
    arm = content.arms[0]
    parts = [one for one in arm.risk_groups if one.kind is ModelKind.COMBINED]
    built = risk_group_table(parts, "groups")
    assert [row[0] for row in built.rows] == [
        "Apparent, low risk",
        "Apparent, high risk",
        "Test, low risk",
        "Test, high risk",
    ]
    assert parts[0].cutoff == parts[1].cutoff
    assert "frozen" in built.notes[0]


def test_backbone_table_puts_the_arm_alone_beside_every_pooled_figure(content):
    built = backbone_table(content.choice)
    assert built.columns[-2:] == ("AUC pooled", "Arm alone")
    assert all(row[-1] and row[-2] for row in built.rows)
    assert [built.rows[i][0] for i in built.marked_rows] == [content.choice.backbone]


def test_decision_table_has_each_arm_with_its_verdict(content):
    built = decision_table(content.decision, content.evidence)
    verdicts = [row[-1] for row in built.rows]
    assert verdicts == [content.decision.by_arm[arm] for arm in content.evidence.arms]


def test_tripod_caption_counts_the_answers():
    built = tripod_table()
    answered = sum(row[2] == "answered" for row in built.rows)
    assert built.caption.startswith(f"TRIPOD+AI: of 52 items {answered} answered")
