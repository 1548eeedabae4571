"""Published models: what is read, what is refused, and the survival that they predict."""

import json

import numpy as np
import pandas as pd
import pytest

from components.arms.published import PublishedBaseline, PublishedModel, read_published
from components.arms.published_patients import match_patients
from components.cohort.schema import PREDICTORS as CODEBOOK
from components.errors import CohortRejected, UsageError
from components.survival.cox import fit_cox_model
from components.survival.design import Predictor
from components.survival.target import SurvivalTarget
from tests.arms.published_models import PREDICTORS, draw_patients, true_model


def test_the_linear_predictor_is_the_printed_sum():
    patient = pd.DataFrame(
        {"age_years": [65.0], "tumor_diameter_cm": [8.0], "bclc_stage": ["C"]}, index=["P1"]
    )
    expected = 0.02 * 10 + 0.12 * 2 + 1.0 + 0.3
    assert true_model(offset=0.3).linear_predictor(patient) == pytest.approx([expected])


def test_a_logarithm_is_taken_before_centring():
    model = PublishedModel(
        name="log size",
        source="x",
        predictors=(PREDICTORS[1],),
        coefficients={"tumor_diameter_cm": 2.0},
        transforms={"tumor_diameter_cm": "log2"},
        centre={"tumor_diameter_cm": 1.0},
    )
    lp = model.linear_predictor(pd.DataFrame({"tumor_diameter_cm": [8.0, 1.0]}))
    assert lp == pytest.approx([4.0, -2.0])


def test_survival_is_the_baseline_to_the_power_of_the_hazard_ratio():
    model = true_model()
    found = model.survival_at(np.array([0.0, np.log(2)]), [900, 5])
    assert found == pytest.approx(np.array([[0.5, 1.0], [0.25, 1.0]]))


def test_a_model_of_armwise_scores_as_itself():
    table = draw_patients(150, seed=3)
    target = SurvivalTarget.of(table["os_days"], table["death"])
    fitted = fit_cox_model(table, PREDICTORS, target)
    read = read_published(fitted.to_json(), where="model.json")
    lp = read.linear_predictor(table)
    assert lp == pytest.approx(fitted.linear_predictor(table), abs=1e-12)
    assert read.survival_at(lp, [365, 730]) == pytest.approx(
        fitted.survival_at(lp, [365, 730]), abs=1e-12
    )


def test_a_nomogram_is_read_with_its_arm(nomograms):
    arm, nomogram = next(iter(nomograms.items()))
    read = read_published(nomogram.to_json(), where="nomogram.json")
    assert read.arm is arm
    assert read.columns == nomogram.model.columns


def test_horizons_answer_at_themselves_alone():
    baseline = PublishedBaseline(kind="horizons", times_days=(365, 1095), survival=(0.8, 0.5))
    assert baseline.cumulative_hazard([1095]) == pytest.approx([np.log(2)])
    with pytest.raises(UsageError, match=r"at 730 days: .* at 365, 1095 days alone"):
        baseline.cumulative_hazard([365, 730])


def test_steps_end_with_their_follow_up():
    with pytest.raises(UsageError, match="until day 2990"):
        true_model().survival_at(np.zeros(1), [3100])


TWICE = [one.model_dump() for one in (*PREDICTORS, PREDICTORS[0])]


def text(**changed):
    content = json.loads(true_model().to_json())
    return json.dumps({**content, **changed})


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"coefficients": {"age_years": 1}}, "tumor_diameter_cm"),
        ({"centre": {"bclc": 1}}, "'bclc' is no column"),
        ({"transforms": {"bclc_stage": "log"}}, "'bclc_stage' is no number"),
        ({"schema": "armwise.published_model/2"}, "came 'armwise.published_model/2'"),
        ({"extra": 1}, "extra: expected no such key"),
        ({"predictors": []}, "predictors: expected at least 1, found none"),
        ({"predictors": TWICE}, "'age_years' stands more than once"),
        ({"coefficients": {"age_years": "high"}}, "age_years: expected a number, came 'high'"),
        (
            {"baseline": {"kind": "horizons", "times_days": [1, 2], "survival": [0.5, 0.6]}},
            "never rise",
        ),
        ({"baseline": {"kind": "steps", "times_days": [1, 2], "survival": [0.5]}}, "came 1 and 2"),
        ({"baseline": {"kind": "steps", "times_days": [2, 1], "survival": [0.5, 0.4]}}, "rise"),
    ],
)
def test_a_model_that_cannot_be_meant_is_refused_by_its_key(changed, said):
    with pytest.raises(UsageError, match=said):
        read_published(text(**changed), where="model.json")


