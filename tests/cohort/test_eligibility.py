import pandas as pd
import pytest

from components.cohort.eligibility import assess_eligibility
from components.study.protocol import EligibilitySection
from components.study.results import Quarantined
from components.study.vocabulary import TreatmentArm

RULES = EligibilitySection(
    minimum_age_years=18,
    maximum_days_ct_before_treatment=31,
    require_complete_clinical_data=False,
)


def assess(table, quarantined=(), section=RULES):
    return assess_eligibility(
        table,
        quarantined,
        section=section,
        arms=tuple(TreatmentArm),
        predictors=("bclc_stage", "albumin_g_per_l"),
    )


def test_each_patient_keeps_the_first_rule_that_it_broke(clinical):
    clinical.loc["P-001", "hcc_confirmed"] = False
    clinical.loc["P-001", "age_years"] = 12.0
    clinical.loc["P-045", "age_years"] = 17.9
    clinical.loc["P-046", "days_ct_to_treatment"] = 32.0
    left, flow = assess(clinical)
    assert {entry.patient_id: entry.rule for entry in flow.excluded} == {
        "P-001": "HCC confirmed",
        "P-045": "age 18 years or above",
        "P-046": "CT at most 31 days before treatment",
    }
    costs = {stage.name: arms for stage, arms, _ in flow.steps}
    assert costs["HCC confirmed"] == {"hepatectomy": 1, "tace": 0}
    assert costs["age 18 years or above"] == {"hepatectomy": 0, "tace": 1}
    assert len(left) == 57
    assert flow.stages[-1].counts == {"hepatectomy": 39, "tace": 18}


def test_a_rule_without_its_column_is_not_assessable_never_passed(clinical):
    clinical["other_malignancy"] = None
    _, flow = assess(clinical)
    assert flow.not_assessable == (
        "treated in the enrolment window",
        "no other malignancy",
        "no anti-tumor treatment before",
        "adequate image quality",
    )
    assert "no other malignancy" not in [stage.name for stage in flow.stages]


def test_an_unknown_cell_does_not_exclude(clinical):
    clinical.loc["P-002", "hcc_confirmed"] = None
    left, _ = assess(clinical)
    assert "P-002" in left.index


def test_who_a_rule_could_not_judge_is_counted(clinical):
    clinical.loc[["P-002", "P-003"], "hcc_confirmed"] = None
    clinical.loc["P-004", "age_years"] = float("nan")
    left, flow = assess(clinical)
    assert len(left) == 60
    assert flow.not_assessed == {"HCC confirmed": 2, "age 18 years or above": 1}


def test_who_was_treated_outside_the_enrolment_window_is_excluded(clinical):
    clinical["in_enrolment_window"] = pd.array([True] * 60, dtype="boolean")
    clinical.loc["P-008", "in_enrolment_window"] = False
    clinical.loc["P-008", "hcc_confirmed"] = False
    _, flow = assess(clinical)
    assert [(one.patient_id, one.rule) for one in flow.excluded] == [
        ("P-008", "treated in the enrolment window")
    ]


def test_a_minimum_follow_up_is_asked_of_the_calendar_never_of_the_observed_time(clinical):
    clinical["days_to_data_cut"] = 2000.0
    clinical.loc["P-009", "days_to_data_cut"] = 364.0
    clinical.loc["P-010", ["os_days", "death"]] = [3.0, 1]
    section = RULES.model_copy(update={"minimum_days_to_data_cut": 365})
    left, flow = assess(clinical, section=section)
    assert [one.patient_id for one in flow.excluded] == ["P-009"]
    assert "P-010" in left.index
    _, without = assess(clinical.drop(columns="days_to_data_cut"), section=section)
    assert "treated at least 365 days before the data cut" in without.not_assessable


def test_the_flow_adds_up_with_patients_of_no_arm_and_rows_that_stand_twice(clinical):
    clinical.loc[["P-006", "P-050"], "arm"] = [None, "ablation"]
    table = pd.concat([clinical, clinical.loc[["P-011"]]])
    held = (Quarantined(patient_id="P-011", reason="more than once", found_by="gate"),)
    left, flow = assess(table, held)
    assert flow.stages[0].total == 60
    assert flow.stages[0].of_no_arm == 2
    assert flow.stages[-1].total == len(left) == 60 - 1 - len(flow.excluded)
    for before, after in zip(flow.stages, flow.stages[1:], strict=False):
        lost = [one for one in flow.excluded if one.rule == after.name]
        if after.name != "passed the validation gate":
            assert before.total - after.total == len(lost)


def test_quarantined_patients_are_counted_apart(clinical):
    held = (Quarantined(patient_id="P-003", reason="negative time", found_by="gate"),)
    left, flow = assess(clinical, held)
    assert "P-003" not in left.index
    assert [sum(stage.counts.values()) for stage in flow.stages[:2]] == [60, 59]


@pytest.mark.parametrize(("complete", "n"), [(True, 59), (False, 60)])
def test_incomplete_patients_leave_only_where_the_protocol_says_so(clinical, complete, n):
    clinical.loc["P-004", "bclc_stage"] = None
    section = RULES.model_copy(update={"require_complete_clinical_data": complete})
    left, _ = assess(clinical, section=section)
    assert len(left) == n


def test_who_cannot_be_analysed_is_excluded(clinical):
    clinical.loc["P-006", ["arm", "hcc_confirmed"]] = [None, False]
    clinical.loc["P-007", "os_days"] = float("nan")
    clinical.loc["P-012", ["os_days", "hcc_confirmed"]] = [float("nan"), False]
    left, flow = assess(clinical)
    assert not {"P-006", "P-007", "P-012"} & set(left.index)
    assert {entry.patient_id: entry.rule for entry in flow.excluded} == {
        "P-006": "first treatment hepatectomy or TACE",
        "P-007": "follow-up known",
        "P-012": "HCC confirmed",
    }


def test_patients_without_features_leave_last(clinical):
    left, flow = assess_eligibility(
        clinical,
        (),
        section=RULES,
        arms=tuple(TreatmentArm),
        predictors=(),
        with_features=frozenset(clinical.index[:58]),
    )
    assert len(left) == 58
    assert flow.stages[-1].name == "features known"
