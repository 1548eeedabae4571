"""The manifest's figures of a patient, from volumes and lesions."""

import pytest

from components.errors import PatientRejected
from components.imaging.ct_files import read_ct
from components.imaging.quality import image_figures
from components.imaging.readers import read_roi
from tests.imaging.conftest import Grid, ball


def figures_of(case):
    volumes = [
        read_ct(path, pseudonym="p1", role="a phase")[0]
        for path in (case.arterial, case.portal_venous)
    ]
    return image_figures("p1", *volumes, [read_roi(case.roi, patient_id="p1")])


def test_figures_are_those_of_the_volumes(write_case):
    case = write_case(inside=ball((3, -2, 4), 6), arterial=Grid(spacing_mm=(1.0, 1.0, 2.0)))

    figures = figures_of(case)

    assert (figures.spacing_x_mm, figures.spacing_y_mm, figures.spacing_z_mm) == (1.0, 1.0, 2.0)
    assert figures.roi_volume_ml == pytest.approx(4 / 3 * 3.14159 * 6**3 / 1000, rel=0.05)
    # The ROI is centered on (3, -2): 80 + 2 * 3 - 2, and portal venous is 30 HU lower.
    assert figures.arterial_mean_hu_in_roi == pytest.approx(84, abs=0.5)
    assert figures.portal_venous_mean_hu_in_roi == pytest.approx(54, abs=0.5)


def test_figures_do_not_hang_on_the_way_that_a_grid_runs(write_case):
    plain = figures_of(write_case(name="plain"))
    turned = figures_of(write_case(name="turned", portal=Grid(direction="flipped")))

    assert turned.portal_venous_mean_hu_in_roi == pytest.approx(
        plain.portal_venous_mean_hu_in_roi, abs=1e-3
    )


def test_one_phase_says_nothing_of_the_other(write_case):
    case = write_case()
    volume, _ = read_ct(case.arterial, pseudonym="p1", role="a phase")
    figures = image_figures("p1", volume, None, [read_roi(case.roi, patient_id="p1")])
    assert figures.arterial_mean_hu_in_roi is not None
    assert figures.portal_venous_mean_hu_in_roi is None


def test_without_any_ct_the_patient_is_refused():
    with pytest.raises(PatientRejected, match="expected a CT with voxels"):
        image_figures("p1", None, None, [])
