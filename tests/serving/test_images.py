"""Models that read images: a network of random weights, phantoms as patients."""

import hashlib
import shutil
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest

from components.errors import IntegrityError
from components.imaging.crop import crop_patient
from components.intake.phantom import PhantomPatient, draw_phantom
from components.intake.phantom_files import write_phantom
from components.intake.phantom_lesion import Signs
from components.networks.backbones import build_network
from components.networks.bundle import load_network
from components.networks.features import predict
from components.networks.records import Configuration, NetworkCard
from components.networks.weights import save_network
from components.platform.registry import registering
from components.prediction.recommender import recommend
from components.prediction.volumes import open_reader
from components.serving.mlflow_model import InputRefused
from components.signature.signature import Signature
from components.study.protocol import BackboneSection, ImagingSection
from components.study.vocabulary import TreatmentArm

pytestmark = pytest.mark.slow

ROW = {"bclc_stage": "B", "tumor_diameter_cm": 7.3}
IMAGING = ImagingSection(
    crop_px=32,
    margin_mm=10,
    window_center_hu=80,
    window_width_hu=300,
    difference_window_hu=120,
    workers=1,
)
TRAINING = BackboneSection(
    names=("resnet18",),
    weights="random",
    batch_size=2,
    warmup_epochs=0,
    mixed_precision=False,
    augment=False,
    selection="best",
)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A bundle as the refit writes it."""
    folder = tmp_path_factory.mktemp("network")
    network, weights = build_network("resnet18", dropout=0.0, section=TRAINING, seed=1)
    save_network(network, folder / "weights.safetensors")
    card = NetworkCard(
        network_id="network-1",
        configuration=Configuration(
            backbone="resnet18",
            number=0,
            learning_rate=1e-3,
            weight_decay=1e-3,
            dropout=0.0,
            label_smoothing=0.0,
        ),
        feature_layer="layer4",
        width=512,
        crop_px=IMAGING.crop_px,
        channels=("arterial", "portal_venous", "difference"),
        imaging_hash="0" * 16,
        initialization=weights,
        epochs=0,
        seed=1,
        n_patients=0,
        train_loss=None,
        weights_sha256=hashlib.sha256((folder / "weights.safetensors").read_bytes()).hexdigest(),
    )
    (folder / "network.json").write_text(card.to_json(), encoding="utf-8")
    return folder


def signature_of(network_id: str) -> Signature:
    return Signature(
        network_id=network_id,
        feature_indices=(3, 100),
        feature_means=(0.5, 0.5),
        feature_sds=(1.0, 2.0),
        coefficients=(0.7, -0.3),
        score_mean=0.0,
        score_sd=1.0,
        lambda_=0.1,
        path=None,
        n_features_in=512,
        n_after_correlation=400,
        n_after_screen=400,
        n=286,
        n_events=160,
    )


@pytest.fixture(scope="module")
def patient(tmp_path_factory):
    """A phantom's files by column."""
    folder = tmp_path_factory.mktemp("patient")
    signs = Signs(rim=0, washout=1, necrosis=0, texture=0, capsule=0, satellites=0)
    phantom = draw_phantom(
        PhantomPatient(diameter_mm=35, location="left", is_cirrhotic=False, signs=signs),
        rng=np.random.default_rng(7),
    )
    paths = {
        "arterial": folder / "arterial.nii.gz",
        "portal_venous": folder / "portal_venous.nii.gz",
        "roi": folder / "roi.seg.nrrd",
    }
    write_phantom(phantom, **paths)
    return paths


@pytest.fixture(scope="module")
def models(registered, bundle, nomograms, lineage, tmp_path_factory):
    """A backbone and a recommender that holds it, registered and loaded."""
    tracking, _, _ = registered
    run_id = tracking.study_run("with images", name="study", tags={})
    home = tmp_path_factory.mktemp("home")
    with registering(tracking, home=home, run_id=run_id, lineage=lineage) as registration:
        backbone = registration.backbone(
            bundle,
            signature_json=signature_of("network-1").to_json(),
            imaging=IMAGING,
            card="# Backbone",
        )
        pairs = {arm: (registration.nomogram(n, card="#"), n) for arm, n in nomograms.items()}
        recommender = registration.recommender(pairs, backbone=backbone, card="# Both")
    return backbone, recommender


