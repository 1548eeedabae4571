import json

import numpy as np
import pytest
import torch

from components.errors import DataError, IntegrityError
from components.networks.bundle import load_network
from components.networks.configurations import draw_configurations
from components.networks.feature_table import read_features, write_features
from components.networks.features import predict
from components.networks.refit import refit
from components.networks.training import plan_training
from components.networks.training_set import TrainingSet

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def write_bundle(cohort, search, backbone, label):
    def write(folder):
        return refit(
            cohort,
            draw_configurations(search, backbone, 3)[0],
            label=label,
            plan=plan_training(search, backbone, seed=3),
            imaging_hash="0123456789abcdef",
            channels=("arterial", "portal_venous", "arterial_minus_portal_hu"),
            folder=folder,
        )

    return write


@pytest.fixture
def bundle(write_bundle, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle")
    write_bundle(folder)
    return folder


def test_two_refits_are_the_same_network(write_bundle, tmp_path):
    first, second = write_bundle(tmp_path / "a"), write_bundle(tmp_path / "b")

    assert first == second
    assert first.network_id == f"resnet18-0/refit/{first.weights_sha256[:8]}"
    assert (first.width, first.feature_layer, first.crop_px) == (512, "layer4", 32)
    assert (first.epochs, first.initialization) == (2, "random")


def test_a_loaded_network_says_what_the_weights_say(bundle, cohort):
    loaded = load_network(bundle, device=CPU)
    again = load_network(bundle, device=CPU)

    found = predict(loaded.network, cohort.crops)

    assert np.array_equal(found.features, predict(again.network, cohort.crops).features)
    assert found.features.shape == (cohort.target.n, loaded.card.width)
    assert np.all((found.probability > 0) & (found.probability < 1))
    assert found.probability.std() > 0


def test_changed_weights_are_refused(bundle):
    path = bundle / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)

    with pytest.raises(IntegrityError, match="other bytes than were recorded"):
        load_network(bundle)


def test_missing_weights_are_refused(bundle):
    (bundle / "weights.safetensors").unlink()

    with pytest.raises(
        IntegrityError, match=r"expected the file .*weights.safetensors, found none"
    ):
        load_network(bundle)


def test_an_unknown_schema_is_refused(bundle):
    path = bundle / "network.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema": "armwise.network/2"}))

    with pytest.raises(IntegrityError, match=r"schema armwise.network/1; missing or wrong: schema"):
        load_network(bundle)


def test_a_card_of_another_backbone_is_refused(bundle):
    path = bundle / "network.json"
    card = json.loads(path.read_text())
    card["configuration"]["backbone"] = "densenet121"
    path.write_text(json.dumps(card))

    with pytest.raises(IntegrityError, match="expected the weights of a densenet121"):
        load_network(bundle)


def test_a_feature_table_is_read_as_it_was_written(tmp_path):
    import pyarrow.parquet as pq

    features = np.random.default_rng(0).normal(size=(4, 12)).astype(np.float32)
    reference = write_features(
        tmp_path / "features.parquet",
        features,
        patient_ids=["a", "b", "c", "d"],
        roles=["fit", "fit", "held_out", "test"],
        network_id="resnet18-0/fold-1/00000000",
        weights_sha256="0" * 64,
        layer="layer4",
    )

    ids, found = read_features(reference)
    table = pq.read_table(reference.path)

    assert ids == ("a", "b", "c", "d")
    assert np.array_equal(found, features)
    assert table.column_names[:5] == ["patient_id", "role", "network_id", "f0000", "f0001"]
    assert table.schema.metadata[b"layer"] == b"layer4"
    assert table.schema.metadata[b"weights_sha256"] == b"0" * 64


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"arms": np.array(["tace"])}, "expected as many of each, .* 1 arms"),
        ({"fold_of": np.full(48, 2)}, r"expected folds numbered from 0 without a gap"),
    ],
)
def test_a_training_set_that_does_not_fit_together_is_refused(cohort, change, message):
    with pytest.raises(DataError, match=message):
        TrainingSet(**{**vars(cohort), **change})


def test_a_crop_that_is_not_finite_names_its_patient(cohort):
    crops = cohort.crops.copy()
    crops[7, 1, 2, 3] = np.nan

    with pytest.raises(DataError, match="patient p007"):
        TrainingSet(**{**vars(cohort), "crops": crops})
