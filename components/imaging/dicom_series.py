"""DICOM CT in a folder: which series there are, and one of them as a volume.

Headers alone are read to find the series. What identifies a patient stays in memory: of a
`DicomSeries` only `header` and `fault` may be stored or printed (see `dicom_acquisition`).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path

from pydicom.uid import RTStructureSetStorage, SegmentationStorage

from components.errors import PatientRejected
from components.imaging.dicom_acquisition import AcquisitionHeader, summarise
from components.imaging.dicom_attributes import KEYWORDS, frame_attributes
from components.imaging.dicom_files import (
    DAMAGE,
    NO_DICOM,
    NOT_PARSED,
    UnreadableDicom,
    files_below,
    quiet,
    read_header,
)
from components.imaging.dicom_slices import CT_CLASSES, Slice, make_slice
from components.imaging.dicom_splitting import split_series
from components.imaging.dicom_stacks import SliceStack, StackFault, stack
from components.imaging.dicom_voxels import read_stack
from components.imaging.volume import Geometry, Volume

NO_IMAGE = "a DICOM file without an image (report, plan, presentation state)"
SECOND_COPY = "a second copy of the same slice"

_WORTH_A_POOL = 200
"""Files; below it starting processes costs more than reading headers."""
_SEGMENTATIONS = {SegmentationStorage, RTStructureSetStorage}


@dataclass(frozen=True, eq=False, repr=False)
class DicomSeries:
    """One scan: slices that belong together, sorted along their normal.

    Everything but `header`, `fault`, `n_slices` and the geometry identifies a patient or may: it
    serves to choose and to match and is never stored or printed, nor shown by `repr`.
    """

    slices: tuple[Slice, ...]
    header: AcquisitionHeader
    stack: SliceStack | None
    fault: str | None

    def __repr__(self) -> str:
        state = "usable" if self.fault is None else self.fault
        return f"DicomSeries({self.n_slices} slices, {state})"

    @property
    def n_slices(self) -> int:
        """How many slices (frames) it has."""
        return len(self.slices)

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """Its files in the order of the slices; an enhanced file stands once."""
        return tuple(dict.fromkeys(one.path for one in self.slices))

    @property
    def patient_id(self) -> str:
        """Patient ID as in the files."""
        return self.slices[0].patient_id

    @property
    def description(self) -> str:
        """Series description."""
        return self.slices[0].description

    @property
    def study_uid(self) -> str:
        """Study Instance UID."""
        return self.slices[0].study_uid

    @property
    def series_uid(self) -> str:
        """Series Instance UID; scans that were split from one series share it."""
        return self.slices[0].series_uid

    @property
    def frame_of_reference(self) -> str:
        """Frame of Reference UID."""
        return self.slices[0].frame_of_reference

    @property
    def instance_uids(self) -> tuple[str, ...]:
        """SOP Instance UIDs of the slices, in their order."""
        return tuple(one.instance_uid for one in self.slices)

    @property
    def examined_on(self) -> date | None:
        """Date of the acquisition, else of the study or series."""
        days = [one.examined_on for one in self.slices if one.examined_on is not None]
        return min(days, default=None)

    @property
    def seconds_after_contrast(self) -> float | None:
        """Seconds from the start of the injection to the first slice scanned."""
        known = [one.seconds_after_contrast for one in self.slices]
        return min((value for value in known if value is not None), default=None)

    @property
    def geometry(self) -> Geometry | None:
        """The grid that it is read into; None if it cannot be read."""
        return None if self.stack is None else self.stack.geometry


@dataclass(frozen=True)
class DicomIndex:
    """What a folder holds: CT and other image series, segmentations, and the rest by reason."""

    series: tuple[DicomSeries, ...]
    others: dict[str, int]
    segmentations: tuple[Path, ...]

    def __repr__(self) -> str:
        return f"DicomIndex({list(self.series)}, {self.others})"


@dataclass(frozen=True, repr=False)
class _Found:
    """What one file is."""

    path: Path
    slices: tuple[Slice, ...] = ()
    is_segmentation: bool = False
    other: str | None = None


def index_dicom(folder: Path, *, workers: int = 1) -> DicomIndex:
    """The image series, segmentations and other files in a folder, however nested.

    The order of the series is that of patient, study, series number and acquisition, whatever the
    files are called. What cannot serve as a CT phase has a `fault`; nothing here raises.
    """
    paths = list(files_below(folder))
    found = list(_inspected(paths, workers))
    others = Counter(one.other for one in found if one.other is not None)
    slices, n_copies = _without_copies([s for one in found for s in one.slices])
    if n_copies:
        others[SECOND_COPY] = n_copies
    by_series: dict[tuple[str, str, str], list[Slice]] = defaultdict(list)
    for one in slices:
        by_series[one.series_key].append(one)
    scans = [scan for together in by_series.values() for scan in split_series(together)]
    return DicomIndex(
        series=tuple(_series(scan) for scan in sorted(scans, key=_order)),
        others=dict(sorted(others.items())),
        segmentations=tuple(one.path for one in found if one.is_segmentation),
    )


def read_series(
    series: DicomSeries, *, pseudonym: str, role: str
) -> tuple[Volume, tuple[str, ...]]:
    """A series as int16 HU, and what was changed in reading it (tilt, padding, clipping).

    `role` names the series in messages, for example "the arterial volume".

    Raises:
        PatientRejected: The series has a fault, is above 2 GiB, or a slice cannot be decoded.
    """
    return read_slices(series, 0, series.n_slices, pseudonym=pseudonym, role=role)


def read_slices(
    series: DicomSeries, first: int, last: int, *, pseudonym: str, role: str
) -> tuple[Volume, tuple[str, ...]]:
    """As `read_series`, but only slices from `first` up to, not including, `last`.

    Which these are for points in the patient says `series.geometry.to_index`.

    Raises:
        PatientRejected: As for `read_series`.
    """
    if series.stack is None:
        raise PatientRejected(pseudonym, f"{role}: {series.fault}; export the series again")
    return read_stack(series.stack, first, last, pseudonym=pseudonym, role=role)


def _inspected(paths: Sequence[Path], workers: int) -> Iterable[_Found]:
    if workers == 1 or len(paths) < _WORTH_A_POOL:
        return map(_inspect, paths)
    # A forked child of a process that runs threads can hang.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        return list(pool.map(_inspect, paths, chunksize=32))


def _inspect(path: Path) -> _Found:
    try:
        dataset, pixels = read_header(path, KEYWORDS)
        with quiet():
            sop_class = str(dataset.get("SOPClassUID") or "")
            if not sop_class:
                return _Found(path, other=NO_DICOM)
            if sop_class in _SEGMENTATIONS:
                return _Found(path, is_segmentation=True)
            if "Rows" not in dataset:
                return _Found(path, other=NOT_PARSED if sop_class in CT_CLASSES else NO_IMAGE)
            frames = enumerate(frame_attributes(dataset))
            return _Found(path, tuple(make_slice(path, k, of, pixels) for k, of in frames))
    except UnreadableDicom as error:
        return _Found(path, other=str(error))
    except DAMAGE:
        return _Found(path, other=NOT_PARSED)


def _without_copies(slices: list[Slice]) -> tuple[list[Slice], int]:
    """Slices of which each SOP instance stands once, and how many copies were left out."""
    kept: dict[tuple[object, ...], Slice] = {}
    for number, one in enumerate(slices):
        # Without UID there is no telling: each file counts.
        key: tuple[object, ...] = (one.instance_uid or number, one.frame, one.position_mm)
        kept.setdefault(key, one)
    return list(kept.values()), len(slices) - len(kept)


def _order(slices: list[Slice]) -> tuple[object, ...]:
    first = min(slices, key=lambda one: (one.instance_number, one.frame, str(one.path)))
    return (
        *first.series_key[:2],
        first.series_number,
        first.series_key[2],
        first.acquisition_number or 0,
        first.instance_number,
        str(first.path),
    )


def _series(slices: list[Slice]) -> DicomSeries:
    header = summarise([one.acquisition for one in slices])
    fault = _slice_fault(slices) or _shared_uid_fault(slices)
    try:
        stacked = stack(slices) if fault is None else None
    except StackFault as error:
        stacked, fault = None, str(error)
    if stacked is None:
        ordered = sorted(slices, key=lambda one: (one.instance_number, one.frame, str(one.path)))
        return DicomSeries(tuple(ordered), header, None, fault)
    x, y, z = (round(float(side), 4) for side in stacked.geometry.spacing_mm)
    spacing = {"spacing_x_mm": x, "spacing_y_mm": y, "spacing_z_mm": z}
    header = header.model_copy(update=spacing)
    return DicomSeries(stacked.slices, header, stacked, None)


def _slice_fault(slices: list[Slice]) -> str | None:
    faults = Counter(one.fault for one in slices if one.fault is not None)
    if not faults:
        return None
    fault, n = faults.most_common(1)[0]
    return fault if n == len(slices) else f"{fault} ({n} of {len(slices)} slices)"


def _shared_uid_fault(slices: list[Slice]) -> str | None:
    uids = [(one.instance_uid, one.frame) for one in slices if one.instance_uid]
    if len(set(uids)) == len(uids):
        return None
    return "slices at different positions that share one SOP Instance UID"
