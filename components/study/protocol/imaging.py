"""Protocol section `imaging`: from CT to tensor."""

from typing import Literal

from pydantic import Field, field_validator

from components.study.protocol.base import Section


class ImagingSection(Section):
    """Crops of the ROI's axial slices in both phases and their difference.

    The middle slice is the one where the ROI is largest. `slice_step_mm` is a distance in the
    patient, so that the slices do not hang on how thick a scanner cuts.
    """

    crop_px: int = Field(ge=16, le=1024, description="Height and width of a crop in pixels.")
    crop: Literal["bounding_box", "fixed_field"] = Field(
        default="bounding_box",
        description="A square around the ROI's largest slice, scaled to the crop; or a field of "
        "one size for all, which keeps true size.",
    )
    margin_mm: float = Field(
        ge=0, le=200, description="Added around the ROI's bounding box on each side."
    )
    field_mm: float = Field(
        default=150, gt=0, le=600, description="Edge of the field, with `crop: fixed_field`."
    )
    slices: int = Field(
        default=1, ge=1, le=31, description="Axial slices of a lesion, an odd number."
    )
    slice_step_mm: float = Field(
        default=5, gt=0, le=50, description="From one slice to the next, with `slices` above 1."
    )
    lesions: Literal["largest", "all"] = Field(
        default="largest",
        description="Of several segments in a patient's ROI: the one with most voxels, or each.",
    )
    window_center_hu: float = Field(ge=-1024, le=3071)
    window_width_hu: float = Field(gt=0, le=4096)
    difference_window_hu: float = Field(
        gt=0, le=4096, description="Arterial minus portal venous is clipped to plus or minus this."
    )
    missing_phase: Literal["exclude", "blank"] = Field(
        default="exclude",
        description="A patient with one phase only: left out, or the other's channel left empty.",
    )
    workers: int = Field(ge=1, le=256)

    @field_validator("slices")
    @classmethod
    def _has_a_middle(cls, slices: int) -> int:
        if slices % 2 == 0:
            msg = f"expected an odd number: the largest slice is the middle one; came {slices}"
            raise ValueError(msg)
        return slices
