"""The contrast of a pair of CT volumes, on phantoms of another maker and on real CT."""

import os
from pathlib import Path

import numpy as np
import pytest

from components.imaging.ct_files import read_ct
from components.imaging.dicom_series import index_dicom, read_series
from components.imaging.phase_check import _Seen, _verdict, measure_phases
from components.imaging.volume import Geometry, Volume
from tests.imaging.abdomen import (
    NO_CONTRAST,
    WIDE,
    Ranges,
    draw_contrast,
    draw_patient,
    scan,
    tumor_points,
    two_phases,
)

SEEDS = range(3)
PHASES = ("arterial", "portal_venous")


@pytest.fixture(scope="module")
def pairs():
    return {seed: (*two_phases(seed), tumor_points(draw_patient(seed))) for seed in SEEDS}


def verdicts(pairs, change):
    return {
        measure_phases(*change(arterial, portal), roi).phase_verdict
        for arterial, portal, roi in pairs.values()
    }


def test_right_pairs_are_right(pairs):
    assert verdicts(pairs, lambda arterial, portal: (arterial, portal)) == {"ok"}


def test_swapped_pairs_are_found(pairs):
    assert verdicts(pairs, lambda arterial, portal: (portal, arterial)) == {"swapped"}


def test_one_volume_filed_twice_is_found(pairs):
    arterial, portal, roi = pairs[0]
    assert measure_phases(arterial, arterial, roi).phase_verdict == "duplicated"
    noise = np.rint(np.random.default_rng(1).normal(0, 3, portal.voxels.shape))
    again = Volume(portal.voxels + noise.astype(np.int16), portal.geometry)
    assert measure_phases(again, portal, roi).phase_verdict == "duplicated"


def test_the_aorta_is_read_where_vertebrae_are_shells_around_dark_marrow():
    patient = draw_patient(29, WIDE)
    assert patient.marrow < 90
    truth = [40 + patient.gain * draw_contrast(patient, phase).aorta for phase in PHASES]
    arterial, portal = two_phases(29, WIDE)
    figures = measure_phases(arterial, portal, tumor_points(patient))
    found = [figures.arterial_aorta_hu, figures.portal_venous_aorta_hu]
    assert found == pytest.approx(truth, rel=0.05)
    assert figures.phase_verdict == "ok"


def test_grids_far_aslant_are_judged_in_the_patients_own_axes():
    arterial, portal = two_phases(4, Ranges(tilt_degrees=40))
    off_axis = [
        np.sort(np.abs(one.geometry.direction), axis=0)[1].max() for one in (arterial, portal)
    ]
    assert max(off_axis) > 0.3
    assert measure_phases(portal, arterial).phase_verdict == "swapped"


@pytest.mark.parametrize(
    ("arterial", "portal", "verdict"),
    [
        ((250, 60), (130, 100), "ok"),
        ((130, 100), (250, 60), "swapped"),
        ((250, 100), (130, 102), "ok"),  # late arterial: the liver is there already
        ((130, 102), (250, 100), "swapped"),
        ((150, 100), (130, 102), "unclear"),  # too little to go by the aorta alone
        ((250, 100), (130, 80), "unclear"),  # the liver says the contrary
        ((250, None), (130, None), "ok"),
        ((250, None), (200, None), "unclear"),
        ((50, 60), (130, 100), "non_contrast"),
        ((None, 60), (None, 100), "not_assessable"),
    ],
)
def test_the_verdict_by_aorta_and_liver(arterial, portal, verdict):
    seen = [_Seen(aorta_hu=aorta, liver_hu=liver) for aorta, liver in (arterial, portal)]
    assert _verdict(*seen, (60.0, 150.0), is_one_volume=False) == verdict


def test_without_contrast_no_phase_is_called_one():
    patient = draw_patient(0)
    first, second = (scan(patient, NO_CONTRAST, scan_seed=seed) for seed in (1, 2))
    figures = measure_phases(first, second, tumor_points(patient))
    assert figures.phase_verdict == "non_contrast"
    assert {figures.arterial_looks, figures.portal_venous_looks} <= {
        "non_contrast",
        "not_assessable",
    }


def test_one_phase_alone_is_looked_at_and_the_pair_not_judged(pairs):
    arterial, _, roi = pairs[0]
    figures = measure_phases(arterial, None, roi)
    assert figures.phase_verdict == "not_assessable"
    assert figures.portal_venous_aorta_hu is None
    assert figures.arterial_looks in {"arterial", "not_assessable"}


def flipped(volume):
    """The same voxels in space, stored from the other side."""
    grid = volume.geometry
    last = np.asarray(grid.size) - 1
    origin = grid.to_physical(last[None].astype(np.float64))[0]
    return Volume(
        np.ascontiguousarray(volume.voxels[::-1, ::-1, ::-1]),
        Geometry(grid.size, grid.spacing_mm, origin, -grid.direction),
    )


def test_the_verdict_does_not_hang_on_the_way_that_a_grid_runs(pairs):
    arterial, portal, roi = pairs[0]
    straight = measure_phases(arterial, portal, roi)
    turned = measure_phases(flipped(arterial), portal, roi)
    assert turned.phase_verdict == straight.phase_verdict
    assert turned.arterial_aorta_hu == pytest.approx(straight.arterial_aorta_hu, abs=5)


def test_a_field_without_spine_and_aorta_is_not_assessable(pairs):
    arterial, portal, _ = pairs[0]

    def excerpt(volume):
        low = np.array([2, 2, 2])
        high = np.minimum(low + 24, np.asarray(volume.geometry.size))
        (i, j, k), (i_end, j_end, k_end) = low, high
        return Volume(volume.voxels[k:k_end, j:j_end, i:i_end], volume.geometry.part(low, high))

    assert measure_phases(excerpt(portal), excerpt(arterial)).phase_verdict == "not_assessable"


def test_air_is_not_assessable():
    grid = Geometry((20, 20, 20), np.full(3, 4.0), np.zeros(3), np.eye(3))
    air = Volume(np.full((20, 20, 20), -1000, np.int16), grid)
    other = Volume(air.voxels + np.int16(3), grid)
    assert measure_phases(air, other).phase_verdict == "not_assessable"


@pytest.fixture(scope="module")
def realdata():
    folder = os.environ.get("ARMWISE_REALDATA")
    if not folder:
        pytest.skip("ARMWISE_REALDATA names no folder of real images")
    return Path(folder)


@pytest.mark.realdata
@pytest.mark.parametrize(
    "name",
    [
        "totalsegmentator_ct/example_ct.nii.gz",
        "totalsegmentator_ct/example_ct_sm.nii.gz",
        "slicer_segnrrd/CTChest4.nrrd",
    ],
)
def test_real_ct_of_no_arterial_phase_is_not_called_arterial(realdata, name):
    volume, _ = read_ct(realdata / name, pseudonym="P1", role="the volume")
    figures = measure_phases(volume, None)
    assert figures.arterial_looks != "arterial"
    assert measure_phases(None, volume).portal_venous_looks != "arterial"


@pytest.mark.realdata
@pytest.mark.parametrize("folder", ["ibsi_ct_phantom/dicom", "dcmqi_seg/ct-3slice"])
def test_real_series_of_no_arterial_phase_are_not_called_arterial(realdata, folder):
    series = max(index_dicom(realdata / folder).series, key=lambda one: one.n_slices)
    volume, _ = read_series(series, pseudonym="P1", role="the volume")
    assert measure_phases(volume, None).arterial_looks != "arterial"
