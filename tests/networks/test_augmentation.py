import torch

from components.networks.augmentation import augment


def test_all_channels_of_an_image_move_together():
    torch.manual_seed(0)
    one = torch.zeros(8, 1, 32, 32)
    one[:, :, 5:9, 20:26] = 1.0

    moved = augment(one.repeat(1, 3, 1, 1))

    # Gain and offset differ between channels, so that positions are compared by correlation.
    flat = moved.flatten(2)
    centered = (flat - flat.mean(2, keepdim=True)) / flat.std(2, keepdim=True)
    assert torch.allclose(centered[:, 0], centered[:, 1], atol=1e-3)
    assert not torch.allclose(moved[:, 0], moved[:, 1], atol=1e-3)


def test_the_seed_decides_and_no_two_images_change_alike():
    images = torch.randn(1, 3, 16, 16).repeat(4, 1, 1, 1)
    torch.manual_seed(7)
    first = augment(images)
    torch.manual_seed(7)

    assert torch.equal(first, augment(images))
    assert not torch.allclose(first[0], first[1], atol=0.1)


def test_changes_are_small_but_for_flips():
    """The middle of a symmetric image stays where it is, to a tenth of the field."""
    torch.manual_seed(1)
    rows, columns = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    disc = (torch.hypot(rows - 15.5, columns - 15.5) < 6).float().expand(64, 1, 32, 32)

    moved = augment(disc)
    mass = (moved - moved.amin(dim=(2, 3), keepdim=True)).clamp(min=0)
    mass = mass / mass.sum(dim=(2, 3), keepdim=True)
    centers = torch.stack([(mass * rows).sum((1, 2, 3)), (mass * columns).sum((1, 2, 3))])

    assert (centers - 15.5).abs().max() < 0.1 * 16 * 1.3
    assert (centers - 15.5).abs().max() > 0.5
