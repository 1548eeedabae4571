"""Tiny CT volumes and ROIs whose content is known in patient coordinates."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - the name that its own documentation uses

from components.study.protocol import ImagingSection

DIRECTIONS = {
    "plain": np.eye(3),
    "flipped": np.diag([-1.0, -1.0, 1.0]),
    "upside_down": np.diag([1.0, 1.0, -1.0]),
}


@pytest.fixture
def section():
    return ImagingSection(
        crop_px=16,
        margin_mm=4,
        window_center_hu=80,
        window_width_hu=300,
        difference_window_hu=120,
        workers=1,
    )


@dataclass
class Grid:
    """A grid that covers the box from `low_mm` to `high_mm` whatever its direction."""

    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 2.0)
    low_mm: tuple[float, float, float] = (-20.0, -20.0, -20.0)
    high_mm: tuple[float, float, float] = (20.0, 20.0, 20.0)
    direction: str = "plain"

    def image(self, function, dtype=np.int16):
        direction = DIRECTIONS[self.direction]
        low, high = np.array(self.low_mm), np.array(self.high_mm)
        size = np.round((high - low) / self.spacing_mm).astype(int) + 1
        origin = np.where(np.diag(direction) > 0, low, high)
        index = np.stack(np.meshgrid(*(np.arange(n) for n in size), indexing="ij"), axis=-1)
        points = origin + (index * self.spacing_mm) @ direction.T
        values = function(points[..., 0], points[..., 1], points[..., 2])
        image = sitk.GetImageFromArray(np.transpose(values, (2, 1, 0)).astype(dtype))
        image.SetSpacing([float(s) for s in self.spacing_mm])
        image.SetOrigin([float(o) for o in origin])
        image.SetDirection([float(d) for d in direction.ravel()])
        return image


@dataclass
class Case:
    arterial: Path
    portal_venous: Path
    roi: Path

    @property
    def paths(self):
        return (self.arterial, self.portal_venous, self.roi)


def ball(center_mm, radius_mm):
    def inside(x, y, z):
        cx, cy, cz = center_mm
        return (x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2 <= radius_mm**2

    return inside


BALL = ball((3, -2, 4), 6)


@pytest.fixture
def write_case(tmp_path):
    """A writer of cases: HU rise to the left by 2 a mm and to the back by 1, portal is 30 lower."""

    def write(
        *,
        arterial=None,
        portal=None,
        roi=None,
        inside=BALL,
        shift_hu=30,
        name="case",
    ):
        folder = tmp_path / name
        folder.mkdir()
        case = Case(
            folder / "arterial.nii.gz", folder / "portal_venous.nii.gz", folder / "roi.seg.nrrd"
        )
        hu = lambda x, y, z: 80 + 2 * x + y  # noqa: E731 - two shades of one formula
        sitk.WriteImage((arterial or Grid()).image(hu), str(case.arterial))
        sitk.WriteImage(
            (portal or Grid()).image(lambda x, y, z: hu(x, y, z) - shift_hu),
            str(case.portal_venous),
        )
        sitk.WriteImage((roi or Grid()).image(inside, np.uint8), str(case.roi), True)
        return case

    return write
