"""A reader of images by itself: slices as in a retraining, and files that cannot be used."""

import json
import shutil

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - the name that its own documentation uses

from components.cohort.dataset import Dataset
from components.networks.bundle import load_network
from components.networks.features import predict
from components.prediction.backbone_card import BackboneCard
from components.prediction.errors import PredictionError
from components.prediction.volumes import BACKBONE_FILE, SIGNATURE_FILE, open_reader, read_volumes
from components.study.vocabulary import DataOrigin
from flows.tasks.crops import crop_rois, load_crops
from tests.serving.test_images import (  # noqa: F401 - fixtures
    IMAGING,
    bundle,
    patient,
    row_of,
    signature_of,
)

pytestmark = pytest.mark.slow


def reader_of(bundle, folder, imaging):  # noqa: F811
    shutil.copytree(bundle, folder)
    card = BackboneCard(study_id="hcc-demo", data_origin=DataOrigin.SYNTHETIC, imaging=imaging)
    (folder / SIGNATURE_FILE).write_text(signature_of("network-1").to_json(), encoding="utf-8")
    (folder / BACKBONE_FILE).write_text(card.to_json(), encoding="utf-8")
    return open_reader(folder)


@pytest.fixture(scope="module")
def reader(bundle, tmp_path_factory):  # noqa: F811
    return reader_of(bundle, tmp_path_factory.mktemp("one") / "reader", IMAGING)


def crops_of_a_retraining(patient, imaging, tmp_path):  # noqa: F811
    """As the flow makes and loads them, beside a patient who has another number of lesions."""
    for name in ("P1", "P2"):
        folder = tmp_path / "data" / "images" / name
        folder.mkdir(parents=True)
        for path in patient.values():
            shutil.copy(path, folder / path.name)
    roi = tmp_path / "data" / "images" / "P2" / "roi.seg.nrrd"
    one = sitk.ReadImage(str(roi))
    i, j, k = (int(n) for n in np.argwhere(sitk.GetArrayFromImage(one))[0][::-1])
    other = one * 0
    other[i, j, k] = 1
    sitk.WriteImage(sitk.Compose(one, other), str(roi), True)
    made = crop_rois.fn(
        "crops",
        "key",
        dataset=Dataset(tmp_path / "data"),
        section=imaging,
        patient_ids=["P1", "P2"],
        file_md5s={f"images/P2/{path.name}": "other" for path in patient.values()},
        folder=tmp_path / "crops",
    )
    assert made["quarantined"] == []
    return load_crops(made, ["P1", "P2"])


@pytest.mark.parametrize(
    ("change", "n_slices"),
    [
        ({"slices": 3, "slice_step_mm": 6.0}, 3),
        ({"slices": 3, "lesions": "all"}, 6),
        ({"crop": "fixed_field", "field_mm": 90.0}, None),
    ],
)
def test_a_served_answer_is_that_of_the_retraining(bundle, patient, tmp_path, change, n_slices):  # noqa: F811
    imaging = IMAGING.model_copy(update=change)
    reader = reader_of(bundle, tmp_path / "reader", imaging)
    crops = crops_of_a_retraining(patient, imaging, tmp_path)
    expected = predict(load_network(bundle).network, crops)

    said = read_volumes(reader, **row_of(patient))

    assert crops.shape[1:] == ((n_slices,) if n_slices else ()) + (3, 32, 32)
    assert said.dl_probability == pytest.approx(expected.probability[0], rel=1e-6)
    assert said.features == pytest.approx(expected.features[0].tolist(), rel=1e-4, abs=1e-6)
    if n_slices:
        alone = predict(reader.network.network, crops[:1, 0]).features[0]
        assert np.abs(alone - expected.features[0]).max() > 1e-4  # not the largest slice's alone


def test_a_model_from_before_there_were_slices_reads_one(bundle, patient, tmp_path, reader):  # noqa: F811
    older = tmp_path / "older"
    reader_of(bundle, older, IMAGING)
    card = json.loads((older / BACKBONE_FILE).read_text(encoding="utf-8"))
    for field in ("slices", "slice_step_mm", "crop", "field_mm", "lesions"):
        del card["imaging"][field]
    (older / BACKBONE_FILE).write_text(json.dumps(card), encoding="utf-8")

    assert read_volumes(open_reader(older), **row_of(patient)) == read_volumes(
        reader, **row_of(patient)
    )


def moved(path, by_mm, folder):
    image = sitk.ReadImage(str(path))
    image.SetOrigin([x + by_mm for x in image.GetOrigin()])
    sitk.WriteImage(image, str(folder / path.name), True)
    return (folder / path.name).read_bytes()


@pytest.mark.parametrize("share", [0.3, 0.99])
@pytest.mark.parametrize("column", ["arterial", "portal_venous", "roi"])
def test_a_file_that_is_cut_off_is_refused_wherever_it_ends(reader, patient, column, share):  # noqa: F811
    whole = row_of(patient)
    cut = whole[column][: int(share * len(whole[column]))]

    with pytest.raises(PredictionError, match=rf"^{column}\..*export it again") as refusal:
        read_volumes(reader, **{**whole, column: cut})

    assert len(str(refusal.value)) < 120  # no room for a file's bytes


def test_both_volumes_are_named_where_both_are_cut_off(reader, patient):  # noqa: F811
    whole = row_of(patient)
    half = {name: whole[name][:-500] for name in ("arterial", "portal_venous")}

    with pytest.raises(PredictionError) as refusal:
        read_volumes(reader, **{**whole, **half})

    assert [fault.split(" ")[0] for fault in refusal.value.faults] == [
        "arterial.nii.gz",
        "portal_venous.nii.gz",
    ]


def test_an_roi_of_another_examination_is_refused(reader, patient, tmp_path):  # noqa: F811
    away = moved(patient["roi"], 900, tmp_path)

    with pytest.raises(PredictionError, match=r"only 0% of the ROI lies inside arterial"):
        read_volumes(reader, **{**row_of(patient), "roi": away})
