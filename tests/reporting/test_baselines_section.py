"""The report's section on the baselines."""

import pytest

from components.arms.arm_patients import arm_patients
from components.arms.baseline_records import Baselines
from components.arms.baselines import arm_baselines
from components.arms.pooled_models import pooled_models
from components.cohort.schema import PREDICTORS
from components.reporting.baseline_tables import (
    baseline_table,
    difference_table,
    pooled_table,
    regression_table,
)
from components.reporting.baselines_section import baselines_section
from components.reporting.blocks import Bullets, Prose, Rows
from components.study.vocabulary import SignatureState, Split, TreatmentArm


@pytest.fixture(scope="module")
def baselines(simulated):
    """The baselines of the simulated study, without imputation and with one penalty."""
    protocol = simulated.protocol
    clinical = protocol.clinical.model_copy(update={"imputation": None, "ridge_penalties": (4.0,)})
    protocol = protocol.model_copy(update={"clinical": clinical})
    patients = [
        arm_patients(
            arm,
            simulated.part(arm, Split.TRAIN),
            simulated.part(arm, Split.TEST),
            protocol=protocol,
            signature=SignatureState.FITTED,
            codebook=PREDICTORS,
        )
        for arm in TreatmentArm
    ]
    section = protocol.evaluation.baselines
    found = tuple(
        arm_baselines(one, section=section, protocol=protocol, codebook=PREDICTORS)
        for one in patients
    )
    return Baselines(arms=found, pooled=pooled_models(patients, protocol))


def prose_of(section):
    return [block.text for block in section.blocks if isinstance(block, Prose)]


def test_the_first_words_are_what_the_nomogram_adds_to_stage(baselines, arms):
    section = baselines_section(baselines, arms)
    first = prose_of(section)[0]
    gain = next(
        one
        for one in baselines.arms[0].models[0].differences
        if (one.model, one.split, one.estimator) == ("combined", "test", "c_harrell")
    )
    assert first.startswith("Hepatectomy, test patients: Harrell's C of the combined model")
    assert f"plus {gain.estimate.value:.3f}" in first
    assert "p " in first


def test_every_pooled_figure_stands_beside_the_arm_alone_and_within_the_arms(baselines, arms):
    shown = pooled_table(baselines.pooled, arms, Split.TEST)
    names = [row[0] for row in shown.rows]
    assert names[0] == "The arm alone"
    assert names[1:5] == [
        "Clinical",
        "\u2013 minus the arm alone",
        "\u2013 within Hepatectomy",
        "\u2013 within TACE",
    ]
    assert shown.marked_rows == {0}


def test_baselines_stand_above_the_models(baselines, arms):
    shown = baseline_table(baselines.arms[0], arms[0], Split.TEST)
    assert [row[0] for row in shown.rows] == ["Stage only", "Clinical", "DLRadiomics", "Combined"]
    assert shown.columns[1] == "Harrell's C"


def test_differences_have_p(baselines):
    shown = difference_table(baselines.arms[0], Split.TEST)
    assert [row[0] for row in shown.rows] == [
        "Clinical \u2212 stage only",
        "Combined \u2212 stage only",
    ]
    assert "; " in shown.rows[0][1]


def test_the_regression_s_table_names_its_penalty(baselines):
    shown = regression_table(baselines.arms[0])
    assert len(shown.rows) == 4
    assert "L2, C = 1" in shown.notes[0]


def test_no_radiomics_and_no_regression_are_said(baselines, arms):
    section = baselines_section(baselines, arms)
    said = [item for one in section.blocks if isinstance(one, Bullets) for item in one.items]
    assert any("No table of hand-crafted radiomics features was given" in one for one in said)
    assert any("TACE: no logistic regression (clinical)" in one for one in said)


def test_where_none_is_asked_for_the_section_says_so(arms):
    section = baselines_section(None, arms)
    assert "evaluation.baselines" in prose_of(section)[0]
    assert not any(isinstance(block, Rows) for block in section.blocks)
