import pytest
import torch

from components.networks.augmentation import augment
from components.study.protocol.backbone import AugmentationSection, BackboneSection

USUAL = AugmentationSection()
STILL = AugmentationSection(
    flip=False, rotation_degrees=0, scale=0, shift=0, gain=0, offset=0, phase_dropout=0
)


def changed(**values):
    return STILL.model_copy(update=values)


def test_all_channels_of_an_image_move_together():
    torch.manual_seed(0)
    one = torch.zeros(8, 1, 32, 32)
    one[:, :, 5:9, 20:26] = 1.0

    moved = augment(one.repeat(1, 3, 1, 1), USUAL)

    # Gain and offset differ between channels, so that positions are compared by correlation.
    flat = moved.flatten(2)
    centered = (flat - flat.mean(2, keepdim=True)) / flat.std(2, keepdim=True)
    assert torch.allclose(centered[:, 0], centered[:, 1], atol=1e-3)
    assert not torch.allclose(moved[:, 0], moved[:, 1], atol=1e-3)


def test_the_seed_decides_and_no_two_images_change_alike():
    images = torch.randn(1, 3, 16, 16).repeat(4, 1, 1, 1)
    torch.manual_seed(7)
    first = augment(images, USUAL)
    torch.manual_seed(7)

    assert torch.equal(first, augment(images, USUAL))
    assert not torch.allclose(first[0], first[1], atol=0.1)


def test_changes_are_small_but_for_flips():
    """The middle of a symmetric image stays where it is, to a tenth of the field."""
    torch.manual_seed(1)
    rows, columns = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    disc = (torch.hypot(rows - 15.5, columns - 15.5) < 6).float().expand(64, 1, 32, 32)

    moved = augment(disc, USUAL)
    mass = (moved - moved.amin(dim=(2, 3), keepdim=True)).clamp(min=0)
    mass = mass / mass.sum(dim=(2, 3), keepdim=True)
    centers = torch.stack([(mass * rows).sum((1, 2, 3)), (mass * columns).sum((1, 2, 3))])

    assert (centers - 15.5).abs().max() < 0.1 * 16 * 1.3
    assert (centers - 15.5).abs().max() > 0.5


def test_flips_alone_are_exact_and_all_four_come():
    torch.manual_seed(2)
    image = torch.randn(1, 3, 8, 8)

    flipped = augment(image.repeat(64, 1, 1, 1), changed(flip=True))

    expected = [torch.flip(image[0], axes) for axes in ((), (1,), (2,), (1, 2))]
    counts = [sum(torch.allclose(found, one, atol=1e-5) for found in flipped) for one in expected]
    assert sum(counts) == 64
    assert min(counts) >= 6


@pytest.mark.parametrize(
    ("field", "value", "low", "high"), [("gain", 0.3, 0.7, 1.3), ("offset", 0.5, 0.5, 1.5)]
)
def test_intensity_stays_within_its_limits_and_reaches_for_them(field, value, low, high):
    torch.manual_seed(3)

    found = augment(torch.ones(200, 3, 4, 4), changed(**{field: value}))

    assert low <= found.min() < low + 0.05 * value
    assert high - 0.05 * value < found.max() <= high
    assert torch.equal(found.amin((2, 3)), found.amax((2, 3)))


def test_turns_go_all_the_way_round():
    torch.manual_seed(4)
    image = torch.zeros(32, 1, 9, 9)
    image[:, :, 0, 4] = 1.0

    turned = augment(image, changed(rotation_degrees=180))

    rows = (turned.sum((1, 3)) * torch.arange(9.0)).sum(1) / turned.sum((1, 2, 3))
    assert rows.min() < 2
    assert rows.max() > 6


@pytest.mark.parametrize("channels", [3, 6])
def test_a_lost_phase_takes_the_difference_with_it_and_never_the_other_phase(channels):
    torch.manual_seed(5)

    found = augment(torch.ones(400, channels, 4, 4), changed(phase_dropout=0.5))

    shown = found.amax((2, 3)).view(400, -1, 3)
    assert torch.equal(shown, shown[:, :1].expand_as(shown))
    arterial, portal, difference = shown[:, 0].bool().T
    assert torch.all(arterial | portal)
    assert torch.equal(difference, arterial & portal)
    # Four standard errors of a share of one half among 400.
    assert (~difference).float().mean() == pytest.approx(0.5, abs=0.1)
    assert (~arterial)[~difference].float().mean() == pytest.approx(0.5, abs=0.15)


def test_nothing_asked_is_nothing_done():
    images = torch.randn(4, 3, 8, 8)

    assert augment(images, STILL) is images


def test_true_and_false_stand_for_the_usual_and_for_none(backbone):
    given = backbone.model_dump() | {"augment": True}
    assert BackboneSection.model_validate(given).augment == USUAL
    assert BackboneSection.model_validate(given | {"augment": False}).augment is None
    assert USUAL.phase_dropout == 0
