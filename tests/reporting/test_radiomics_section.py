"""Radiomics beside the backbones, as a reader sees it."""

import pytest

from components.arms.radiomics_records import (
    FeatureStability,
    NetworkMinusRadiomics,
    RadiomicsLabel,
)
from components.reporting.radiomics_section import radiomics_section
from components.study.results import Estimate
from components.study.vocabulary import TreatmentArm
from components.survival.time_roc import RocCurve


def estimate(value, **more):
    return Estimate(
        value=value, lower=value - 0.1, upper=value + 0.1, n=120, n_events=60, method="x", **more
    )


@pytest.fixture
def label():
    half = estimate(0.62, horizon_days=1095)
    return RadiomicsLabel(
        n=120,
        n_features=87,
        penalties=(0.01, 0.1),
        scores={},
        tuning_target=half,
        arm_targets={TreatmentArm.TACE: half},
        within_arm_auc={TreatmentArm.HEPATECTOMY: half, TreatmentArm.TACE: half},
        pooled_auc=half,
        arm_only_auc=half,
        cutoff=0.4,
        accuracy=estimate(0.71),
        sensitivity=estimate(0.66),
        specificity=estimate(0.73),
        roc=RocCurve(
            horizon_days=1095,
            false_positive_rate=(0.0, 1.0),
            true_positive_rate=(0.0, 1.0),
            thresholds=(1.0, 0.0),
        ),
        differences=(
            NetworkMinusRadiomics(
                backbone="resnet18",
                group="pooled",
                estimate=estimate(0.043, horizon_days=1095),
                p_value=0.21,
            ),
        ),
    )


class Row:
    backbone = "resnet18"
    within_arm_auc = dict.fromkeys(TreatmentArm, estimate(0.65))
    pooled_auc = accuracy = sensitivity = specificity = estimate(0.7)


class Choice:
    backbone = "resnet18"
    rows = (Row,)


def test_the_difference_comes_first_and_says_whom_it_flatters(label):
    section = radiomics_section(label, Choice, None)
    first = section.blocks[0].text
    assert "resnet18 minus hand-crafted radiomics, out of fold in the same 120 patients" in first
    assert "0.043" in first
    assert "flatters the backbone" in first
    assert "No feature was left out for instability" in section.blocks[-1].items[-1]


def test_unstable_features_are_named(label):
    stability = FeatureStability(
        n_patients=20,
        perturbations=4,
        minimum_icc=0.75,
        icc={},
        unstable=tuple(f"f{n}" for n in range(14)),
    )
    said = radiomics_section(label, Choice, stability).blocks[-1].items[-1]
    assert said.startswith("14 features with an ICC(1, 1) below 0.75 over 4 perturbed ROIs")
    assert said.endswith("f11 and 2 more.")


def test_a_backbone_that_could_not_be_compared_is_said(label):
    alone = label.model_copy(update={"differences": ()})
    section = radiomics_section(alone, Choice, None)
    assert "could not be compared in the same patients" in section.blocks[0].text
