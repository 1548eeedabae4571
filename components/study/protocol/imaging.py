"""Protocol section `imaging`: from CT to tensor."""

from typing import Literal

from pydantic import Field

from components.study.protocol.base import Section


class ImagingSection(Section):
    """Crop of the ROI's largest axial slice in both phases and their difference."""

    crop_px: int = Field(ge=16, le=1024, description="Height and width of a crop in pixels.")
    margin_mm: float = Field(
        ge=0, le=200, description="Added around the ROI's bounding box on each side."
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
