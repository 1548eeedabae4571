"""Protocol section `radiomics`: hand-crafted features of the ROI as a baseline."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from components.study.protocol.base import Section, ordered, unique

Family = Literal[
    "morphology",
    "spatial_autocorrelation",
    "local_intensity",
    "statistics",
    "intensity_histogram",
    "intensity_volume_histogram",
    "glcm",
    "glrlm",
    "glszm",
    "gldzm",
    "ngtdm",
    "ngldm",
]
"""The families of the Image Biomarker Standardisation Initiative (IBSI)."""


Hounsfield = Annotated[float, Field(ge=-2000, le=10_000)]


class StabilitySection(Section):
    """Features that change when the ROI is drawn a little differently are not used."""

    patients: int = Field(
        ge=5, le=1000, description="Training patients whose ROI is perturbed, drawn by the seed."
    )
    perturbations: int = Field(ge=2, le=50, description="Perturbed ROIs a patient.")
    minimum_icc: float = Field(
        ge=0, lt=1, description="ICC(1, 1) below which a feature is not used."
    )
    shift_mm: float = Field(ge=0, le=20, description="The ROI is moved by at most this an axis.")
    volume_change: float = Field(
        ge=0, lt=0.5, description="The ROI's volume grows or shrinks by at most this share."
    )
    contour_mm: float = Field(
        ge=0, le=20, description="Standard deviation by which the contour wanders."
    )


class RadiomicsSection(Section):
    """How the features of the ROI are computed, which are kept, and how scanners are harmonised."""

    resampling_mm: float = Field(
        ge=0.5, le=10, description="Edge of the isotropic voxels that features are computed on."
    )
    bin_width_hu: float = Field(gt=0, le=500, description="Fixed bin width of the grey levels.")
    hu_range: Annotated[tuple[Hounsfield, Hounsfield], AfterValidator(ordered)] = Field(
        description="Voxels outside it do not count; the first bin begins at its lower end."
    )
    families: Annotated[tuple[Family, ...], AfterValidator(unique)] = Field(min_length=1)
    minimum_voxels: int = Field(
        ge=1,
        le=1_000_000,
        description="Of the resampled ROI within hu_range; a patient with fewer has none.",
    )
    stability: StabilitySection | None
    harmonise_by: Literal["scanner", "center"] | None = Field(
        description="ComBat, fitted in each fold's training part; null leaves features as they are."
    )
