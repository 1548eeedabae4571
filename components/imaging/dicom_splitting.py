"""Splitting what one series UID holds into the scans that it is made of."""

import itertools
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence

from components.imaging.dicom_slices import Slice
from components.imaging.dicom_stacks import alike_orientation, along_normal

_SAME_PLACE_MM = 0.01
_FEWEST_TURNED = 3
"""Fewer slices of another orientation are no reformat but a fault of the stack."""

Slices = list[Slice]


def split_series(slices: Sequence[Slice]) -> list[Slices]:
    """The scans among slices of one series UID, each for itself.

    Apart go, in this order: localizers and images of another type (original, derived);
    orientations of at least three slices each; acquisitions whose extents overlap (a table position
    or rotation that has its own Acquisition Number does not overlap the others); passes over the
    same positions. What then is no regular stack still is left together for a fault to name it.
    """
    parts = _grouped(slices, lambda one: (one.image_type[:2], one.is_localizer()))
    return [
        scan
        for part in parts
        for turned in _by_orientation(part)
        for acquisition in _by_acquisition(turned)
        for scan in _by_pass(acquisition)
    ]


def _grouped(slices: Sequence[Slice], key: Callable[[Slice], Hashable]) -> list[Slices]:
    groups: dict[Hashable, Slices] = defaultdict(list)
    for one in slices:
        groups[key(one)].append(one)
    return list(groups.values())


def _is_placed(slices: Slices) -> bool:
    return all(one.fault is None for one in slices)


def _by_orientation(slices: Slices) -> list[Slices]:
    if not _is_placed(slices):
        return [slices]
    groups: list[Slices] = []
    for one in slices:
        for group in groups:
            if alike_orientation(one, group[0]):
                group.append(one)
                break
        else:
            groups.append([one])
    return groups if min(map(len, groups)) >= _FEWEST_TURNED else [slices]


def _by_acquisition(slices: Slices) -> list[Slices]:
    groups = _grouped(slices, lambda one: one.acquisition_number)
    if len(groups) == 1 or not _is_placed(slices):
        return [slices]
    extents = []
    for group in groups:
        places = [along_normal(one, slices[0]) for one in group]
        extents.append((min(places), max(places)))
    extents.sort()
    overlap = any(
        following[0] <= before[1] + _SAME_PLACE_MM
        for before, following in itertools.pairwise(extents)
    )
    return groups if overlap else [slices]


def _by_pass(slices: Slices) -> list[Slices]:
    """Passes over the same positions: told apart by an attribute, else by their numbering."""
    if not _is_placed(slices) or not _repeats(slices):
        return [slices]
    keys: tuple[Callable[[Slice], Hashable], ...] = (
        lambda one: one.temporal_position,
        lambda one: one.acquired_at,
        lambda one: one.acquisition["kernel"],
        lambda one: one.acquisition["slice_thickness_mm"],
        lambda one: one.size,
    )
    for key in keys:
        groups = _grouped(slices, key)
        if len(groups) > 1 and not any(map(_repeats, groups)):
            return groups
    return _numbered_passes(slices)


def _numbered_passes(slices: Slices) -> list[Slices]:
    """Runs of instance numbers that each visit every position once; without such, all as one."""
    passes: list[Slices] = [[]]
    seen: set[int] = set()
    for one in sorted(slices, key=lambda one: (one.instance_number, one.frame)):
        if _place(one, slices[0]) in seen:
            passes.append([])
            seen = set()
        passes[-1].append(one)
        seen.add(_place(one, slices[0]))
    whole = {frozenset(_place(one, slices[0]) for one in scan) for scan in passes}
    return passes if len(whole) == 1 else [slices]


def _repeats(slices: Slices) -> bool:
    return len({_place(one, slices[0]) for one in slices}) < len(slices)


def _place(one: Slice, reference: Slice) -> int:
    return round(along_normal(one, reference) / _SAME_PLACE_MM)
