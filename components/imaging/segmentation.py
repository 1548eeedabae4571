"""Reading ROIs of any kind that hospitals have, and writing them as 3D Slicer does."""

from collections.abc import Sequence
from pathlib import Path

from components.errors import PatientRejected
from components.imaging import rtstruct, segment_dicom
from components.imaging.dicom_files import read_header
from components.imaging.dicom_planes import open_dicom, read_grid, understood
from components.imaging.rtstruct import STRUCTURE_SET_CLASS, draw_rtstruct
from components.imaging.segment import Drawing, Segment
from components.imaging.segment_dicom import SEGMENTATION_CLASSES, draw_dicom_segmentation
from components.imaging.segment_nrrd import draw_nifti, draw_nrrd
from components.imaging.segment_writing import write_segments

__all__ = ["Segment", "read_segments", "write_segments"]

_DICOM_AT = 128
_GZIP = b"\x1f\x8b"
_NIFTI_1 = (b"\x5c\x01\x00\x00", b"\x00\x00\x01\x5c")
_NIFTI_2 = (b"\x1c\x02\x00\x00", b"\x00\x00\x02\x1c")
"""Length of the header, in either byte order."""
_DICOM_GROUPS = (b"\x02\x00", b"\x08\x00")


def read_segments(
    path: Path,
    *,
    pseudonym: str,
    role: str,
    wanted: Sequence[str] = (),
    reference: Sequence[Path] = (),
) -> tuple[Segment, ...]:
    """The lesions that an ROI file holds, each where it lies in the patient.

    Read are `.seg.nrrd`, label maps (NRRD, NIfTI), DICOM SEG and RTSTRUCT; what a file is, its
    content says and not its name. A single mask of several separate parts stays one segment.

    Args:
        path: The file; no message names it.
        pseudonym: Who the messages speak of.
        role: What they call the file, for example "the ROI of reader 2".
        wanted: Names of the segments that are lesions (a label map's are its values, "1"); `*`
            stands for anything. All segments where none is named.
        reference: The DICOM files of the CT on which an RTSTRUCT or SEG was drawn.

    Raises:
        PatientRejected: The file cannot be used, a wanted segment is missing, or nothing is marked.
    """
    if not path.is_file():
        raise PatientRejected(pseudonym, f"{role} is missing")
    with path.open("rb") as file:
        start = file.read(_DICOM_AT + 4)
    drawing = _draw(path, start, reference, pseudonym=pseudonym, role=role)
    return drawing.segments(wanted, pseudonym=pseudonym, role=role)


def _draw(
    path: Path, start: bytes, reference: Sequence[Path], *, pseudonym: str, role: str
) -> Drawing:
    if start.startswith(b"NRRD"):
        return draw_nrrd(path, pseudonym=pseudonym, role=role)
    if start.startswith((_GZIP, *_NIFTI_1, *_NIFTI_2)):
        return draw_nifti(path, pseudonym=pseudonym, role=role)
    if start[_DICOM_AT:] == b"DICM" or start.startswith(_DICOM_GROUPS):
        return _draw_dicom(path, reference, pseudonym=pseudonym, role=role)
    reason = (
        f"{role}: expected a .seg.nrrd, a label map (.nrrd, .nii.gz), a DICOM SEG or an RTSTRUCT, "
        "came something else; export it in one of these"
    )
    raise PatientRejected(pseudonym, reason)


def _draw_dicom(path: Path, reference: Sequence[Path], *, pseudonym: str, role: str) -> Drawing:
    keywords = {*segment_dicom.KEYWORDS, *rtstruct.KEYWORDS}
    dataset = open_dicom(path, sorted(keywords), patient_id=pseudonym, role=role)
    with understood(pseudonym, role):
        kind = str(dataset.get("SOPClassUID", ""))
        owner = str(dataset.get("PatientID", "")).strip()
    if kind not in (*SEGMENTATION_CLASSES, STRUCTURE_SET_CLASS):
        reason = f"{role}: expected a DICOM SEG or RTSTRUCT, came another kind of DICOM object"
        raise PatientRejected(pseudonym, reason)
    ct = f"the CT of {role}"
    if reference:
        _require_same_patient(owner, reference[0], pseudonym=pseudonym, role=role)
    grid = read_grid(reference, patient_id=pseudonym, role=ct) if reference else None
    if kind in SEGMENTATION_CLASSES:
        return draw_dicom_segmentation(dataset, reference=grid, pseudonym=pseudonym, role=role)
    if grid is None:
        reason = f"{role}: an RTSTRUCT needs the DICOM series on which it was drawn; map that too"
        raise PatientRejected(pseudonym, reason)
    return draw_rtstruct(dataset, grid=grid, pseudonym=pseudonym, role=role)


def _require_same_patient(owner: str, ct: Path, *, pseudonym: str, role: str) -> None:
    with understood(pseudonym, f"the CT of {role}"):
        header, _ = read_header(ct, ("PatientID",))
        came = str(header.get("PatientID", "")).strip()
    if owner and came and owner != came:
        reason = f"{role} is of another patient than the CT (Patient ID); give the one of this CT"
        raise PatientRejected(pseudonym, reason)
