"""A patient as large as a real one, as hard to inflate: two CT phases with noise, and an ROI."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813 - the name that its own documentation uses

from components.imaging.crop import crop_patient
from components.study.protocol import ImagingSection

SIZE, SPACING_MM = (512, 512, 120), (0.8, 0.8, 2.5)
NOISE_SD_HU, PHASE_HU = 12.0, {"arterial": 60.0, "portal_venous": 100.0}
ROI_CENTER_MM, ROI_RADIUS_MM = (150.0, 180.0, 150.0), 20.0


@dataclass(frozen=True)
class Patient:
    """A patient's files, the last slice of the ROI, and the last one that its crop is made of."""

    arterial: Path
    portal_venous: Path
    roi: Path
    last_slice: int
    last_cropped: int

    @property
    def phases(self) -> tuple[Path, Path]:
        """The two CT volumes."""
        return self.arterial, self.portal_venous

    def crop(self, section: ImagingSection) -> np.ndarray:
        """The whole step."""
        return crop_patient("P1", self.arterial, self.portal_venous, self.roi, section)


def draw_patient(folder: Path) -> Patient:
    """A body of noise in air, and a ball for an ROI."""
    rng = np.random.default_rng(20260126)
    k, j, i = np.meshgrid(
        *(np.arange(n) * mm for n, mm in zip(SIZE[::-1], SPACING_MM[::-1], strict=True)),
        indexing="ij",
        sparse=True,
    )
    body = ((i - 205) / 170) ** 2 + ((j - 205) / 120) ** 2 < 1
    for name, hu in PHASE_HU.items():
        voxels = np.where(body, hu, -1000.0) + rng.normal(0, NOISE_SD_HU, SIZE[::-1])
        write(folder / f"{name}.nii.gz", np.clip(voxels, -1024, 3071).astype(np.int16))
    squared = sum((a - c) ** 2 for a, c in zip((i, j, k), ROI_CENTER_MM, strict=True))
    roi = (squared < ROI_RADIUS_MM**2).astype(np.uint8)
    write(folder / "roi.seg.nrrd", roi)
    areas = roi.sum(axis=(1, 2))
    last = int(np.flatnonzero(areas)[-1])
    # The reader takes a slice more on either side than interpolation needs.
    cropped = int(areas.argmax()) + 1
    paths = [folder / f"{name}.nii.gz" for name in PHASE_HU]
    return Patient(*paths, folder / "roi.seg.nrrd", last, cropped)


def write(path: Path, voxels: np.ndarray) -> None:
    """A volume on the patient's grid."""
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing(SPACING_MM)
    sitk.WriteImage(image, str(path), useCompression=path.suffix != ".nii")


def one_thread() -> None:
    """ITK would take a thread for each core."""
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
