"""How far two readers' ROIs agree, and which patients somebody should look at again.

Definitions follow Metrics Reloaded (10.1038/s41592-023-02151-z): surfaces are the marked voxels
with an unmarked one beside them, distances run from their centres to the nearest of the other's.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from scipy import ndimage

from components.imaging.masks import BoolArray, box_on, marked_box, on_grid, squared, volume_ml
from components.imaging.segmentation import Segment, read_segments
from components.imaging.volume import FloatArray, Geometry, Volume
from components.study.results import Record

MINIMUM_DICE = 0.7
"""Below it readers disagree; between radiologists who outline liver tumors 0.8 to 0.9 is usual."""
MAXIMUM_VOLUME_RATIO = 1.5

_PERCENTILE = 95
_MAX_VOXELS = 2**27


class Agreement(Record):
    """Overlap and distance of two masks. Distances are None where a mask is empty, Dice if both."""

    dice: float | None
    mean_surface_distance_mm: float | None
    hausdorff95_mm: float | None
    volume_a_ml: float
    volume_b_ml: float


class ReaderAgreement(Record):
    """Two readers' ROIs of one patient; of several lesions all together."""

    patient_id: str
    reader_a: int
    reader_b: int
    figures: Agreement


class ReviewItem(Record):
    """A patient whose ROI somebody should look at again, and why."""

    patient_id: str
    reason: str


def agreement(a: Volume, b: Volume) -> Agreement:
    """How far two masks agree; `b` is brought onto the grid of `a` (nearest) if it has another.

    The surface distance is the mean over both surfaces together, the Hausdorff distance the larger
    of the two 95th percentiles.
    """
    first = squared(a)
    volumes = {"volume_a_ml": volume_ml(a), "volume_b_ml": volume_ml(b)}
    marked = [mask.voxels.any() for mask in (a, b)]
    if not all(marked):
        return Agreement(
            dice=0.0 if any(marked) else None,
            mean_surface_distance_mm=None,
            hausdorff95_mm=None,
            **volumes,
        )
    grid = _around_both(first, b)
    mask_b = None if grid is None else on_grid(b, grid)
    # A mask smaller than a voxel of the other's grid can lie between its centres.
    if grid is None or mask_b is None or not mask_b.any():
        return Agreement(dice=0.0, mean_surface_distance_mm=None, hausdorff95_mm=None, **volumes)
    mask_a = on_grid(first, grid)
    overlap = np.count_nonzero(mask_a & mask_b)
    spacing = first.geometry.spacing_mm[::-1]
    to_b = _surface_distances(mask_a, mask_b, spacing)
    to_a = _surface_distances(mask_b, mask_a, spacing)
    return Agreement(
        dice=float(2 * overlap / (np.count_nonzero(mask_a) + np.count_nonzero(mask_b))),
        mean_surface_distance_mm=float(np.concatenate([to_b, to_a]).mean()),
        hausdorff95_mm=float(max(np.percentile(one, _PERCENTILE) for one in (to_a, to_b))),
        **volumes,
    )


def _around_both(a: Volume, b: Volume) -> Geometry | None:
    """The grid of `a`, cut or enlarged to what is marked in both and a voxel around it.

    None where they lie too far apart to be of one patient: the grid would fill the memory.
    """
    boxes = [marked_box(a.voxels), box_on(b, a.geometry)]
    low = np.min([box[0] for box in boxes], axis=0) - 1
    high = np.max([box[1] for box in boxes], axis=0) + 1
    is_small = float(np.prod((high - low).astype(np.float64))) <= _MAX_VOXELS
    return a.geometry.part(low, high) if is_small else None


def _surface_distances(of: BoolArray, to: BoolArray, spacing: FloatArray) -> FloatArray:
    """Distances (n,) in mm from the surface of one mask to the nearest surface voxel of another."""
    distances = ndimage.distance_transform_edt(~_surface(to), sampling=spacing)
    return np.asarray(distances[_surface(of)], dtype=np.float64)


def _surface(mask: BoolArray) -> BoolArray:
    surface: BoolArray = mask & ~ndimage.binary_erosion(mask)
    return surface


def compare_readers(patient_id: str, rois: Mapping[int, Path]) -> tuple[ReaderAgreement, ...]:
    """The agreement of each pair of a patient's readers.

    Several lesions count together: readers may number them differently.

    Args:
        patient_id: The patient's pseudonym.
        rois: The `.seg.nrrd` of each reader by number.

    Raises:
        PatientRejected: A reader's file cannot be used.
    """
    drawn = {
        reader: together(
            read_segments(path, pseudonym=patient_id, role=f"the ROI of reader {reader}")
        )
        for reader, path in sorted(rois.items())
    }
    return tuple(
        ReaderAgreement(
            patient_id=patient_id, reader_a=a, reader_b=b, figures=agreement(drawn[a], drawn[b])
        )
        for a, b in combinations(drawn, 2)
    )


def together(segments: Sequence[Segment]) -> Volume:
    """All lesions of a file as one mask, on the grid of the first."""
    first = segments[0].mask
    voxels = np.logical_or.reduce([on_grid(one.mask, first.geometry) for one in segments])
    return Volume(voxels, first.geometry)


def review_list(
    agreements: Iterable[ReaderAgreement],
    *,
    minimum_dice: float = MINIMUM_DICE,
    maximum_volume_ratio: float = MAXIMUM_VOLUME_RATIO,
) -> tuple[ReviewItem, ...]:
    """The patients whose readers disagree, by pseudonym, each with all that speaks for it."""
    reasons: dict[str, list[str]] = {}
    for one in agreements:
        said = _disagreement(one.figures, minimum_dice, maximum_volume_ratio)
        if said:
            pair = f"readers {one.reader_a} and {one.reader_b}: {' and '.join(said)}"
            reasons.setdefault(one.patient_id, []).append(pair)
    return tuple(
        ReviewItem(patient_id=patient, reason="; ".join(pairs))
        for patient, pairs in sorted(reasons.items())
    )


def _disagreement(figures: Agreement, minimum_dice: float, maximum_ratio: float) -> list[str]:
    said = []
    if figures.dice is not None and figures.dice < minimum_dice:
        said.append(f"Dice {figures.dice:.2f} (expected at least {minimum_dice:g})")
    small, large = sorted((figures.volume_a_ml, figures.volume_b_ml))
    if large > maximum_ratio * small:
        said.append(
            f"{figures.volume_a_ml:.1f} and {figures.volume_b_ml:.1f} ml "
            f"(expected at most {maximum_ratio:g}-fold)"
        )
    return said
