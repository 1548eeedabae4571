import numpy as np
import pytest

from components.imaging.resampling import sample
from components.imaging.volume import Geometry, Volume


@pytest.fixture
def tilted():
    angle = np.radians(20)
    cosine, sine = np.cos(angle), np.sin(angle)
    direction = np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]])
    return Geometry((5, 6, 7), np.array([0.7, 0.8, 3.0]), np.array([10.0, -4.0, 2.0]), direction)


def test_index_and_position_are_each_others_inverse(tilted):
    index = np.random.default_rng(0).uniform(0, 5, (20, 3))

    assert np.allclose(tilted.to_index(tilted.to_physical(index)), index)


def test_a_part_lies_where_it_lay(tilted):
    part = tilted.part(np.array([1, 2, 3]), np.array([4, 5, 6]))

    assert part.size == (3, 3, 3)
    assert np.allclose(
        part.to_physical(np.zeros((1, 3))), tilted.to_physical(np.array([[1, 2, 3]]))
    )


def test_axial_slices_of_a_coronal_acquisition_lie_across_its_second_axis():
    direction = np.array([[1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]])
    coronal = Geometry((4, 4, 4), np.ones(3), np.zeros(3), direction)

    assert coronal.axial_axis == 1
    to_left, to_back = coronal.in_plane_axes()
    assert np.allclose(to_left, [1, 0, 0])
    assert np.allclose(to_back, [0, 1, 0])


def test_samples_are_linear_inside_and_nan_outside():
    geometry = Geometry((4, 3, 2), np.array([2.0, 1.0, 1.0]), np.zeros(3), np.eye(3))
    k, j, i = np.meshgrid(np.arange(2), np.arange(3), np.arange(4), indexing="ij")
    volume = Volume((10 * i + j + 100 * k).astype(np.int16), geometry)
    points = np.array([[3.0, 0.5, 0.25], [6.9, 0, 0], [7.1, 0, 0], [0, 0, -0.6]])

    values = sample(volume, points)

    assert values[:2] == pytest.approx([15 + 0.5 + 25, 30])
    assert np.isnan(values[2:]).all()