def test_no_json_is_a_usage_error():
    with pytest.raises(UsageError, match="as JSON"):
        read_published("name: x", where="model.json")
    with pytest.raises(UsageError, match="expected schema"):
        read_published("[1, 2]", where="model.json")


def test_patients_whom_the_model_does_not_know_are_counted():
    table = draw_patients(60, seed=1)
    table.loc["P0001", "bclc_stage"] = "D"
    table.loc[["P0002", "P0003"], "age_years"] = np.nan
    found = match_patients(true_model(), table, CODEBOOK)
    assert found.left_out == {
        "'age_years' is empty": 2,
        "'bclc_stage' is D, unknown to the model": 1,
    }
    assert found.target.n == len(found.table) == 57


def test_millimetres_of_the_model_are_the_table_s_centimetres():
    table = draw_patients(40, seed=2)
    in_mm = tuple(
        one.model_copy(update={"unit": "mm"}) if one.name == "tumor_diameter_cm" else one
        for one in PREDICTORS
    )
    mm = true_model(
        predictors=in_mm,
        coefficients={**true_model().coefficients, "tumor_diameter_cm": 0.012},
        centre={"age_years": 55.0, "tumor_diameter_cm": 60.0},
    )
    found = match_patients(mm, table, CODEBOOK)
    assert mm.linear_predictor(found.table) == pytest.approx(true_model().linear_predictor(table))
    assert "converted from cm into the model's mm" in found.notes[0]


def with_unit(unit):
    return true_model(
        predictors=tuple(
            one.model_copy(update={"unit": unit}) if one.name == "age_years" else one
            for one in PREDICTORS
        )
    )


def test_a_unit_that_cannot_be_converted_is_refused():
    with pytest.raises(UsageError, match=r"'age_years': the model takes decades, .* years"):
        match_patients(with_unit("decades"), draw_patients(20, seed=1), CODEBOOK)


def test_a_model_without_a_unit_is_taken_as_the_table_s_and_said():
    found = match_patients(with_unit(None), draw_patients(20, seed=1), CODEBOOK)
    assert "the model names no unit, the table years" in found.notes[0]


def test_a_number_is_no_category():
    kinds = (Predictor(name="age_years", label="Age", kind="categorical", levels=("a", "b")),)
    model = true_model(predictors=kinds, coefficients={"age_years=b": 1.0}, centre={})
    with pytest.raises(UsageError, match=r"takes it as categorical, .* continuous"):
        match_patients(model, draw_patients(20, seed=1), CODEBOOK)


def test_a_missing_column_is_named():
    with pytest.raises(CohortRejected, match="bclc_stage"):
        match_patients(true_model(), draw_patients(20, seed=1).drop(columns="bclc_stage"), CODEBOOK)


def test_levels_that_no_patient_has_leave_nobody():
    table = draw_patients(20, seed=1).assign(bclc_stage="D")
    with pytest.raises(CohortRejected, match=r"none of the 20 .* unknown .* 'bclc_stage' A, B, C"):
        match_patients(true_model(), table, CODEBOOK)


def test_the_root_of_0_is_known_and_its_logarithm_is_not():
    table = draw_patients(20, seed=1)
    table.loc[table.index[:3], "age_years"] = 0.0
    for function, n_left_out in (("sqrt", 0), ("log", 3)):
        model = true_model(transforms={"age_years": function})
        assert sum(match_patients(model, table, CODEBOOK).left_out.values()) == n_left_out
