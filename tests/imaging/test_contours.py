import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.path import Path as Polygon

from components.imaging.contours import fill_contours
from components.imaging.volume import Geometry

GRID = Geometry((20, 16, 3), np.array([1.0, 1.0, 2.0]), np.zeros(3), np.eye(3))


def contour(points_xy, z=2.0):
    points = np.asarray(points_xy, dtype=float)
    return np.column_stack([points, np.full(len(points), z)])


def square(low, high, z=2.0):
    return contour([(low, low), (high, low), (high, high), (low, high)], z)


CORNER = st.tuples(st.integers(-40, 1940), st.integers(-40, 1540))


@settings(max_examples=40, deadline=None)
@given(st.lists(CORNER, min_size=3, max_size=12, unique=True))
def test_a_polygon_holds_the_centres_that_matplotlib_finds_in_it(corners):
    """Star-shaped, so that all rules of filling agree; on an edge a centre may fall either way."""
    polygon = np.array(corners) / 100
    angle = np.arctan2(*(polygon - polygon.mean(axis=0)).T)
    polygon = polygon[np.argsort(angle, kind="stable")]
    i, j = np.meshgrid(np.arange(20), np.arange(16))
    centers = np.column_stack([i.ravel(), j.ravel()])

    filled = fill_contours([contour(polygon)], GRID)

    clear = _distance(polygon, centers) > 1e-6
    expected = Polygon(polygon).contains_points(centers)
    assert np.array_equal(filled[1].ravel()[clear], expected[clear])
    assert not filled[[0, 2]].any()


def _distance(polygon, points):
    nearest = np.full(len(points), np.inf)
    for a, b in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        along = np.clip((points - a) @ (b - a) / max((b - a) @ (b - a), 1e-12), 0, 1)
        nearest = np.minimum(nearest, np.linalg.norm(points - a - along[:, None] * (b - a), axis=1))
    return nearest


def test_a_contour_inside_another_is_a_hole_and_one_inside_that_an_island():
    filled = fill_contours([square(1.5, 13.5), square(3.5, 11.5), square(6.5, 8.5)], GRID)[1]

    assert filled.sum() == 12 * 12 - 8 * 8 + 2 * 2
    assert filled[7, 7]
    assert not filled[5, 5]


def test_the_area_of_a_circle():
    fine = Geometry((200, 160, 1), np.array([0.1, 0.1, 2.0]), np.zeros(3), np.eye(3))
    angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    circle = contour(np.column_stack([9.013 + 6 * np.cos(angle), 8.027 + 6 * np.sin(angle)]), z=0)

    assert fill_contours([circle], fine).sum() * 0.01 == pytest.approx(np.pi * 36, rel=2e-3)


def test_neighbours_share_no_centre_on_their_common_edge():
    """A centre on an edge belongs to one of the two sides: no voxel twice, none lost."""
    left, right = square(2, 6), square(2, 6) + np.array([4, 0, 0])
    one, two = (fill_contours([part], GRID)[1] for part in (left, right))

    assert one.sum() == two.sum() == 16
    assert not (one & two).any()
    assert np.array_equal(fill_contours([left, right], GRID)[1], one | two)


def test_of_planes_that_fall_to_one_slice_the_nearest_counts():
    large, small = square(1.5, 12.5, z=2.7), square(3.5, 8.5, z=2.1)

    assert fill_contours([large, small], GRID)[1].sum() == 25


def test_contours_that_reach_beyond_the_grid_are_cut():
    reaching = contour([(10.5, 3.5), (19.9, 3.5), (19.9, 7.5), (10.5, 7.5)])
    reaching = np.vstack([reaching, np.repeat(reaching[:1], 30, axis=0)])

    assert fill_contours([reaching], GRID)[1].sum() == 9 * 4


def test_more_points_than_anybody_draws_are_refused(monkeypatch):
    monkeypatch.setattr("components.imaging.contours.MAX_POINTS", 7)

    with pytest.raises(ValueError, match="more than drawn ones ever have"):
        fill_contours([square(1, 3), square(4, 6)], GRID)


def test_a_point_that_is_no_number_is_refused():
    broken = square(1, 3)
    broken[1, 0] = np.nan

    with pytest.raises(ValueError, match="no position"):
        fill_contours([broken], GRID)
