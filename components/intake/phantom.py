"""Two-phase CT phantoms of hepatocellular carcinoma with the true outline of the tumor.

A phantom is the excerpt of an examination around the tumor: nine slices of 5 mm, in a field that
holds the whole tumor section with a margin. A tumor higher than 45 mm goes on beyond the excerpt.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.intake.phantom_anatomy import draw_abdomen
from components.intake.phantom_lesion import Signs, draw_shape, draw_tumor
from components.intake.phantom_scanner import SCANNERS, Scanner, acquire
from components.intake.phantom_tissue import SLICE_SPACING_MM, Grid, draw_enhancement

_FIELD_MARGIN_MM = 16.0
_MINIMUM_FIELD_MM = 84.0


@dataclass(frozen=True)
class PhantomPatient:
    """What a phantom shows: a tumor by diameter, lobe and signs, in a cirrhotic liver or not."""

    diameter_mm: float
    location: str
    is_cirrhotic: bool
    signs: Signs


@dataclass(frozen=True, eq=False)
class Phantom:
    """Volumes (z, y, x) of one geometry: both phases in HU and the ROI (1 = tumor).

    `spacing_mm` and `origin_mm` are (x, y, z) in the patient's coordinates: left, back, head.
    """

    arterial: NDArray[np.int16]
    portal_venous: NDArray[np.int16]
    roi: NDArray[np.uint8]
    spacing_mm: tuple[float, float, float]
    origin_mm: tuple[float, float, float]
    scanner: Scanner


def draw_phantom(patient: PhantomPatient, *, rng: np.random.Generator) -> Phantom:
    """The CT of a patient on a scanner drawn by chance."""
    scanner = SCANNERS[rng.integers(len(SCANNERS))]
    field_mm = max(patient.diameter_mm + 2.0 * _FIELD_MARGIN_MM, _MINIMUM_FIELD_MM)
    grid = Grid.around_tumor(field_mm=field_mm, spacing_mm=scanner.spacing_mm)
    enhancement = draw_enhancement(rng)
    shape = draw_shape(grid, diameter_mm=patient.diameter_mm, rng=rng)
    tissue = draw_abdomen(
        grid,
        shape,
        location=patient.location,
        is_cirrhotic=patient.is_cirrhotic,
        enhancement=enhancement,
        rng=rng,
    )
    draw_tumor(tissue, shape, patient.signs, grid=grid, enhancement=enhancement, rng=rng)
    corner = float(grid.x.min())
    return Phantom(
        arterial=acquire(tissue.arterial, scanner, rng),
        portal_venous=acquire(tissue.portal_venous, scanner, rng),
        roi=shape.inside.astype(np.uint8),
        spacing_mm=(scanner.spacing_mm, scanner.spacing_mm, SLICE_SPACING_MM),
        origin_mm=(corner, corner, float(grid.z.min())),
        scanner=scanner,
    )
