"""Hand-crafted features: the consensus values of IBSI, determinism, names, refusals."""

import csv
import logging
import os
import re
from pathlib import Path

import numpy as np
import pytest

from components.errors import PatientRejected
from components.imaging.radiomics import patient_features, roi_features
from components.imaging.radiomics_grid import RoiVoxels, perturbed, resample_roi
from components.imaging.readers import open_ct, read_roi
from components.study.protocol import RadiomicsSection, StabilitySection
from tests.imaging.conftest import DIRECTIONS, Grid, ball

ALL_FAMILIES = (
    "morphology", "local_intensity", "statistics", "intensity_histogram",
    "intensity_volume_histogram", "glcm", "glrlm", "glszm", "gldzm", "ngtdm", "ngldm",
)  # fmt: skip

# The digital phantom of the IBSI reference manual, slice by slice, in voxels of 2 mm. What lies
# outside the ROI is not given here: only peak intensities, left out, depend on it.
PHANTOM = np.array(
    [
        [[1, 4, 4, 1, 1], [1, 4, 6, 1, 1], [4, 1, 6, 4, 1], [4, 4, 6, 4, 1]],
        [[1, 4, 4, 1, 1], [1, 1, 6, 1, 1], [1, 1, 3, 1, 1], [4, 4, 6, 1, 1]],
        [[1, 4, 4, 1, 1], [1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [1, 1, 6, 1, 1]],
        [[1, 4, 4, 1, 1], [1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [1, 1, 6, 1, 1]],
    ],
    dtype=np.float64,
)
OUTSIDE = [(1, 2, 0), (2, 0, 3), (2, 0, 4), (2, 2, 2), (3, 0, 3), (3, 0, 4)]


def section(**changes):
    settings = {
        "resampling_mm": 2.0, "bin_width_hu": 25.0, "hu_range": (-100.0, 400.0),
        "families": ALL_FAMILIES, "minimum_voxels": 50, "stability": None, "harmonise_by": None,
    } | changes  # fmt: skip
    return RadiomicsSection(**settings)


def consensus(name):
    """Value and tolerance by feature: IBSI reference manual, doi:10.1148/radiol.2020191145."""
    with (Path(__file__).parent / "ibsi" / f"{name}.csv").open(encoding="utf-8") as lines:
        return {
            row["feature"]: (float(row["value"]), float(row["tolerance"]))
            for row in csv.DictReader(lines)
        }


def bare(name):
    """A feature's name without the settings that it was computed with."""
    return re.sub(r"(_d1(_a0\.0)?)?(_3d(_v_mrg)?)?(_fbs_w[\d.]+)?$", "", name)


def departures(found, expected):
    """Features that are not what IBSI says, within its tolerance and its three digits."""
    found = {bare(name): value for name, value in found.items()}
    wrong = {}
    for name, (value, tolerance) in expected.items():
        printed = 0.5 * 10 ** (np.floor(np.log10(abs(value))) - 2) if value else 5e-4
        if not abs(found[name] - value) <= tolerance + printed * (1 + 1e-6):
            wrong[name] = (found[name], value)
    return wrong


def ibsi_phantom():
    inside = np.ones(PHANTOM.shape, dtype=bool)
    for voxel in OUTSIDE:
        inside[voxel] = False
    return RoiVoxels(PHANTOM, inside, 2.0)


def test_the_digital_phantom_has_the_consensus_values_of_ibsi():
    families = (*ALL_FAMILIES, "spatial_autocorrelation")
    # Bins of one grey level from 1: the phantom is discretised already.
    found = roi_features(
        ibsi_phantom(), section(bin_width_hu=1.0, hu_range=(1.0, 6.0), families=families)
    )
    expected = consensus("digital_phantom")
    assert len(expected) > 160
    assert departures(found, expected) == {}


@pytest.mark.realdata
def test_the_ct_phantom_has_the_consensus_values_of_ibsi():
    """Configuration C: 2 mm, trilinear, rounded HU, -1000 to 400 HU, bins of 25 HU."""
    if "ARMWISE_REALDATA" not in os.environ:
        pytest.skip("ARMWISE_REALDATA names no folder of real data")
    folder = Path(os.environ["ARMWISE_REALDATA"]) / "ibsi_ct_phantom" / "nifti"
    ct = open_ct(next((folder / "image").glob("*.nii.gz")), patient_id="P1")
    roi = read_roi(next((folder / "mask").glob("*.nii.gz")), patient_id="P1")
    found = roi_features(resample_roi(ct, roi, spacing_mm=2.0), section(hu_range=(-1000.0, 400.0)))
    assert departures(found, consensus("ct_phantom_config_c")) == {}


def small(**changes):
    """For the ball of 6 mm in a ramp of 3 HU a mm that `write_case` writes."""
    families = ("morphology", "statistics", "local_intensity", "glcm")
    return section(resampling_mm=1.0, bin_width_hu=5.0, families=families, **changes)


def test_features_are_named_by_phase_and_the_shape_belongs_to_both(write_case):
    (found,) = patient_features("P1", *write_case(shift_hu=30).paths, small())
    assert {name.split("_")[0] for name in found} == {"arterial", "portal", "roi"}
    assert found["arterial_stat_mean"] - found["portal_venous_stat_mean"] == pytest.approx(30)
    assert found["arterial_stat_var"] == pytest.approx(found["portal_venous_stat_var"])
    assert found["roi_morph_volume"] == pytest.approx(4 / 3 * np.pi * 6**3, rel=0.1)
    assert "portal_venous_morph_com" in found
    assert not any("morph_moran" in name for name in found)


@pytest.mark.parametrize("which", ["arterial", "roi"])
def test_features_do_not_hang_on_the_way_that_a_grid_runs(write_case, which):
    turned = next(name for name in DIRECTIONS if name != "plain")
    (plain,) = patient_features("P1", *write_case(name="a").paths, small())
    case = write_case(name="b", **{which: Grid(direction=turned)})
    (found,) = patient_features("P1", *case.paths, small())
    assert found == pytest.approx(plain, rel=1e-6, nan_ok=True)


def test_the_same_images_give_the_same_numbers_without_a_word(write_case, capfd, tmp_path):
    case = write_case()
    before, handlers = set(tmp_path.rglob("*")), list(logging.getLogger().handlers)
    whole = section(resampling_mm=1.0, bin_width_hu=5.0)
    first, second = (patient_features("P1", *case.paths, whole) for _ in range(2))
    np.testing.assert_equal(first, second)
    assert capfd.readouterr() == ("", "")
    assert set(tmp_path.rglob("*")) == before
    assert logging.getLogger().handlers == handlers


def test_another_reader_draws_a_little_differently_and_as_the_seed_says(write_case):
    stability = StabilitySection(
        patients=5, perturbations=2, minimum_icc=0.75,
        shift_mm=1.0, volume_change=0.2, contour_mm=1.0,
    )  # fmt: skip
    case, seeds = write_case(), [np.random.SeedSequence(n) for n in (1, 2)]
    first, second = patient_features("P1", *case.paths, small(), stability=stability, seeds=seeds)
    again = patient_features("P1", *case.paths, small(), stability=stability, seeds=seeds[:1])
    assert again == [first]
    (drawn,) = patient_features("P1", *case.paths, small())
    for other in (first, second):
        assert other["roi_morph_volume"] != drawn["roi_morph_volume"]
        assert other["roi_morph_volume"] == pytest.approx(drawn["roi_morph_volume"], rel=0.25)


def test_a_perturbed_roi_keeps_its_place_and_size_within_what_is_asked():
    inside = np.zeros((24, 24, 24), dtype=bool)
    inside[8:16, 8:16, 8:16] = True
    voxels = RoiVoxels(np.zeros(inside.shape), inside, 2.0)
    still = StabilitySection(
        patients=5, perturbations=2, minimum_icc=0.5, shift_mm=0, volume_change=0, contour_mm=0
    )
    np.testing.assert_array_equal(perturbed(voxels, still, np.random.default_rng(0)).inside, inside)
    moved = still.model_copy(update={"shift_mm": 4.0, "volume_change": 0.1, "contour_mm": 1.0})
    for seed in range(10):
        found = perturbed(voxels, moved, np.random.default_rng(seed)).inside
        assert abs(found.sum() / inside.sum() - 1) <= 0.1 + 1e-9
        assert (found & inside).sum() > 0.3 * inside.sum()
        assert not np.array_equal(found, inside)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"minimum_voxels": 5000}, "expected at least 5000 voxels of the ROI at 1 mm"),
        ({"hu_range": (300.0, 400.0)}, r"radiomics.minimum_voxels\), came 0"),
        ({"bin_width_hu": 500.0, "hu_range": (-250.0, 400.0)}, "have one grey level of 500 HU"),
    ],
)
def test_a_patient_whose_roi_has_no_texture_is_named_with_the_reason(write_case, changes, said):
    settings = small().model_copy(update=changes)
    with pytest.raises(PatientRejected, match=f"patient P1: arterial.nii.gz: .*{said}"):
        patient_features("P1", *write_case().paths, settings)


def test_an_roi_that_vanishes_between_large_voxels_is_refused(write_case):
    case = write_case(inside=ball((3, -2, 4), 0.6))
    with pytest.raises(PatientRejected, match=r"no voxel of the ROI is left in .* at 10 mm"):
        patient_features("P1", *case.paths, section(resampling_mm=10.0))


def test_an_roi_of_another_examination_is_refused(write_case):
    case = write_case(portal=Grid(low_mm=(100, 100, 100), high_mm=(130, 130, 130)))
    with pytest.raises(PatientRejected, match="only 0% of the ROI lies inside"):
        patient_features("P1", *case.paths, small())
