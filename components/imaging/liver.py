"""HU of the liver in both phases: the largest even tissue right of the spine, or around an ROI."""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from components.imaging.body import BoolArray, keep_largest
from components.imaging.coarse import CoarseArray, CoarsePhases
from components.imaging.roi import occupied
from components.imaging.spine import Spine

_TISSUE_HU = (5.0, 220.0)
_WIDTH_HU = 18.0
"""How far parenchyma lies from its mode, once averaged over some voxels."""
_BIN_HU = 6.0
_WALL_MM = 15.0
_PSOAS_MM = 65.0
_BESIDE_TUMOR_MM = 25.0
_KINDS = 3
_LEAST_LIVER_ML = 30.0
_LEAST_AROUND_ROI_ML = 8.0
"""Of what is left once the outermost layers have been taken off."""


def find_liver(
    phases: CoarsePhases, body: BoolArray, spine: Spine, *, tumor: BoolArray
) -> BoolArray | None:
    """Voxels (k, j, i) that are liver in each phase; None where there are few.

    A large tumor would pass for the liver, and does in the portal venous phase what a liver does
    in none: it washes out. Where it is known it is left out, and the tissue beside it is liver.
    """
    before, right = spine.before_mm(body.shape[1]), -spine.left_mm(body.shape[2])
    inner = ndimage.binary_erosion(
        body, _in_plane(), iterations=round(_WALL_MM / phases.spacing_mm)
    )
    # Psoas and crura stand beside the vertebrae, the liver in front of them or farther right.
    in_front = (before > spine.depth_mm[:, None])[:, :, None] & (right > 0.0)[:, None, :]
    aside = (before > 0.0)[:, :, None] & (right > _PSOAS_MM)[:, None, :]
    region = inner & (in_front | aside) & ~tumor
    near = _box_around(tumor, round(_BESIDE_TUMOR_MM / phases.spacing_mm))
    return _even_tissue(phases, region, near=near, inside_mm=9.0, least_ml=_LEAST_LIVER_ML)


def liver_around(phases: CoarsePhases, roi: BoolArray) -> BoolArray | None:
    """Voxels (k, j, i) of even tissue from 4 to 30 mm around an ROI; None where there are few.

    An excerpt shows no spine, but what lies around a tumour of the liver is liver.
    """
    if not roi.any():
        return None
    outside_mm = ndimage.distance_transform_edt(~roi, sampling=phases.spacing_mm)
    region = (outside_mm > 4.0) & (outside_mm < 30.0)
    near = (slice(None),) * 3
    return _even_tissue(phases, region, near=near, inside_mm=3.0, least_ml=_LEAST_AROUND_ROI_ML)


def _even_tissue(
    phases: CoarsePhases,
    region: BoolArray,
    *,
    near: tuple[slice, ...],
    inside_mm: float,
    least_ml: float,
) -> BoolArray | None:
    """The largest compact piece of a region whose HU are alike in each phase.

    Muscle has the HU of a liver and can be more of it, but lies in layers: of the region's most
    frequent kinds of tissue the one is taken of which most lies inside its surface, and, where it
    is any, in the box `near`.
    """
    smooth = [ndimage.gaussian_filter(np.nan_to_num(hu, nan=-1024.0), 1.0) for hu in phases.known]
    tissue = region.copy()
    for hu in smooth:
        tissue &= (hu > _TISSUE_HU[0]) & (hu < _TISSUE_HU[1])
    if not tissue.any():
        return None
    pieces = []
    for modes in _modes([hu[tissue] for hu in smooth]):
        alike = tissue.copy()
        for hu, mode in zip(smooth, modes, strict=True):
            alike &= np.abs(hu - mode) < _WIDTH_HU
        layers = max(1, round(inside_mm / phases.spacing_mm))
        pieces.append(keep_largest(ndimage.binary_erosion(alike, iterations=layers)))
    sizes = [(np.count_nonzero(piece[near]), np.count_nonzero(piece)) for piece in pieces]
    largest = pieces[sizes.index(max(sizes))]
    is_enough = np.count_nonzero(largest) * phases.spacing_mm**3 / 1000.0 >= least_ml
    return largest if is_enough else None


def _box_around(mask: BoolArray, margin: int) -> tuple[slice, ...]:
    """The box of a mask and a margin of voxels; everything where nothing is marked."""
    if not mask.any():
        return (slice(None),) * 3
    return tuple(slice(max(side.start - margin, 0), side.stop + margin) for side in occupied(mask))


def _modes(values: Sequence[CoarseArray]) -> list[tuple[float, ...]]:
    """The most frequent HU, together in all phases, of the voxels (n,) of each phase."""
    edges = np.arange(_TISSUE_HU[0], _TISSUE_HU[1] + _BIN_HU, _BIN_HU)
    counts, _ = np.histogramdd(np.stack(values, axis=1), bins=[edges] * len(values))
    counts = ndimage.gaussian_filter(counts, 1.0)
    away = round(_WIDTH_HU / _BIN_HU)
    modes = []
    for _ in range(_KINDS):
        peak = np.unravel_index(int(counts.argmax()), counts.shape)
        modes.append(tuple(float(edges[at] + 0.5 * _BIN_HU) for at in peak))
        counts[tuple(slice(max(at - away, 0), at + away + 1) for at in peak)] = 0.0
    return modes


def _in_plane() -> BoolArray:
    return np.asarray(ndimage.generate_binary_structure(2, 1)[None], dtype=np.bool_)
