"""Which DICOM series of a patient is which contrast phase: as the mapping says, never guessed."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from components.imaging.dicom_series import DicomSeries
from components.intake.mapping_images import PATIENT, ImageSource, PhaseSource
from components.study.vocabulary import Phase

_LATIN = "a-z\u00df-\u024f"
"""Letters that join to words; Chinese and Japanese words stand without gaps."""

_WILDCARD = re.compile(r"\*|\?|\[!?[^\]]+\]|.", re.DOTALL)

Numbered = tuple[int, DicomSeries]


@dataclass(frozen=True, eq=False)
class PhaseChoice:
    """The series of each phase, None where none or several fit; then `reasons` says so.

    A reason tells series by number, slices, thickness, seconds and kernel, never by description.
    `absent` are the phases that no series fits, not even one that cannot be used.
    """

    arterial: DicomSeries | None
    portal_venous: DicomSeries | None
    reasons: tuple[str, ...]
    absent: tuple[Phase, ...] = ()


def choose_phases(
    series: Sequence[DicomSeries],
    images: ImageSource,
    *,
    root: Path | None = None,
    patient_id: str | None = None,
) -> PhaseChoice:
    """The series of both phases among one patient's.

    `path`, `series` and `seconds_after_contrast` of the mapping are asked in this order, each among
    the series that fitted the one before, until a single series fits. Two that differ in kernel or
    thickness alone are still two.

    Args:
        series: One patient's series; those with a fault are not chosen.
        images: Where the mapping says that the phases are.
        root: The imported folder, below which `path` is meant; without it a path may lie anywhere.
        patient_id: The id as the sheet has it, for `{patient}`; without it that of the files.
    """
    chosen: dict[Phase, DicomSeries | None] = {}
    reasons, absent = [], []
    for phase in Phase:
        source: PhaseSource = getattr(images, phase.value)
        asked = _questions(source, root, patient_id)
        fitting = _fitting([one for one in _numbered(series) if one[1].fault is None], asked)
        if not _fitting(_numbered(series), asked):
            absent.append(phase)
        chosen[phase] = fitting[0][1] if len(fitting) == 1 else None
        if len(fitting) != 1:
            reasons.append(f"{_said(phase)}: {_why_not_one(fitting, series, asked)}")
    first, second = chosen[Phase.ARTERIAL], chosen[Phase.PORTAL_VENOUS]
    against = _against_each_other(first, second)
    if against is not None:
        return PhaseChoice(None, None, (*reasons, against))
    return PhaseChoice(first, second, tuple(reasons), tuple(absent))


def _numbered(series: Sequence[DicomSeries]) -> list[Numbered]:
    return list(enumerate(series, start=1))


Question = Callable[[DicomSeries], bool]


def _questions(source: PhaseSource, root: Path | None, patient_id: str | None) -> list[Question]:
    questions: list[Question] = []
    if source.path:
        questions.append(lambda one: _lies_in(one, source.path, root, patient_id))
    if source.series:
        words = [_word_pattern(word) for word in source.series]
        questions.append(lambda one: any(word.search(_folded(one.description)) for word in words))
    if source.seconds_after_contrast is not None:
        low, high = source.seconds_after_contrast
        questions.append(
            lambda one: (
                one.seconds_after_contrast is not None and low <= one.seconds_after_contrast <= high
            )
        )
    return questions


def _fitting(candidates: list[Numbered], questions: Sequence[Question]) -> list[Numbered]:
    """What fits: a question that nothing fits leaves what the questions before it have left."""
    kept: list[Numbered] = []
    for question in questions:
        fitting = [one for one in (kept or candidates) if question(one[1])]
        kept = fitting or kept
    return kept


def _why_not_one(
    fitting: list[Numbered], series: Sequence[DicomSeries], questions: Sequence[Question]
) -> str:
    if fitting:
        shown = "; ".join(_shown(*one) for one in fitting)
        return (
            f"{len(fitting)} of {len(series)} series fit the mapping, expected one ({shown}); "
            "make its words, times or paths narrower"
        )
    faulty = _fitting([one for one in _numbered(series) if one[1].fault is not None], questions)
    if faulty:
        shown = "; ".join(f"series {number}: {one.fault}" for number, one in faulty)
        return f"what fits the mapping among {len(series)} series cannot be used ({shown})"
    usable = "; ".join(_shown(*one) for one in _numbered(series) if one[1].fault is None)
    return f"none of {len(series)} series fits the mapping ({usable or 'none is usable'})"


def _against_each_other(first: DicomSeries | None, second: DicomSeries | None) -> str | None:
    if first is None or second is None:
        return None
    if first is second:
        return (
            "the same series fits the arterial and the portal venous phase; make the mapping's "
            "words, times or paths narrower"
        )
    days = (first.examined_on, second.examined_on)
    if first.study_uid != second.study_uid and days[0] and days[1] and days[0] != days[1]:
        apart = abs((days[0] - days[1]).days)
        return (
            f"the series of the two phases are of different examinations, {apart} days apart; "
            "leave one examination in the folder"
        )
    return None


def _shown(number: int, one: DicomSeries) -> str:
    thickness, seconds = one.header.slice_thickness_mm, one.seconds_after_contrast
    parts = [f"{one.n_slices} slices"]
    parts.append("thickness unknown" if thickness is None else f"{thickness:g} mm")
    parts.append("time unknown" if seconds is None else f"{seconds:g} s after contrast")
    if one.header.kernel is not None:
        parts.append(f"kernel {one.header.kernel}")
    return f"series {number}: {', '.join(parts)}"


def _said(phase: Phase) -> str:
    return phase.value.replace("_", " ")


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _word_pattern(word: str) -> re.Pattern[str]:
    """Finds a word of a description: `art` is in `Art_5mm`, not in `start` nor in `arterial`."""
    folded = re.escape(_folded(word))
    before = f"(?<![{_LATIN}])" if re.match(f"[{_LATIN}]", folded) else ""
    after = f"(?![{_LATIN}])" if re.search(f"[{_LATIN}]$", folded) else ""
    return re.compile(before + folded + after)


def _lies_in(
    one: DicomSeries, patterns: Sequence[str], root: Path | None, patient_id: str | None
) -> bool:
    """Whether every file of a series, or a folder around it, fits one of the patterns."""
    who = one.patient_id if patient_id is None else patient_id
    start = "" if root is not None else "(?:.*/)?"
    wanted = [re.compile(start + _path_pattern(pattern, who)) for pattern in patterns]
    return all(any(_fits(path, pattern, root) for pattern in wanted) for path in one.files)


def _fits(path: Path, pattern: re.Pattern[str], root: Path | None) -> bool:
    if root is not None:
        if not path.resolve().is_relative_to(root.resolve()):
            return False
        path = path.resolve().relative_to(root.resolve())
    around = (path, *path.parents)
    return any(pattern.fullmatch(part.as_posix()) is not None for part in around)


def _path_pattern(pattern: str, patient_id: str) -> str:
    """A glob pattern as a regular expression: `*` stays in a folder, `**` crosses them."""
    parts = [part for part in pattern.replace("\\", "/").split("/") if part not in {"", "."}]
    written = "".join("(?:[^/]+/)*" if part == "**" else _part(part, patient_id) for part in parts)
    return written.removesuffix("/")


def _part(part: str, patient_id: str) -> str:
    pieces = [_glob(piece) for piece in part.split(PATIENT)]
    return re.escape(patient_id).join(pieces) + "/"


def _glob(piece: str) -> str:
    return _WILDCARD.sub(lambda found: _expression(found.group()), piece)


def _expression(token: str) -> str:
    if token.startswith("[") and len(token) > 1:
        return "[" + ("^" + token[2:] if token[1] == "!" else token[1:])
    return {"*": "[^/]*", "?": "[^/]"}.get(token) or re.escape(token)
