"""A patient's source files as volumes of both phases, lesions and figures of the manifest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np

from components.errors import PatientRejected
from components.imaging.agreement import agreement, together
from components.imaging.ct_files import read_ct
from components.imaging.dicom_series import DicomSeries, read_series
from components.imaging.quality import image_figures
from components.imaging.roi import share_inside
from components.imaging.segment import Segment
from components.imaging.segmentation import read_segments
from components.imaging.slices import MINIMUM_SHARE_INSIDE
from components.imaging.volume import Volume
from components.intake.mapping_images import ImageSource, RoiSource
from components.intake.phase_choice import PhaseChoice, choose_phases
from components.intake.source_files import PatientFiles
from components.study.vocabulary import Phase

Figure = float | int | str | bool | None


@dataclass(frozen=True, eq=False)
class PatientImages:
    """What a patient's files hold: one volume a phase, the lesions, what the manifest says."""

    phases: Mapping[Phase, Volume]
    lesions: tuple[Segment, ...]
    readers: Mapping[int, tuple[Segment, ...]]
    figures: dict[str, Figure]
    notes: tuple[str, ...]


@dataclass
class _Reading:
    """What is gathered while a patient's files are read."""

    pseudonym: str
    phases: dict[Phase, Volume] = field(default_factory=dict)
    series: dict[Phase, DicomSeries] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_images(
    files: PatientFiles,
    series: Sequence[DicomSeries],
    images: ImageSource,
    *,
    source: Path,
    patient_id: str,
    pseudonym: str,
    treated_on: date | None,
) -> PatientImages:
    """A patient's images; the id as the sheet has it stands in patterns of paths alone.

    One phase may be missing: that is noted, and whoever needs both leaves the patient out. Without
    a consensus ROI that of the first reader counts, and that is noted.

    Raises:
        PatientRejected: There is no CT, no ROI, or one of them cannot be used.
    """
    reading = _Reading(pseudonym)
    chosen = choose_phases(series, images, root=source, patient_id=patient_id) if series else None
    _read_phases(reading, files, chosen)
    if not reading.phases:
        raise PatientRejected(pseudonym, "; ".join(reading.missing))
    reading.notes += reading.missing
    readers = _read_readers(reading, files, images)
    lesions = _consensus(reading, files, images, readers)
    _require_inside(reading, images.roi, lesions)
    figures: dict[str, Figure] = {}
    figures.update(_acquisition(reading))
    figures.update(
        image_figures(
            pseudonym,
            reading.phases.get(Phase.ARTERIAL),
            reading.phases.get(Phase.PORTAL_VENOUS),
            [lesion.mask for lesion in lesions],
        ).model_dump()
    )
    figures["roi_drawn_on"] = images.roi.drawn_on
    figures["days_ct_to_treatment"] = _days_to_treatment(reading, treated_on)
    figures.update(_agreement(readers))
    return PatientImages(reading.phases, lesions, readers, figures, tuple(reading.notes))


def _read_phases(reading: _Reading, files: PatientFiles, chosen: PhaseChoice | None) -> None:
    """The volumes of both phases.

    Raises:
        PatientRejected: A phase is there and cannot be used, or it is in doubt which one it is.
    """
    for phase in Phase:
        role = f"the {phase.value.replace('_', ' ')} phase"
        found = getattr(chosen, phase.value) if chosen is not None else None
        if (path := files.volumes.get(phase)) is not None:
            volume, notes = read_ct(path, pseudonym=reading.pseudonym, role=role)
        elif found is not None:
            volume, notes = read_series(found, pseudonym=reading.pseudonym, role=role)
            reading.series[phase] = found
        elif chosen is None or phase in chosen.absent:
            reading.missing.append(f"{role} is missing: no file or series fits the mapping")
            continue
        else:
            raise PatientRejected(reading.pseudonym, "; ".join(chosen.reasons))
        reading.phases[phase] = volume
        reading.notes += notes
    if chosen is not None and reading.missing:
        reading.missing += chosen.reasons


def _read_roi(reading: _Reading, path: Path, roi: RoiSource, role: str) -> tuple[Segment, ...]:
    drawn_on = Phase(roi.drawn_on)
    reference = reading.series.get(drawn_on) or next(iter(reading.series.values()), None)
    return read_segments(
        path,
        pseudonym=reading.pseudonym,
        role=role,
        wanted=roi.segments,
        reference=reference.files if reference is not None else (),
    )


def _require_inside(reading: _Reading, roi: RoiSource, lesions: Sequence[Segment]) -> None:
    """Refuses an ROI that does not lie in the CT on which it was drawn."""
    drawn_on = Phase(roi.drawn_on)
    volume = reading.phases.get(drawn_on) or next(iter(reading.phases.values()))
    mask = together(lesions)
    points = mask.geometry.to_physical(np.argwhere(mask.voxels)[:, ::-1].astype(np.float64))
    share = share_inside(volume.geometry, points)
    if share < MINIMUM_SHARE_INSIDE:
        phase = drawn_on.value.replace("_", " ")
        reason = (
            f"only {share:.0%} of the ROI lies inside the {phase} phase; check that ROI and CT are "
            "of the same examination"
        )
        raise PatientRejected(reading.pseudonym, reason)


def _read_readers(
    reading: _Reading, files: PatientFiles, images: ImageSource
) -> dict[int, tuple[Segment, ...]]:
    """The ROIs of single readers; one that cannot be used is noted, the patient goes on."""
    readers = {}
    for number, path in files.readers.items():
        role = f"the ROI of reader {number}"
        try:
            readers[number] = _read_roi(reading, path, images.readers[number], role)
        except PatientRejected as error:
            reading.notes.append(f"left out: {error.reason}")
    return readers


def _consensus(
    reading: _Reading,
    files: PatientFiles,
    images: ImageSource,
    readers: Mapping[int, tuple[Segment, ...]],
) -> tuple[Segment, ...]:
    if files.roi is not None:
        return _read_roi(reading, files.roi, images.roi, "the ROI")
    if not readers:
        reason = "the ROI is missing: no file fits the mapping"
        raise PatientRejected(reading.pseudonym, reason)
    first = min(readers)
    reading.notes.append(f"there is no consensus ROI: that of reader {first} counts")
    return readers[first]


def _acquisition(reading: _Reading) -> dict[str, Figure]:
    """What the DICOM headers say of each phase, as far as it may be kept."""
    said: dict[str, Figure] = {"scanner": None}
    for phase, one in reading.series.items():
        header = one.header.model_dump(mode="json")
        said["scanner"] = said["scanner"] or header.get("scanner")
        said[f"{phase.value}_seconds_after_contrast"] = one.seconds_after_contrast
        said.update(
            {f"{phase.value}_{name}": value for name, value in header.items() if name != "scanner"}
        )
    return said


def _days_to_treatment(reading: _Reading, treated_on: date | None) -> float | None:
    days = [one.examined_on for one in reading.series.values() if one.examined_on is not None]
    if treated_on is None or not days:
        return None
    return float((treated_on - max(days)).days)


def _agreement(readers: Mapping[int, tuple[Segment, ...]]) -> dict[str, Figure]:
    """How far the first two readers agree on all lesions together."""
    if len(readers) < 2:
        return {}
    first, second = sorted(readers)[:2]
    found = agreement(together(readers[first]), together(readers[second]))
    return {"reader_dice": found.dice, "reader_surface_mm": found.mean_surface_distance_mm}
