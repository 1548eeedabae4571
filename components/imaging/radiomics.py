"""Hand-crafted radiomics features of an ROI in both phases, by MIRP.

The features are those that the Image Biomarker Standardisation Initiative defines (Zwanenburg et
al. 2020, doi:10.1148/radiol.2020191145), in three dimensions, texture matrices merged over
directions; their names are MIRP's (Zwanenburg et al. 2024, doi:10.21105/joss.06413).

Moran's I and Geary's C, where asked for, are MIRP's means over samples of 100 voxels, drawn by a
hash of the image: the same image, the same number.

MIRP's own entry point sets the root logger to print every step and reads whole volumes. Its image,
mask and features are used directly instead, on arrays that this package has resampled.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mirp._features.base_feature import Feature
from mirp._features.feature_generator import generate_features
from mirp._images.ct_image import CTImage
from mirp._masks.base_mask import BaseMask
from mirp.settings.feature_parameters import FeatureExtractionSettingsClass

from components.errors import PatientRejected
from components.imaging.crop import require_inside
from components.imaging.radiomics_grid import RoiVoxels, perturbed, resample_roi
from components.imaging.readers import open_ct, read_roi
from components.study.protocol.radiomics import RadiomicsSection, StabilitySection
from components.study.vocabulary import Phase

_SPATIAL = ("morph_moran_i", "morph_geary_c")
_BY_INTENSITY = ("morph_com", "morph_integ_int", *_SPATIAL)
"""The morphological features that depend on HU; the others are the ROI's own."""

_MIRP_FAMILY = {
    "morphology": "morphology",
    "spatial_autocorrelation": "morphology",
    "local_intensity": "local_intensity",
    "statistics": "statistics",
    "intensity_histogram": "intensity_histogram",
    "intensity_volume_histogram": "intensity_volume_histogram",
    "glcm": "glcm",
    "glrlm": "glrlm",
    "glszm": "glszm",
    "gldzm": "gldzm",
    "ngtdm": "ngtdm",
    "ngldm": "ngldm",
}

Features = dict[str, float]


def patient_features(
    patient_id: str,
    arterial: Path,
    portal_venous: Path,
    roi: Path,
    section: RadiomicsSection,
    *,
    stability: StabilitySection | None = None,
    seeds: Sequence[np.random.SeedSequence] = (),
) -> list[Features]:
    """The patient's features by name; with `seeds`, of as many perturbed ROIs.

    Names begin with the phase, or with `roi` for the shape, which both phases share. A feature that
    is undefined in this ROI is NaN.

    Args:
        patient_id: The pseudonym, for messages.
        arterial: The CT of the arterial phase.
        portal_venous: The CT of the portal venous phase.
        roi: The ROI, the same in both phases.
        section: The protocol's section `radiomics`.
        stability: How much an ROI is perturbed.
        seeds: One a perturbed ROI; none asks for the ROI as it was drawn.

    Raises:
        PatientRejected: A file is missing or unreadable, the ROI lies outside a phase, too few of
            its voxels are left, or all of them have one grey level.
    """
    mask = read_roi(roi, patient_id=patient_id)
    points = mask.geometry.to_physical(np.argwhere(mask.voxels)[:, ::-1].astype(np.float64))
    found: list[Features] = [{} for _ in range(max(len(seeds), 1))]
    for phase, path in zip(Phase, (arterial, portal_venous), strict=True):
        volume = open_ct(path, patient_id=patient_id)
        require_inside(volume, points)
        drawn = resample_roi(volume, mask, spacing_mm=section.resampling_mm)
        rois = [drawn]
        if stability is not None and seeds:
            rois = [perturbed(drawn, stability, np.random.default_rng(seed)) for seed in seeds]
        for each, voxels in zip(found, rois, strict=True):
            _require_grey_levels(patient_id, path, voxels, section)
            with_shape = phase is Phase.ARTERIAL
            each |= _named(roi_features(voxels, section, with_shape=with_shape), phase)
    return found


def roi_features(
    voxels: RoiVoxels, section: RadiomicsSection, *, with_shape: bool = True
) -> Features:
    """The features of an ROI by MIRP's names; NaN where a feature is undefined in it."""
    size = {
        "image_spacing": (voxels.spacing_mm,) * 3,
        "image_origin": (0.0, 0.0, 0.0),
        "image_orientation": np.eye(3),
        "image_dimensions": voxels.hu.shape,
        "separate_slices": False,
    }
    low, high = section.hu_range
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # of features that are undefined: they come out as NaN
        image = CTImage(image_data=voxels.hu, **size)
        mask = BaseMask("roi", image_data=voxels.inside, **size)
        mask.resegmentise_mask(image, ["range"], (low, high))
        features = _features(section, with_shape=with_shape)
        _compute(features, image, mask)
    return {feature.table_name: float(feature.value) for feature in features}


def _features(section: RadiomicsSection, *, with_shape: bool) -> list[Feature]:
    settings = FeatureExtractionSettingsClass(
        base_feature_families=sorted({_MIRP_FAMILY[name] for name in section.families}),
        base_discretisation_method="fixed_bin_size",
        base_discretisation_bin_width=section.bin_width_hu,
    )
    features = []
    for feature in generate_features(settings=settings):
        feature.create_table_name()
        name = feature.table_name
        asked = with_shape or not _is_shape(name)
        if name.startswith("morph_"):
            family = "spatial_autocorrelation" if name in _SPATIAL else "morphology"
            asked = asked and family in section.families
        # What has no code of IBSI's is MIRP's own.
        if asked and feature.ibsi_id:
            features.append(feature)
    return features


def _compute(features: Sequence[Feature], image: CTImage, mask: BaseMask) -> None:
    """As MIRP's workflow does: what features share is kept until the next kind begins."""
    previous = None
    for feature in features:
        feature.compute(image=image, mask=mask)
        if previous is not None:
            previous.clear_local_cache(other=feature)
        previous = feature
    for feature in features:
        feature.clear_cache()


def _named(features: Features, phase: Phase) -> Features:
    return {
        f"{'roi' if _is_shape(name) else phase.value}_{name}": value
        for name, value in features.items()
    }


def _is_shape(name: str) -> bool:
    """Whether a feature is the ROI's own, whatever the HU in it."""
    return name.startswith("morph_") and name not in _BY_INTENSITY


def _require_grey_levels(
    patient_id: str, path: Path, voxels: RoiVoxels, section: RadiomicsSection
) -> None:
    low, high = section.hu_range
    hu = voxels.hu[voxels.inside]
    hu = hu[(hu >= low) & (hu <= high)]
    at = f"at {section.resampling_mm:g} mm within {low:g} to {high:g} HU"
    if hu.size < section.minimum_voxels:
        reason = (
            f"{path.name}: expected at least {section.minimum_voxels} voxels of the ROI {at} "
            f"(radiomics.minimum_voxels), came {hu.size}"
        )
        raise PatientRejected(patient_id, reason)
    if np.unique(np.floor((hu - low) / section.bin_width_hu)).size < 2:
        reason = (
            f"{path.name}: all voxels of the ROI {at} have one grey level of "
            f"{section.bin_width_hu:g} HU: it has no texture; check the ROI"
        )
        raise PatientRejected(patient_id, reason)
