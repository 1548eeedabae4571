"""The step `heat_maps` on a few phantoms and a small network, and what it leaves."""

import hashlib
import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from components.cohort.dataset import Dataset
from components.intake.demo import write_demo
from components.networks.backbones import BACKBONES, build_network
from components.networks.bundle import CARD_FILE, WEIGHTS_FILE
from components.networks.records import (
    BackboneChoice,
    Configuration,
    NetworkCard,
    SearchResult,
    TrialResult,
    TuningPlan,
)
from components.networks.weights import save_network
from components.study.protocol import read_protocol
from components.study.results import ArtifactRef
from components.study.vocabulary import TreatmentArm
from flows.heat_result import read_heat_maps
from flows.settings import PROTOCOLS
from flows.tasks.crops import crop_rois
from flows.tasks.heat_maps import READING, map_heat

N_TRAIN, N_TEST = 12, 4


@pytest.fixture(scope="module")
def protocol():
    smoke = read_protocol(PROTOCOLS / "smoke.yaml")
    return smoke.model_copy(update={"imaging": smoke.imaging.model_copy(update={"crop_px": 96})})


def patients_of(dataset):
    """The first patients of the dataset, with follow-up that tells some labels."""
    clinical = pd.read_parquet(dataset.clinical_path).set_index("patient_id")
    chosen = clinical.groupby("arm").head((N_TRAIN + N_TEST) // 2).sort_index()
    places = np.arange(len(chosen))
    return pd.DataFrame(
        {
            "arm": chosen["arm"].astype(str),
            "split": np.where(places % 4 == 3, "test", "train"),
            "os_days": np.where(places % 3 == 0, 300.0, 1500.0) + places,
            "death": (places % 3 == 0).astype(int),
            "fold": np.where(places % 4 == 3, -1, places % 3),
        },
        index=chosen.index,
    )


def network(folder, backbone):
    """A bundle with random weights."""
    configuration = Configuration(
        backbone="resnet18",
        number=0,
        learning_rate=1e-3,
        weight_decay=1e-2,
        dropout=0.1,
        label_smoothing=0.0,
    )
    section = backbone.model_copy(update={"names": ("resnet18",), "weights": "random"})
    made, _ = build_network("resnet18", dropout=0.1, section=section, seed=2)
    save_network(made, folder / WEIGHTS_FILE)
    digest = ArtifactRef.of(folder / WEIGHTS_FILE).sha256
    card = NetworkCard(
        network_id=f"resnet18-0/refit/{digest[:8]}",
        configuration=configuration,
        feature_layer=BACKBONES["resnet18"].feature_layer,
        width=512,
        crop_px=96,
        channels=("arterial", "portal_venous", "arterial_minus_portal_hu"),
        imaging_hash="0123456789abcdef",
        initialization="random",
        epochs=1,
        seed=2,
        n_patients=N_TRAIN,
        train_loss=None,
        weights_sha256=digest,
    )
    (folder / CARD_FILE).write_text(card.to_json(), encoding="utf-8")
    return configuration, {"network_folder": str(folder)}


def searched(configuration, train):
    """A search whose out-of-fold scores rise along the patients."""
    trial = TrialResult(
        configuration=configuration,
        status="finished",
        epochs_done=1,
        history=(),
        seconds=1.0,
        oof_scores=tuple(np.linspace(0.05, 0.95, len(train))),
        fold_networks=(),
    )
    search = SearchResult(
        trials=(trial,),
        patient_ids=tuple(train),
        fold_of=tuple(int(i) % 3 for i in range(len(train))),
        total_epochs=1,
        tuning=TuningPlan(arms={}, adaptations=()),
        device="cpu",
        mixed_precision=False,
        adaptations=(),
    )
    choice = BackboneChoice(
        backbone="resnet18", configuration=configuration, reason="the only one", rows=()
    )
    return {
        "search": search.model_dump(mode="json", by_alias=True),
        "choice": choice.model_dump(mode="json", by_alias=True),
    }


def phantoms(folder, protocol):
    """Eight synthetic patients of each arm, and the MD5 of each of their files."""
    half = (N_TRAIN + N_TEST) // 2
    write_demo(
        folder,
        seed=1,
        n_by_arm=dict.fromkeys(TreatmentArm, half),
        split=protocol.split.model_copy(update={"test_patients": None}),
        workers=1,
    )
    files = [path for path in folder.rglob("*") if path.is_file()]
    md5s = {
        str(path.relative_to(folder)): hashlib.md5(path.read_bytes()).hexdigest() for path in files
    }
    return {"dataset": Dataset(folder), "file_md5s": md5s}


@pytest.fixture(scope="module")
def done(protocol, tmp_path_factory):
    """The step run twice on the same files; result, readings and folder."""
    home = tmp_path_factory.mktemp("heat")
    shared = phantoms(home / "data", protocol)
    table = patients_of(shared["dataset"])
    table.to_parquet(home / "cohort.parquet")
    crops = crop_rois.fn(
        "crops",
        "key",
        **shared,
        section=protocol.imaging,
        patient_ids=list(table.index),
        folder=home / "crops",
    )
    configuration, refit = network(home, protocol.backbone)
    readings = []

    def run(name):
        return map_heat.fn(
            "heat_maps",
            "key",
            **shared,
            cohort={"table": ArtifactRef.of(home / "cohort.parquet").model_dump()},
            crops=crops,
            search=searched(configuration, table.index[table["split"] == "train"]),
            refit=refit,
            protocol=protocol,
            folder=home / name,
            masks_folder=home / "crops",
            on_test_reading=readings.append,
        )

    return {"results": [run("one"), run("two")], "readings": readings, "home": home, "table": table}


def test_every_patient_has_a_row_in_parquet(done):
    stored = pq.read_table(done["home"] / "one" / "heat_maps.parquet")

    assert stored.num_rows == N_TRAIN + N_TEST
    assert {"patient_id", "arm", "split", "ratio"} <= set(stored.column_names)
    assert set(stored["patient_id"].to_pylist()) == set(done["table"].index)
    ratio = np.array([value or np.nan for value in stored["ratio"].to_pylist()])
    lowest, highest = stored["lowest"].to_numpy(), stored["highest"].to_numpy()
    there = np.isfinite(ratio)
    assert there.any()
    assert np.all((lowest - 1e-6 <= ratio)[there] & (ratio <= highest + 1e-6)[there])
    roi = stored["roi_share"].to_numpy()
    assert np.all((roi > 0.05) & (roi < 0.9))


def test_the_same_data_have_the_same_maps(done):
    first, second = done["results"]

    assert first["maps"] == second["maps"]
    assert first["table"]["sha256"] == second["table"]["sha256"]
    assert first["pictures"]["sha256"] == second["pictures"]["sha256"]
    assert first["roi_masks"] == second["roi_masks"]
    for name in ("heat_in_roi.svg", "randomisation_check.svg", "examples.png"):
        one, two = (done["home"] / folder / name for folder in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()


def test_masks_lie_by_their_content_beside_the_crops(done):
    masks = done["results"][0]["roi_masks"]

    assert set(masks) == set(done["table"].index)
    for one in masks.values():
        path = ArtifactRef.model_validate(one).verified()
        assert path.parent.parent == done["home"] / "crops"
        assert np.load(path).shape == (96, 96)


def test_test_patients_give_images_alone(done):
    """Nothing that the step leaves holds an outcome or a prediction of a test patient."""
    result = done["results"][0]
    assert done["readings"] == [READING, READING]
    assert "test_probability" not in json.dumps(result)
    train = done["table"].query("split == 'train'")
    content = read_heat_maps({"heat_maps": result})
    assert content.maps.check.n_patients == len(train)
    assert {one.oof_probability for one in content.maps.examples} <= set(
        np.linspace(0.05, 0.95, len(train))
    )
    tested = [one for one in content.maps.parts if one.split == "test"]
    assert sum(one.n for one in tested) == N_TEST


def test_the_report_gets_figures_examples_and_metrics(done):
    content = read_heat_maps({"heat_maps": done["results"][0]})

    assert content.maps.cells == (3, 3)
    assert [one.kind for one in content.maps.examples][:2] == ["highest_risk", "lowest_risk"]
    assert content.maps.examples[0].oof_probability == pytest.approx(0.95)
    assert len(content.pictures) == len(content.maps.examples)
    picture = content.pictures[0]
    assert picture.hu.shape == picture.roi.shape == picture.heat.shape
    # The phantoms' livers lie within the liver window.
    assert 0 < np.nanmedian(picture.hu) < 200
    assert 0.05 < picture.roi.mean() < 0.9
    names = content.maps.metrics()
    assert "apparent/tace/dl_probability/heat_in_roi_ratio" in names
    assert "test/hepatectomy/dl_probability/heat_in_roi_ratio" in names
    assert read_heat_maps({}) is None
