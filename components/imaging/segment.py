"""A lesion's mask by name, and the choice of segments among those that a file holds."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from components.errors import PatientRejected
from components.imaging.volume import Volume

MAX_BYTES = 2 * 1024**3
"""What an ROI file may need of memory, by its own header; no CT needs as much."""


@dataclass(frozen=True, eq=False)
class Segment:
    """One lesion: its name as the file has it (free text: never printed or stored) and its mask."""

    name: str
    mask: Volume


@dataclass(frozen=True, eq=False)
class Drawing:
    """The segments of a file, whose masks are made when asked for.

    `mask` gives the mask of a position in `names`; `n_voxels` is the size of each.
    """

    names: tuple[str, ...]
    n_voxels: int
    mask: Callable[[int], Volume]

    def segments(self, wanted: Sequence[str], *, pseudonym: str, role: str) -> tuple[Segment, ...]:
        """The wanted segments, in the file's order; all that hold a voxel where none is named.

        Names are compared trimmed and without case; `*` in a wanted name stands for anything, and
        then takes every segment that fits.

        Raises:
            PatientRejected: A wanted segment is missing or empty, or nothing is marked.
        """
        numbers = self._numbers(wanted, pseudonym=pseudonym, role=role)
        if len(numbers) * self.n_voxels > MAX_BYTES:
            reason = (
                f"{role}: {len(numbers)} segments of {self.n_voxels} voxels are too many to be "
                "lesions; name those that are under 'segments' of the mapping"
            )
            raise PatientRejected(pseudonym, reason)
        drawn = [Segment(self.names[number], self.mask(number)) for number in numbers]
        marked = tuple(segment for segment in drawn if segment.mask.voxels.any())
        if not marked or (wanted and len(marked) < len(drawn)):
            which = "a wanted segment" if len(drawn) > 1 and wanted else "the ROI"
            raise PatientRejected(pseudonym, f"{role}: {which} is empty; mark the lesion")
        return marked

    def _numbers(self, wanted: Sequence[str], *, pseudonym: str, role: str) -> list[int]:
        if not wanted:
            return list(range(len(self.names)))
        known = [_plain(name) for name in self.names]
        fitting = {name: [n for n, one in enumerate(known) if _fits(one, name)] for name in wanted}
        missing = [f"'{name}'" for name, numbers in fitting.items() if not numbers]
        if missing:
            reason = (
                f"{role}: expected {' and '.join(missing)}, found none so named among "
                f"{len(known)} segments; correct 'segments' in the mapping or the file's names"
            )
            raise PatientRejected(pseudonym, reason)
        return sorted({number for numbers in fitting.values() for number in numbers})


def _plain(name: str) -> str:
    return name.strip().casefold()


def _fits(name: str, wanted: str) -> bool:
    pattern = re.escape(_plain(wanted)).replace(r"\*", ".*")
    return re.fullmatch(pattern, name, flags=re.DOTALL) is not None
