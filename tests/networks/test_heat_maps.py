"""Where a network looks: known maps, captum beside the plain formula, shares, randomisation."""

import numpy as np
import pytest
import torch
from torch import nn

from components.networks.backbones import BACKBONES, build_network
from components.networks.gradcam import enlarged, heat_maps, shuffle_weights
from components.networks.heat_examples import Candidates
from components.networks.heat_files import (
    HeatPicture,
    HeatTable,
    read_heat,
    read_pictures,
    write_heat,
    write_pictures,
)
from components.networks.heat_records import RandomisationCheck, Spread, parts_of
from components.networks.heat_share import heat_shares, map_correlations, randomisation_check
from components.networks.network import Network, Outputs
from components.study.vocabulary import RiskLabel, Split, TreatmentArm
from components.survival.target import SurvivalTarget

RNG = np.random.default_rng(5)
CROPS = RNG.normal(size=(2, 3, 96, 96)).astype(np.float32)


class UpperLeft(nn.Module):
    """A trunk that halves the crop twice and is blind outside its upper left quarter.

    With `is_deaf` its map is that quarter whatever the image and the weights are.
    """

    def __init__(self, *, is_deaf: bool = False) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 8, kernel_size=4, stride=4)
        self.is_deaf = is_deaf

    def forward(self, images):
        maps = torch.relu(self.convolution(images)) + 0.1
        seen = torch.zeros(maps.shape[2:])
        seen[: maps.shape[2] // 2, : maps.shape[3] // 2] = torch.linspace(1, 2, maps.shape[3] // 2)
        return torch.ones_like(maps) * seen if self.is_deaf else maps * seen


def network(trunk, *, width=8, outputs=None, seed=0):
    torch.manual_seed(seed)
    made = Network(trunk, width=width, dropout=0.5, outputs=outputs)
    nn.init.uniform_(made.head.weight, 0.1, 1.0)
    return made


def plain(made, crops):
    """Grad-CAM as its two equations say it, by autograd alone."""
    made.eval()
    maps = made.trunk(torch.from_numpy(crops)).detach().requires_grad_()
    logits = made.head(maps.mean(dim=(2, 3))).squeeze(1)
    (gradient,) = torch.autograd.grad(logits.sum(), maps)
    weighted = (gradient.mean(dim=(2, 3), keepdim=True) * maps).sum(dim=1)
    return torch.relu(weighted).detach().numpy()


def test_heat_lies_where_the_network_looks():
    heat = heat_maps(network(UpperLeft()), CROPS)

    assert heat.shape == (2, 24, 24)
    assert heat[:, :12, :12].min() > 0
    assert np.all(heat[:, 12:] == 0)
    assert np.all(heat[:, :, 12:] == 0)


@pytest.mark.parametrize("name", list(BACKBONES))
def test_captum_equals_gradients_times_activations(name, backbone):
    made, _ = build_network(name, dropout=0.3, section=backbone, seed=3)
    nn.init.uniform_(made.head.weight, -0.1, 0.2)
    asked = [weight.requires_grad for weight in made.parameters()]
    heat = heat_maps(made, CROPS)

    assert heat.shape == (2, 3, 3)
    assert heat.dtype == np.float32
    assert heat.max() > 0
    assert np.allclose(heat, plain(made, CROPS), rtol=1e-4, atol=1e-5 * heat.max())
    # Of one linear layer on a mean Grad-CAM is the class activation map (Zhou 2016).
    with torch.inference_mode():
        maps = made.trunk(torch.from_numpy(CROPS)).numpy()
    weights = made.head.weight.detach().numpy()[0]
    cam = np.maximum(np.einsum("k,nkhw->nhw", weights, maps), 0) / 9
    assert np.allclose(heat, cam, rtol=1e-4, atol=1e-5 * heat.max())
    assert np.array_equal(heat, heat_maps(made, CROPS))
    assert not made.training
    assert [weight.requires_grad for weight in made.parameters()] == asked


def test_batches_change_nothing(monkeypatch):
    made = network(UpperLeft())
    whole = heat_maps(made, CROPS)
    monkeypatch.setattr("components.networks.gradcam._BATCH", 1)

    assert np.allclose(heat_maps(made, CROPS), whole, rtol=1e-5)


def test_of_several_slices_the_first_is_explained():
    made = network(UpperLeft())
    slices = np.stack([CROPS, CROPS[::-1]], axis=1)

    assert np.allclose(heat_maps(made, slices), heat_maps(made, CROPS), rtol=1e-5)


@pytest.mark.parametrize("outputs", [Outputs(n=3), Outputs(has_baseline=True)])
def test_other_losses_have_maps_of_the_risk_by_the_horizon(outputs):
    """A higher probability of death, not a higher logit of some interval, is explained."""
    made = network(UpperLeft(), outputs=outputs)
    heat = heat_maps(made, CROPS)

    maps = made.trunk(torch.from_numpy(CROPS)).detach().requires_grad_()
    logits = made.head(maps.mean(dim=(2, 3)))
    risk = made.probability(logits.squeeze(1) if outputs.n == 1 else logits)
    (gradient,) = torch.autograd.grad(risk.sum(), maps)
    expected = torch.relu((gradient.mean(dim=(2, 3), keepdim=True) * maps).sum(dim=1))
    # Of each patient the two maps differ by a factor alone.
    for one, other in zip(heat, expected.detach().numpy(), strict=True):
        assert np.allclose(one / one.max(), other / other.max(), atol=1e-4)


def test_enlarging_keeps_an_even_map_even_and_a_peak_in_its_place():
    assert np.allclose(enlarged(np.ones((1, 3, 3), np.float32), (48, 48)), 1)
    peak = np.zeros((1, 3, 3), np.float32)
    peak[0, 0, 2] = 1
    large = enlarged(peak, (48, 48))[0]
    assert np.unravel_index(large.argmax(), large.shape)[0] < 8
    assert np.unravel_index(large.argmax(), large.shape)[1] >= 40


def centered_roi(n=2, px=32):
    roi = np.zeros((n, px, px), np.float32)
    roi[:, px // 4 : 3 * px // 4, px // 4 : 3 * px // 4] = 1
    return roi


def test_even_heat_has_a_ratio_of_one():
    shares = heat_shares(np.full((2, 4, 4), 0.3, np.float32), centered_roi())

    assert shares.roi_share == pytest.approx([0.25, 0.25])
    assert shares.ratio == pytest.approx([1, 1])


def test_shares_are_those_of_the_enlarged_map():
    heat = RNG.uniform(size=(2, 5, 5)).astype(np.float32)
    roi = RNG.uniform(size=(2, 40, 40)).astype(np.float32)
    shares = heat_shares(heat, roi)

    large = enlarged(heat, (40, 40)).astype(np.float64)
    expected = (large * roi).sum(axis=(1, 2)) / large.sum(axis=(1, 2))
    assert shares.heat_in_roi == pytest.approx(expected, rel=1e-6)
    assert np.all(shares.lowest < shares.ratio)
    assert np.all(shares.ratio < shares.highest)


def test_all_heat_in_one_cell_reaches_the_bound():
    heat = np.zeros((2, 4, 4), np.float32)
    heat[0, 1, 1] = heat[1, 0, 0] = 2
    shares = heat_shares(heat, centered_roi())

    assert shares.ratio[0] == pytest.approx(shares.highest[0])
    assert shares.ratio[1] == pytest.approx(shares.lowest[1])
    assert shares.ratio[0] > 2 > 0.2 > shares.ratio[1]


def test_a_single_cell_can_say_nothing():
    shares = heat_shares(np.ones((2, 1, 1), np.float32), centered_roi())

    assert shares.lowest == pytest.approx([1, 1])
    assert shares.highest == pytest.approx([1, 1])


def test_no_heat_has_no_ratio_and_an_empty_roi_is_refused():
    shares = heat_shares(np.zeros((2, 4, 4), np.float32), centered_roi())

    assert np.all(np.isnan(shares.ratio))
    with pytest.raises(ValueError, match="2 are empty"):
        heat_shares(np.ones((2, 4, 4), np.float32), np.zeros((2, 32, 32), np.float32))


def test_shuffling_keeps_every_tensor_s_numbers_and_draws_by_the_seed():
    def numbers(seed, draw):
        made = network(nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)))
        before = {key: value.clone() for key, value in made.state_dict().items()}
        shuffle_weights(made, seed=seed, draw=draw)
        return before, made.state_dict()

    before, after = numbers(4, 0)
    _, again = numbers(4, 0)
    _, other = numbers(4, 1)
    kernel = "trunk.0.weight"
    assert torch.equal(before[kernel].flatten().sort()[0], after[kernel].flatten().sort()[0])
    assert torch.equal(after[kernel], again[kernel])
    assert not torch.equal(after[kernel], before[kernel])
    assert not torch.equal(after[kernel], other[kernel])


