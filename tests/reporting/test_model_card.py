from dataclasses import replace

import pytest

from components.networks.records import NetworkCard
from components.reporting.model_card import (
    Lineage,
    backbone_card,
    nomogram_card,
    recommender_card,
)
from components.study.vocabulary import DataOrigin, SignatureState, TreatmentArm


@pytest.fixture
def lineage(content) -> Lineage:
    return Lineage(
        study_id=content.protocol.study.study_id,
        study_title=content.protocol.study.title,
        data=content.data,
        protocol_hash=content.protocol.hash(),
        git_commit=content.provenance.git_commit,
        package_version="0.1.0",
        mlflow_run_id="0123456789abcdef",
        report=content.protocol.report,
    )


@pytest.mark.parametrize("position", [0, 1])
def test_nomogram_card_tells_use_inputs_performance_and_lineage(content, lineage, position):
    models = content.arms[position]
    nomogram = content.nomograms[models.arm]
    card = nomogram_card(nomogram, models, lineage)
    for heading in ("Intended use", "Performance", "Limits", "Ethics", "Lineage"):
        assert f"## {heading}" in card
    for axis in nomogram.axes:
        assert f"`{axis.predictor.name}`" in card
    for reason in nomogram.not_estimable.values():
        assert reason in card
    assert content.data.md5 in card
    assert lineage.protocol_hash in card
    assert f"{models.arm.label}" in card


def test_synthetic_origin_is_said_and_real_is_not(content, lineage):
    models = content.arms[0]
    nomogram = content.nomograms[models.arm]
    real = lineage.data.model_copy(update={"origin": DataOrigin.REAL})
    assert "Synthetic data" in nomogram_card(nomogram, models, lineage)
    assert "> **Synthetic data" not in nomogram_card(nomogram, models, replace(lineage, data=real))


def test_backbone_card_puts_the_arm_alone_beside_the_pooled_auc(content, lineage):
    network = NetworkCard(
        network_id="resnet18-0-refit",
        configuration=content.choice.configuration,
        feature_layer="avgpool",
        width=512,
        crop_px=64,
        channels=("arterial", "portal_venous", "difference"),
        imaging_hash="0" * 16,
        initialization="random",
        epochs=6,
        seed=1,
        n_patients=286,
        train_loss=0.6,
        weights_sha256="a" * 64,
    )
    card = backbone_card(network, content.choice.rows[0], lineage)
    assert "| AUC of the arm alone |" in card
    assert "a" * 64 in card


def test_recommender_card_pins_versions_and_gives_the_reasons(content, lineage):
    versions = dict.fromkeys(TreatmentArm, "3")
    card = recommender_card(
        versions, content.decision, lineage, backbone_version=None, signature=SignatureState.NULL
    )
    assert "TACE nomogram version 3" in card
    assert "no backbone" in card
    assert all(reason in card for reason in content.decision.reasons)
    assert "not assessed yet" in card
