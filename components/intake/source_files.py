"""Which files of an imported folder are a patient's.

Nothing is guessed: a pattern that fits no file, or several, is told by its role. What is found lies
below the imported folder, links followed. A message never holds a file's name, which may be a
patient's.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from glob import escape
from pathlib import Path

import pydicom

from components.errors import PatientRejected
from components.intake.mapping_images import PATIENT, ImageSource, PhaseSource, RoiSource
from components.study.vocabulary import Phase

_DICOM_MAGIC_AT = 128
_ROI_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.66.4": "segmentation",
    "1.2.840.10008.5.1.4.1.1.66.7": "label map segmentation",
    "1.2.840.10008.5.1.4.1.1.481.3": "structure set",
}
_VOLUME_ENDINGS = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha")


@dataclass(frozen=True)
class PatientFiles:
    """Where a patient's images lie; `dicom` is the folder of his DICOM files, if any is his alone.

    `volumes` are NIfTI or NRRD files by phase, `roi` is None where there is none.
    """

    volumes: Mapping[Phase, Path] = field(default_factory=dict)
    dicom: Path | None = None
    roi: Path | None = None
    readers: Mapping[int, Path] = field(default_factory=dict)

    def all(self) -> tuple[Path, ...]:
        """Every file and folder that is named, in a fixed order."""
        named = [*self.volumes.values(), self.dicom, self.roi, *self.readers.values()]
        return tuple(path for path in named if path is not None)


Belongs = Callable[[Path], bool]


def find_files(
    source: Path, images: ImageSource, *, patient_id: str, pseudonym: str
) -> PatientFiles:
    """A patient's files; a phase or ROI that is not there is left out.

    Args:
        source: The imported folder.
        images: Where the mapping says that images are.
        patient_id: The id as the sheet has it; used in patterns alone.
        pseudonym: Who the messages speak of.

    Raises:
        PatientRejected: A pattern fits several files, or the id cannot be part of a path.
    """
    finder = _Finder(source.resolve(), patient_id, pseudonym)
    return PatientFiles(
        volumes={
            phase: path
            for phase in Phase
            if (path := finder.volume(getattr(images, phase.value), phase)) is not None
        },
        dicom=finder.dicom_folder(images),
        roi=finder.roi(images.roi, "the ROI"),
        readers={
            number: path
            for number, reader in sorted(images.readers.items())
            if (path := finder.roi(reader, f"the ROI of reader {number}")) is not None
        },
    )


class _Finder:
    def __init__(self, source: Path, patient_id: str, pseudonym: str) -> None:
        self._source = source
        self._patient_id = patient_id
        self._pseudonym = pseudonym

    def volume(self, phase: PhaseSource, name: Phase) -> Path | None:
        found = [
            path
            for path in self._matching(phase.path)
            if path.is_file() and path.name.lower().endswith(_VOLUME_ENDINGS)
        ]
        return self._one(found, f"the {name.value.replace('_', ' ')} volume")

    def dicom_folder(self, images: ImageSource) -> Path | None:
        if images.dicom is None or PATIENT not in images.dicom:
            return None
        found = [path for path in self._matching((images.dicom,)) if path.is_dir()]
        return self._one(found, "the folder of DICOM files")

    def roi(self, roi: RoiSource, role: str) -> Path | None:
        found = [path for path in self._matching(roi.path) if path.is_file()]
        shared = [pattern for pattern in roi.path if PATIENT not in pattern]
        kept = [path for path in found if self._is_roi(path, is_shared=bool(shared))]
        return self._one(kept, role)

    def _is_roi(self, path: Path, *, is_shared: bool) -> bool:
        """DICOM images beside an ROI are none; in a shared folder the Patient ID decides."""
        header = roi_header(path)
        if header is None:
            return not is_shared and not _is_dicom(path)
        return not is_shared or header == self._patient_id

    def _matching(self, patterns: tuple[str, ...]) -> list[Path]:
        if any(PATIENT in one for one in patterns) and re.search(
            r"[/\\\0]|^\.\.?$", self._patient_id
        ):
            reason = (
                "the patient id holds a character that cannot be part of a file name; rename it"
            )
            raise PatientRejected(self._pseudonym, reason)
        found: dict[Path, None] = {}
        for pattern in patterns:
            named = pattern.replace(PATIENT, escape(self._patient_id))
            for path in sorted(self._source.glob(named)):
                real = path.resolve()
                if real.is_relative_to(self._source):
                    found[real] = None
        return list(found)

    def _one(self, found: list[Path], role: str) -> Path | None:
        if len(found) > 1:
            reason = (
                f"{len(found)} files fit {role}; make the pattern in the mapping narrower, or keep "
                "one of them"
            )
            raise PatientRejected(self._pseudonym, reason)
        return found[0] if found else None


def roi_header(path: Path) -> str | None:
    """The Patient ID of a DICOM segmentation or structure set; None where a file is neither."""
    if not _is_dicom(path):
        return None
    try:
        header = pydicom.dcmread(
            path, stop_before_pixels=True, specific_tags=["SOPClassUID", "PatientID"]
        )
    except (OSError, ValueError, KeyError, AttributeError, NotImplementedError, EOFError):
        return None
    if str(header.get("SOPClassUID", "")) not in _ROI_CLASSES:
        return None
    return str(header.get("PatientID", "")).strip()


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(_DICOM_MAGIC_AT)
        return file.read(4) == b"DICM"
