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
    assert len(left) == 57
    assert flow.stages[-1].counts == {"hepatectomy": 39, "tace": 18}


def test_a_rule_without_its_column_is_not_assessable_never_passed(clinical):
    clinical["other_malignancy"] = None
    _, flow = assess(clinical)
    assert flow.not_assessable == (
        "no other malignancy",
        "no anti-tumor treatment before",
        "adequate image quality",
    )
    assert "no other malignancy" not in [stage.name for stage in flow.stages]


def test_an_unknown_cell_does_not_exclude(clinical):
    clinical.loc["P-002", "hcc_confirmed"] = None
    left, _ = assess(clinical)
    assert "P-002" in left.index


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


def test_who_cannot_be_analysed_is_excluded_first(clinical):
    clinical.loc["P-006", "arm"] = None
    clinical.loc["P-007", "os_days"] = float("nan")
    left, flow = assess(clinical)
    assert not {"P-006", "P-007"} & set(left.index)
    assert {entry.rule for entry in flow.excluded} == {"treatment arm and follow-up known"}
