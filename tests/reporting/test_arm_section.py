"""What the report says of the models beyond their figures."""

from dataclasses import replace

import pytest

from components.arms.records import UnexpectedSign
from components.reporting.arm_section import arms_section
from components.reporting.blocks import Bullets, Folded, Picture, Prose, Rows
from components.study.vocabulary import ModelKind


def texts(section):
    return [block.text for block in section.blocks if isinstance(block, Prose)]


@pytest.fixture
def with_arm(content):
    """The report with its first arm changed."""

    def change(**update):
        first = content.arms[0].model_copy(update=update)
        return arms_section(replace(content, arms=(first, *content.arms[1:])))

    return change


def test_what_acting_would_be_is_left_to_the_reader(content):
    section = arms_section(content)
    said = [text for text in texts(section) if "decision curve" in text]
    assert len(said) == len(content.arms)
    assert all("The study names no decision" in text for text in said)
    pictures = [block for block in section.blocks if isinstance(block, Picture)]
    assert sum("net benefit by threshold" in one.caption for one in pictures) == len(content.arms)
    folded = [block for block in section.blocks if isinstance(block, Folded)]
    assert any("net benefit" in one.summary for one in folded)


def test_without_thresholds_nothing_is_said_of_decisions(with_arm, content):
    said = [text for text in texts(with_arm(decision_curves=())) if "decision curve" in text]
    assert len(said) == len(content.arms) - 1


def test_a_coefficient_against_what_is_known_is_named(with_arm):
    sign = UnexpectedSign(
        kind=ModelKind.CLINICAL,
        label="BCLC stage",
        column="bclc_stage=B",
        coefficient=-0.21,
        expected="raises",
    )
    section = with_arm(unexpected_signs=(sign,))
    warnings = [b for b in section.blocks if isinstance(b, Prose) and b.tone == "warning"]
    assert any("against what is known" in one.text for one in warnings)
    listed = [item for b in section.blocks if isinstance(b, Bullets) for item in b.items]
    assert listed == [
        "Clinical model, BCLC stage: B: a coefficient of \u22120.21, where it is known that it "
        "raises the hazard of death."
    ]


def test_each_arm_has_its_test_of_proportional_hazards(content):
    tables = [block.table for block in arms_section(content).blocks if isinstance(block, Rows)]
    captions = [one.caption for one in tables if "proportional" in one.caption]
    assert captions == [f"{arm.arm.label}: are the hazards proportional?" for arm in content.arms]
