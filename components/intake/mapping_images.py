"""The parts of a mapping that say where images, their ROIs and the dates of a study are found."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from components.intake.mapping_parts import Cells, Text, as_list
from components.study.results import Record

PATIENT = "{patient}"
"""Stands in a path for the patient's id as the sheet has it."""


def _inside(pattern: str) -> str:
    """Refuses a pattern that could lead out of the imported folder.

    Raises:
        ValueError: It is absolute or climbs.
    """
    parts = pattern.replace("\\", "/").split("/")
    if pattern.startswith(("/", "\\", "~")) or ".." in parts or ":" in parts[0]:
        msg = f"'{pattern}': expected a path below the imported folder, without '..'"
        raise ValueError(msg)
    return pattern


Below = Annotated[Text, AfterValidator(_inside)]
"""A path below the imported folder, or a pattern of such."""


class PhaseSource(Record):
    """How the CT of one contrast phase is recognised among a patient's volumes.

    `path` holds patterns below the imported folder for NIfTI and NRRD volumes or for folders of a
    DICOM series, `{patient}` standing for the id. Among DICOM series `series` holds words of the
    series description (case does not count), `seconds_after_contrast` the range of times from the
    start of the injection. They are asked in this order; what fits several series fits none.
    """

    path: Annotated[tuple[Below, ...], BeforeValidator(as_list)] = ()
    series: Cells = ()
    seconds_after_contrast: tuple[float, float] | None = None

    @model_validator(mode="after")
    def _some_way(self) -> "PhaseSource":
        if not self.path and not self.series and self.seconds_after_contrast is None:
            msg = "expected 'path', 'series' or 'seconds_after_contrast'"
            raise ValueError(msg)
        if self.seconds_after_contrast is not None:
            low, high = self.seconds_after_contrast
            if not 0 <= low < high:
                msg = "seconds_after_contrast: expected [from, to] with 0 <= from < to"
                raise ValueError(msg)
        return self


class RoiSource(Record):
    """Where an ROI is found: a `.seg.nrrd`, a label map, a DICOM SEG or an RTSTRUCT.

    `segments` names the segments that are lesions (in a label map: the label values as text);
    without it every segment is one. `drawn_on` says on which phase it was drawn.
    """

    path: Annotated[tuple[Below, ...], BeforeValidator(as_list), Field(min_length=1)]
    segments: Cells = ()
    drawn_on: Literal["arterial", "portal_venous"] = "arterial"


class ImageSource(Record):
    """A study's images below the imported folder.

    `dicom` is the folder of DICOM files, in any nesting: with `{patient}` in it one a patient, else
    patients are told apart by the Patient ID of the files. `readers` are further ROIs of the same
    lesions by number of the reader.
    """

    dicom: Below | None = None
    arterial: PhaseSource
    portal_venous: PhaseSource
    roi: RoiSource
    readers: dict[int, RoiSource] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _findable(self) -> "ImageSource":
        for name in ("arterial", "portal_venous"):
            phase: PhaseSource = getattr(self, name)
            if not phase.path and self.dicom is None:
                msg = f"{name}: 'series' and 'seconds_after_contrast' need 'dicom', the folder"
                raise ValueError(msg)
        return self


class StudyDates(Record):
    """Dates of the sheet and of the study; each becomes an interval in days, none is kept.

    `treatment` and `ct` are columns (`ct` may be left out where DICOM files say it); `data_cut` and
    `enrolment` are the study's own dates in ISO 8601.
    """

    treatment: Text | None = None
    ct: Text | None = None
    format: Text = "%Y-%m-%d"
    data_cut: Text | None = None
    enrolment: tuple[Text, Text] | None = None