def bright_spots(n=24, px=32, seed=2):
    """Crops with one spot each: channel 0 goes with high risk, channel 1 with low."""
    rng = np.random.default_rng(seed)
    crops = rng.normal(scale=0.3, size=(n, 3, px, px)).astype(np.float32)
    labels = np.arange(n) % 2
    for crop, label in zip(crops, labels, strict=True):
        for channel in range(2):
            row, column = rng.integers(4, px - 8, 2)
            crop[channel, row : row + 4, column : column + 4] += 4 * (channel != label) + 1
    return crops, labels.astype(np.float32)


def trained_toy():
    """A small trunk that has learned which channel's spots matter."""
    torch.manual_seed(1)
    trunk = nn.Sequential(
        nn.Conv2d(3, 16, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Conv2d(16, 16, 3, padding=1),
        nn.ReLU(),
    )
    made = Network(trunk, width=16, dropout=0.0)
    crops, labels = bright_spots()
    images, wanted = torch.from_numpy(crops), torch.from_numpy(labels)
    optimizer = torch.optim.Adam(made.parameters(), lr=0.01)
    for _ in range(40):
        optimizer.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(made(images)[0], wanted)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1
    return made, crops


def test_maps_of_a_trained_network_pass_the_randomisation_check():
    made, crops = trained_toy()
    before = {key: value.clone() for key, value in made.state_dict().items()}
    heat = heat_maps(made, crops)
    check, alike = randomisation_check(made, crops, heat, seed=7, level=0.95)

    assert check.passed
    assert check.correlation.median < 0.5
    assert len(alike) == check.n_patients == 24
    assert len(check.medians) == check.n_draws == 5
    assert all(torch.equal(before[key], value) for key, value in made.state_dict().items())
    assert randomisation_check(made, crops, heat, seed=7, level=0.95)[0] == check
    assert randomisation_check(made, crops, heat, seed=8, level=0.95)[0] != check


def test_maps_that_hang_on_no_weight_do_not_pass():
    made = network(UpperLeft(is_deaf=True))
    check, alike = randomisation_check(made, CROPS, heat_maps(made, CROPS), seed=7, level=0.95)

    assert check.passed is False
    assert check.correlation.median == pytest.approx(1, abs=1e-3)
    assert alike == pytest.approx(1, abs=1e-3)


def test_maps_without_heat_cannot_be_checked():
    flat = np.zeros((2, 24, 24), np.float32)
    check, alike = randomisation_check(network(UpperLeft()), CROPS, flat, seed=7, level=0.95)

    assert check.passed is None
    assert check.n_undefined == 10
    assert check.correlation.median is None
    assert np.all(np.isnan(alike))


def test_correlation_is_spearman_s_and_none_of_an_even_map():
    a = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    b = np.stack([np.exp(a[0]), np.ones((2, 3), np.float32)])

    found = map_correlations(a, b)
    assert found[0] == pytest.approx(1)
    assert np.isnan(found[1])
    assert map_correlations(a[:1], -b[:1])[0] == pytest.approx(-1)


def test_the_interval_of_a_median_covers_it():
    rng = np.random.default_rng(3)
    inside = 0
    for _ in range(400):
        spread = Spread.of(rng.exponential(size=25), level=0.95)
        inside += spread.lower <= np.log(2) <= spread.upper
    # 8th and 18th of 25 values: 95.7% (binomial); 4 Monte-Carlo standard errors are 4 points.
    assert 0.917 < inside / 400 <= 0.997
    known = Spread.of(np.arange(1.0, 26), level=0.95)
    assert (known.lower, known.median, known.upper) == (8, 13, 18)
    assert Spread.of(np.array([np.nan]), level=0.95).median is None


def test_figures_by_arm_and_split_count_patients_without_heat():
    arms = np.array(["hepatectomy"] * 4 + ["tace"] * 3)
    splits = np.array(["train", "train", "train", "test", "train", "train", "train"])
    ratio = np.array([1.0, 2.0, np.nan, 3.0, 1.0, 1.0, 1.0])
    ones = np.ones(7)
    parts = parts_of(arms, splits, ratio, 0.2 * ones, (0.1 * ones, 4 * ones), level=0.95)

    assert [(one.arm, one.split, one.n, one.n_without_heat) for one in parts] == [
        (TreatmentArm.HEPATECTOMY, Split.TRAIN, 3, 1),
        (TreatmentArm.HEPATECTOMY, Split.TEST, 1, 0),
        (TreatmentArm.TACE, Split.TRAIN, 3, 0),
    ]
    assert parts[0].ratio.median == pytest.approx(1.5)
    assert parts[0].metric == "apparent/hepatectomy/dl_probability/heat_in_roi_ratio"
    assert parts[1].metric == "test/hepatectomy/dl_probability/heat_in_roi_ratio"


def test_examples_are_the_extremes_and_the_largest_weighted_error(label):
    target = SurvivalTarget.of(
        np.array([100.0, 1500, 400, 1500, 900, 200]),
        np.array([True, False, True, False, False, True]),
    )
    oof = np.array([0.9, 0.7, 0.2, 0.1, 0.99, np.nan])
    candidates = Candidates.of(oof, target, np.array(["tace"] * 6), label=label)

    # The fifth patient is censored before the horizon: the highest risk, and never wrong.
    assert candidates.labels[4] is RiskLabel.UNKNOWN
    assert candidates.weighted_error[4] == 0
    assert candidates.weighted_error[2] == pytest.approx(0.8)
    # G at the horizon is 2/3 (one of three still followed leaves at day 900): weight 1.5.
    assert candidates.weighted_error[1] == pytest.approx(0.7 * 1.5)
    assert candidates.chosen() == {"highest_risk": 4, "lowest_risk": 3, "most_wrong": 1}
    nobody = Candidates.of(np.full(6, np.nan), target, np.array(["tace"] * 6), label=label)
    assert nobody.chosen() == {}


def test_table_and_pictures_come_back_as_they_were_written(tmp_path):
    numbers = RNG.uniform(size=(6, 2))
    numbers[1, 1] = np.nan
    table = HeatTable(("p1", "p2"), ("tace", "hepatectomy"), ("train", "test"), *numbers)
    reference = write_heat(tmp_path / "heat.parquet", table, network_id="resnet18-0/refit/ab")
    back = read_heat(reference)

    assert back.patient_ids == table.patient_ids
    assert back.arms == table.arms
    assert back.splits == table.splits
    assert np.array_equal(back.ratio, table.ratio)
    assert np.array_equal(back.heat_in_roi, table.heat_in_roi, equal_nan=True)
    picture = HeatPicture(*RNG.uniform(size=(3, 8, 8)).astype(np.float32))
    (same,) = read_pictures(write_pictures(tmp_path / "pictures.npy", [picture]))
    assert np.array_equal(same.heat, picture.heat)
    assert read_pictures(write_pictures(tmp_path / "none.npy", [])) == ()


def test_check_at_the_limit_is_not_passed():
    spread = Spread.of(np.full(5, 0.5), level=0.95)
    check = RandomisationCheck(
        n_patients=5, n_draws=1, n_undefined=0, medians=(0.5,), correlation=spread
    )
    assert check.passed is False
