"""Several slices of a patient: drawn one by one to learn from, pooled to predict, never parted."""

import numpy as np
import pytest
import torch

from components.errors import DataError
from components.networks.backbones import build_network
from components.networks.crops import Crops
from components.networks.device import training_thread
from components.networks.features import predict, predict_rows
from components.networks.labels import Lesson
from components.networks.records import Configuration
from components.networks.training import plan_training, start_learner, train_epoch
from components.networks.training_set import TrainingSet
from tests.networks.conftest import draw_cohort

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def network(backbone):
    found, _ = build_network("resnet18", dropout=0.0, section=backbone, seed=3)
    return found.to(memory_format=torch.channels_last)


@pytest.fixture(scope="module")
def slices():
    """Five patients of three slices; of the last patient all show the same, of the fourth two."""
    crops = np.random.default_rng(4).normal(size=(5, 3, 3, 32, 32)).astype(np.float32)
    crops[3, 2] = crops[3, 1]
    crops[4, 1:] = crops[4, 0]
    return crops


def test_one_slice_is_what_crops_without_slices_are(network, slices):
    flat, nested = (predict(network, crops) for crops in (slices[:, 0], slices[:, :1]))

    assert np.array_equal(flat.probability, nested.probability)
    assert np.array_equal(flat.features, nested.features)
    before = torch.get_rng_state()
    for crops in (slices[:, 0], slices[:, :1]):
        drawn = Crops(crops, CPU).draw(np.array([2, 0]))
        assert np.array_equal(drawn.numpy(), slices[[2, 0], 0])
    assert torch.equal(torch.get_rng_state(), before)  # as training of one slice always was


def test_a_patients_prediction_is_the_mean_over_its_distinct_slices(network, slices):
    said = predict(network, slices)

    alone = [predict(network, slices[:, number]) for number in range(3)]
    probability = np.stack([one.probability for one in alone])
    features = np.stack([one.features for one in alone])
    assert said.probability[:3] == pytest.approx(probability[:, :3].mean(axis=0), rel=1e-5)
    assert said.features[:3] == pytest.approx(features[:, :3].mean(axis=0), rel=1e-3, abs=1e-5)
    assert said.probability[3] == pytest.approx(probability[:2, 3].mean(), rel=1e-5)
    assert said.probability[4] == pytest.approx(probability[0, 4], rel=1e-5)
    # Not what the mean of the logits would give: the curve between is no line.
    logits = np.log(probability / (1 - probability))[:, :3].mean(axis=0)
    assert np.abs(1 / (1 + np.exp(-logits)) - said.probability[:3]).max() > 1e-7


def test_rows_are_answered_in_their_order_each_from_its_own_slices(network, slices):
    everyone = predict(network, slices).probability
    rows = np.array([4, 0, 3])

    asked = predict_rows(network, Crops(slices, CPU), rows, mixed_precision=False).probability

    assert asked == pytest.approx(everyone[rows], rel=1e-5)


def test_a_batch_holds_each_patient_once_and_every_distinct_slice_is_drawn_as_often(slices):
    crops = Crops(slices, CPU)
    rows = np.arange(5)
    torch.manual_seed(8)
    n = 1200

    seen = np.zeros((5, 3), dtype=int)
    for _ in range(n):
        images = crops.draw(rows).numpy()
        for row in rows:
            equal = [np.array_equal(images[row], slices[row, number]) for number in range(3)]
            assert any(equal)
            seen[row, equal.index(True)] += 1

    # 4 SDs of a count of 1,200 draws with probability one third are 65.
    assert np.all(np.abs(seen[:3] - n / 3) < 65)
    assert np.all(np.abs(seen[3, :2] - n / 2) < 70)
    assert seen[3, 2] == 0
    assert seen[4].tolist() == [n, 0, 0]


def test_slices_that_share_a_line_of_pixels_are_still_two(slices):
    crops = slices.copy()
    crops[0, 1] = crops[0, 0]
    crops[0, 1, 0, 0, 0] += 1

    places, numbers = Crops(crops, CPU).distinct(np.array([0, 4]))

    assert places.tolist() == [0, 0, 0, 1]
    assert numbers.tolist() == [0, 1, 2, 0]


def test_heat_maps_and_views_get_the_slice_where_the_roi_is_largest(slices):
    assert np.array_equal(Crops(slices, CPU).take(np.array([3, 1])).numpy(), slices[[3, 1], 0])


def with_crops(crops):
    cohort = draw_cohort(6)
    return TrainingSet(cohort.patient_ids, crops, cohort.target, cohort.arms, cohort.fold_of)


def test_a_slice_that_is_not_finite_names_its_patient_and_itself():
    crops = np.zeros((6, 3, 3, 32, 32), dtype=np.float32)
    crops[4, 1, 2, 0, 0] = np.nan

    with pytest.raises(DataError, match=r"patient p004: the crop \(slice 2 of 3\) holds values"):
        with_crops(crops)


@pytest.mark.parametrize("shape", [(6, 32, 32), (6, 1, 32, 32), (6, 3, 32, 32, 3)])
def test_crops_of_another_shape_are_refused(shape):
    with pytest.raises(DataError, match=r"expected crops of 3 channels.*came 6 x"):
        with_crops(np.zeros(shape, dtype=np.float32))


def test_training_draws_slices_by_the_seed(search, backbone, slices):
    plan = plan_training(search, backbone, seed=11)
    configuration = Configuration(
        backbone="resnet18",
        number=0,
        learning_rate=2e-3,
        weight_decay=1e-3,
        dropout=0.2,
        label_smoothing=0.05,
    )
    lesson = Lesson(np.arange(3), np.array([0.0, 1.0, 0.0]), np.ones(3), np.array(["tace"] * 3))

    def loss(crops):
        with training_thread(1):
            learner = start_learner("drawn", configuration, lesson, plan=plan)
            return train_epoch(learner, configuration, Crops(crops, CPU), plan=plan)

    drawn = loss(slices)

    torch.manual_seed(5)
    assert loss(slices) == drawn
    assert loss(slices[:, :1]) != drawn
