"""What the image manifest says of a patient: geometry, HU, lesions, contrast phases."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from components.errors import PatientRejected
from components.imaging.body import BoolArray, body_mask
from components.imaging.coarse import CoarsePhases, at_points, is_inside, marked
from components.imaging.image_record import ImageFigures
from components.imaging.masks import volume_ml
from components.imaging.phase_check import NOWHERE, PhaseFigures, is_same, judge_phases
from components.imaging.roi import share_inside
from components.imaging.roi_figures import (
    by_size,
    hu_inside,
    largest_diameter_cm,
    n_pieces,
    positions_mm,
)
from components.imaging.volume import FloatArray, Volume
from components.imaging.volume_figures import volume_figures

_DECIMALS = 3

Figures = dict[str, Any]


def image_figures(
    patient_id: str,
    arterial: Volume | None,
    portal_venous: Volume | None,
    lesions: Sequence[Volume],
) -> ImageFigures:
    """The manifest's figures of a patient, from volumes that have been read already.

    One phase may be missing, and there may be no lesion: what they would have said is None. Of
    several lesions the largest is described, wherever it was drawn: an ROI is a place in the
    patient, so that one drawn on one phase is read in the other at the same place, and
    `phase_shift_mm` says how far breathing has moved that.

    Args:
        patient_id: The patient's pseudonym.
        arterial: The arterial CT (HU), None where it is missing.
        portal_venous: The portal venous CT.
        lesions: One mask a lesion, on any grid.

    Raises:
        PatientRejected: There is no CT at all, or one without voxels.
    """
    named = {"arterial": arterial, "portal_venous": portal_venous}
    phases = {name: volume for name, volume in named.items() if volume is not None}
    if not phases or any(not volume.voxels.size for volume in phases.values()):
        raise PatientRejected(patient_id, "expected a CT with voxels, found none; export it again")
    found = by_size(lesions)
    points = positions_mm(found[0]) if found else NOWHERE
    everywhere = np.concatenate([NOWHERE, *(positions_mm(lesion) for lesion in found)])
    coarse = CoarsePhases.of(arterial, portal_venous)
    assert coarse is not None  # noqa: S101 - there is a phase
    body = body_mask(coarse.brightest())
    figures: Figures = {
        **_geometry(next(iter(phases.values()))),
        **_of_volumes(phases),
        **_of_lesions(found),
        **_of_largest(points, phases),
        **_contrast(coarse, body, everywhere, arterial, portal_venous),
    }
    if found:
        figures["roi_share_in_body"] = _share_in_body(coarse, body, points)
    rounded = {
        name: round(value, _DECIMALS) if isinstance(value, float) else value
        for name, value in figures.items()
    }
    return ImageFigures(patient_id=patient_id, **rounded)


def _geometry(volume: Volume) -> Figures:
    x, y, z = (float(value) for value in volume.geometry.spacing_mm)
    return {"spacing_x_mm": x, "spacing_y_mm": y, "spacing_z_mm": z}


def _of_volumes(phases: Mapping[str, Volume]) -> Figures:
    figures: Figures = {}
    for name, volume in phases.items():
        one = volume_figures(volume)
        x, y, z = one.field_mm
        for axis, length in (("x", x), ("y", y), ("z", z)):
            figures.setdefault(f"field_{axis}_mm", length)
        said = one.model_dump(exclude={"field_mm"})
        figures.update({f"{name}_{figure}": value for figure, value in said.items()})
    return figures


def _of_lesions(found: Sequence[Volume]) -> Figures:
    if not found:
        return {}
    largest = found[0]
    return {
        "n_lesions": len(found),
        "roi_voxels": int(np.count_nonzero(largest.voxels)),
        "roi_volume_ml": volume_ml(largest),
        "roi_total_volume_ml": sum(volume_ml(lesion) for lesion in found),
        "roi_pieces": n_pieces(largest),
        "roi_max_diameter_cm": largest_diameter_cm(largest),
    }


def _of_largest(points_mm: FloatArray, phases: Mapping[str, Volume]) -> Figures:
    figures: Figures = {}
    if not len(points_mm):
        return figures
    for name, volume in phases.items():
        mean, sd = hu_inside(volume, points_mm)
        figures[f"{name}_mean_hu_in_roi"] = mean
        figures[f"{name}_sd_hu_in_roi"] = sd
        figures[f"roi_share_in_{name}"] = share_inside(volume.geometry, points_mm)
    return figures


def _share_in_body(coarse: CoarsePhases, body: BoolArray, points_mm: FloatArray) -> float:
    """What lies outside the field does not lie in the body either."""
    in_field = is_inside(coarse.grid, points_mm)
    return float((at_points(body, coarse.grid, points_mm) & in_field).mean())


def _contrast(
    coarse: CoarsePhases,
    body: BoolArray,
    points_mm: FloatArray,
    arterial: Volume | None,
    portal_venous: Volume | None,
) -> Figures:
    figures: PhaseFigures = judge_phases(
        coarse,
        body,
        marked(coarse.grid, points_mm),
        is_one_volume=is_same(arterial, portal_venous),
    )
    return figures.model_dump()
