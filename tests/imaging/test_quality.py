import pytest

from components.errors import PatientRejected
from components.imaging.quality import inspect
from tests.imaging.conftest import Grid, ball


def test_figures_are_those_of_the_volumes(write_case):
    case = write_case(inside=ball((3, -2, 4), 6), arterial=Grid(spacing_mm=(1.0, 1.0, 2.0)))

    figures = inspect("p1", *case.paths)

    assert (figures.spacing_x_mm, figures.spacing_y_mm, figures.spacing_z_mm) == (1.0, 1.0, 2.0)
    assert figures.roi_volume_ml == pytest.approx(figures.roi_voxels * 2 / 1000)
    assert figures.roi_volume_ml == pytest.approx(4 / 3 * 3.14159 * 6**3 / 1000, rel=0.05)
    # The ROI is centered on (3, -2): 80 + 2 * 3 - 2, and portal venous is 30 HU lower.
    assert figures.arterial_mean_hu_in_roi == pytest.approx(84, abs=0.5)
    assert figures.portal_venous_mean_hu_in_roi == pytest.approx(54, abs=0.5)


def test_figures_do_not_hang_on_the_way_that_a_grid_runs(write_case):
    plain = inspect("p1", *write_case(name="plain").paths)
    turned = inspect("p1", *write_case(name="turned", portal=Grid(direction="flipped")).paths)

    assert turned.portal_venous_mean_hu_in_roi == pytest.approx(
        plain.portal_venous_mean_hu_in_roi, abs=1e-6
    )


def test_an_roi_that_leaves_the_volume_is_refused(write_case):
    with pytest.raises(PatientRejected, match="check that ROI and CT are of the same examination"):
        inspect("p1", *write_case(portal=Grid(high_mm=(20, 20, 3))).paths)
