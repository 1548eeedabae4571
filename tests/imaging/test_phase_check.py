"""The contrast of a pair of CT volumes, on phantoms of another maker and on real CT."""

import os
from pathlib import Path

import numpy as np
import pytest

from components.imaging.ct_files import read_ct
from components.imaging.dicom_series import index_dicom, read_series
from components.imaging.phase_check import measure_phases
from components.imaging.volume import Geometry, Volume
from tests.imaging.abdomen import NO_CONTRAST, draw_patient, scan, tumor_points, two_phases

SEEDS = range(6)


@pytest.fixture(scope="module")
def pairs():
    return {seed: (*two_phases(seed), tumor_points(draw_patient(seed))) for seed in SEEDS}


def verdicts(pairs, change):
    return [
        measure_phases(*change(arterial, portal), roi).phase_verdict
        for arterial, portal, roi in pairs.values()
    ]


def test_right_pairs_are_never_taken_for_swapped_or_duplicated(pairs):
    found = verdicts(pairs, lambda arterial, portal: (arterial, portal))
    assert not {"swapped", "duplicated", "non_contrast"} & set(found)
    assert found.count("ok") >= len(SEEDS) - 1


def test_swapped_pairs_are_found(pairs):
    found = verdicts(pairs, lambda arterial, portal: (portal, arterial))
    assert found.count("swapped") >= len(SEEDS) - 1
    assert "ok" not in found


def test_one_volume_filed_twice_is_found(pairs):
    assert set(verdicts(pairs, lambda arterial, _: (arterial, arterial))) == {"duplicated"}

    def resent(_, portal):
        noise = np.rint(np.random.default_rng(1).normal(0, 3, portal.voxels.shape))
        return Volume(portal.voxels + noise.astype(np.int16), portal.geometry), portal

    found = verdicts(pairs, resent)
    assert "ok" not in found
    assert found.count("duplicated") >= len(SEEDS) - 1


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
