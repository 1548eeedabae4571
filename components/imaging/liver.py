"""HU of the liver in both phases: the largest even tissue right of the spine, or around an ROI."""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from components.imaging.body import BoolArray, keep_largest
from components.imaging.coarse import CoarseArray, CoarsePhases
from components.imaging.spine import Spine

_TISSUE_HU = (5.0, 220.0)
_WIDTH_HU = 18.0
"""How far parenchyma lies from its mode, once averaged over some voxels."""
_BIN_HU = 6.0
_WALL_MM = 15.0
_LEAST_LIVER_ML = 150.0
_LEAST_AROUND_ROI_ML = 15.0


def find_liver(
    phases: CoarsePhases, body: BoolArray, spine: Spine, *, tumor: BoolArray
) -> BoolArray | None:
    """Voxels (k, j, i) that are liver in each phase; None where there are less than 150 ml.

    A large tumor would pass for the liver, and does in the portal venous phase what a liver does
    in none: it washes out. Where it is known it is left out.
    """
    before = spine.before_mm(body.shape[1]) > 0.0
    right = spine.left_mm(body.shape[2]) < 0.0
    inner = ndimage.binary_erosion(
        body, _in_plane(), iterations=round(_WALL_MM / phases.spacing_mm)
    )
    region = inner & before[:, :, None] & right[:, None, :] & ~tumor
    return _even_tissue(phases, region, least_ml=_LEAST_LIVER_ML)


def liver_around(phases: CoarsePhases, roi: BoolArray) -> BoolArray | None:
    """Voxels (k, j, i) of even tissue from 4 to 30 mm around an ROI; None where there are few.

    An excerpt shows no spine, but what lies around a tumour of the liver is liver.
    """
    if not roi.any():
        return None
    outside_mm = ndimage.distance_transform_edt(~roi, sampling=phases.spacing_mm)
    region = (outside_mm > 4.0) & (outside_mm < 30.0)
    return _even_tissue(phases, region, least_ml=_LEAST_AROUND_ROI_ML)


def _even_tissue(phases: CoarsePhases, region: BoolArray, *, least_ml: float) -> BoolArray | None:
    """The largest piece of a region whose HU is, in each phase, that of most of its tissue."""
    smooth = [ndimage.gaussian_filter(np.nan_to_num(hu, nan=-1024.0), 1.0) for hu in phases.known]
    tissue = region.copy()
    for hu in smooth:
        tissue &= (hu > _TISSUE_HU[0]) & (hu < _TISSUE_HU[1])
    if not tissue.any():
        return None
    for hu, mode in zip(smooth, _mode([hu[tissue] for hu in smooth]), strict=True):
        tissue &= np.abs(hu - mode) < _WIDTH_HU
    largest = keep_largest(ndimage.binary_erosion(tissue))
    is_enough = largest.sum() * phases.spacing_mm**3 / 1000.0 >= 0.5 * least_ml
    return largest if is_enough else None


def _mode(values: Sequence[CoarseArray]) -> list[float]:
    """The most frequent HU, together in all phases, of the voxels (n,) of each phase."""
    edges = np.arange(_TISSUE_HU[0], _TISSUE_HU[1] + _BIN_HU, _BIN_HU)
    counts, _ = np.histogramdd(np.stack(values, axis=1), bins=[edges] * len(values))
    peak = np.unravel_index(int(ndimage.gaussian_filter(counts, 1.0).argmax()), counts.shape)
    return [float(edges[at] + 0.5 * _BIN_HU) for at in peak]


def _in_plane() -> BoolArray:
    return ndimage.generate_binary_structure(2, 1)[None]