def row_of(patient):
    return {column: path.read_bytes() for column, path in patient.items()}


def expected_reading(bundle, patient):
    crop = crop_patient("P1", **patient, section=IMAGING)
    said = predict(load_network(bundle).network, crop[None])
    signature = signature_of("network-1").apply(said.features.astype(np.float64))
    return float(said.probability[0]), float(signature[0]), said.features[0].tolist()


def test_the_backbone_says_what_network_and_signature_say(models, bundle, patient):
    backbone, _ = models
    probability, signature, features = expected_reading(bundle, patient)

    (said,) = mlflow.pyfunc.load_model(backbone.model_uri).predict(pd.DataFrame([row_of(patient)]))

    assert said["dl_probability"] == pytest.approx(probability)
    assert said["dl_signature"] == pytest.approx(signature)
    assert said["features"] == pytest.approx(features)
    assert (said["network_id"], said["feature_layer"]) == ("network-1", "layer4")
    assert said["notice"].startswith("data_origin: synthetic")


def test_the_recommender_reads_the_images_in_place_of_the_signature(
    models, bundle, patient, nomograms
):
    _, recommender = models
    _, signature, _ = expected_reading(bundle, patient)

    (said,) = mlflow.pyfunc.load_model(recommender.model_uri).predict(
        pd.DataFrame([{**ROW, **row_of(patient)}])
    )

    expected = recommend(nomograms, {**ROW, "dl_signature": signature})
    assert said["dl_signature"] == pytest.approx(signature)
    assert said["arms"]["tace"]["total_points"] == pytest.approx(
        expected.arms[TreatmentArm.TACE].total_points
    )


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"roi": None}, "column 'roi' is missing"),
        ({"arterial": b"no image"}, "arterial"),
        ({"portal_venous": b"\x1f\x8b\x08half"}, "portal_venous.nii.gz is cut off or damaged"),
        ({"dl_signature": 0.5}, "expected either images or 'dl_signature', came both"),
    ],
)
def test_images_that_cannot_be_used_are_named(models, patient, change, fault):
    _, recommender = models
    model = mlflow.pyfunc.load_model(recommender.model_uri)

    with pytest.raises(InputRefused, match=fault):
        model.predict(pd.DataFrame([{**ROW, **row_of(patient), **change}]))


def test_a_recommender_whose_copy_was_changed_does_not_load(models, tmp_path):
    _, recommender = models
    folder = Path(mlflow.artifacts.download_artifacts(recommender.model_uri, dst_path=tmp_path))
    copy = folder / "artifacts" / "content" / "tace" / "nomogram.json"
    copy.write_text(copy.read_text().replace('"total_points_range":[0', '"total_points_range":[1'))

    with pytest.raises(IntegrityError, match="armwise-nomogram-tace version 2 in this"):
        mlflow.pyfunc.load_model(str(folder))


def test_a_signature_of_another_network_is_refused(registered, bundle, lineage, tmp_path):
    tracking, _, _ = registered
    run_id = tracking.study_run("mismatch", name="study", tags={})

    def mismatch():
        with registering(tracking, home=tmp_path, run_id=run_id, lineage=lineage) as registration:
            registration.backbone(
                bundle,
                signature_json=signature_of("network-2").to_json(),
                imaging=IMAGING,
                card="#",
            )

    with pytest.raises(IntegrityError, match="belongs to network network-2"):
        mismatch()


def test_damaged_weights_are_refused(bundle, tmp_path):
    shutil.copytree(bundle, tmp_path / "copy")
    with (tmp_path / "copy" / "weights.safetensors").open("ab") as weights:
        weights.write(b"x")

    with pytest.raises(IntegrityError, match="other bytes"):
        open_reader(tmp_path / "copy")
