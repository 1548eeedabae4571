"""Segments of RTSTRUCT objects (DICOM PS3.3, A.19): closed contours by ROI name."""

from typing import Any

import numpy as np

from components.errors import PatientRejected
from components.imaging.contours import fill_contours
from components.imaging.dicom_planes import understood
from components.imaging.segment import Drawing
from components.imaging.volume import FloatArray, Geometry, Volume

STRUCTURE_SET_CLASS = "1.2.840.10008.5.1.4.1.1.481.3"

KEYWORDS = ("SOPClassUID", "PatientID", "StructureSetROISequence", "ROIContourSequence")
"""What is read of a structure set."""

_CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
_FEWEST_POINTS = 3


def draw_rtstruct(dataset: Any, *, grid: Geometry, pseudonym: str, role: str) -> Drawing:
    """The ROIs of a structure set; contours of one slice are combined by exclusive or.

    Args:
        dataset: The structure set.
        grid: The grid of the CT series on which it was drawn.
        pseudonym: Who the messages speak of.
        role: What they call the file.

    Raises:
        PatientRejected: The structure set is damaged.
    """
    with understood(pseudonym, role):
        drawn = {
            int(item.ReferencedROINumber): item.get("ContourSequence") or ()
            for item in dataset.get("ROIContourSequence") or ()
        }
        rois = [
            (str(item.get("ROIName", "")), drawn.get(int(item.ROINumber), ()))
            for item in dataset.StructureSetROISequence
        ]

    def mask(number: int) -> Volume:
        with understood(pseudonym, role):
            contours = _contours(rois[number][1], pseudonym=pseudonym, role=role)
        if not contours:
            return Volume(np.zeros(grid.size[::-1], dtype=np.bool_), grid)
        try:
            return Volume(fill_contours(contours, grid), grid)
        except ValueError as error:
            raise PatientRejected(pseudonym, f"{role}: {error}") from None

    return Drawing(tuple(name for name, _ in rois), int(np.prod(grid.size)), mask)


def _contours(sequence: Any, *, pseudonym: str, role: str) -> list[FloatArray]:
    kinds = {str(item.ContourGeometricType) for item in sequence} - set(_CLOSED)
    if kinds:
        known = sorted(kinds & {"POINT", "OPEN_PLANAR", "OPEN_NONPLANAR"})
        reason = (
            f"{role}: expected closed contours (CLOSED_PLANAR), came "
            f"{' and '.join(known) or 'others'}; close them, or name the lesion under 'segments'"
        )
        raise PatientRejected(pseudonym, reason)
    contours = [
        np.array([float(value) for value in item.ContourData]).reshape(-1, 3) for item in sequence
    ]
    if any(len(contour) < _FEWEST_POINTS for contour in contours):
        reason = f"{role}: a contour has fewer than {_FEWEST_POINTS} points; delete it"
        raise PatientRejected(pseudonym, reason)
    return contours
