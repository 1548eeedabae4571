"""Whether two CT volumes show the contrast phases that they are filed as.

In the late arterial phase the aorta is far brighter than the liver; some 30 s later, in the portal
venous phase, the aorta has fallen and the liver has risen. Two volumes are told apart by both
changes together, because a patient's heart, dose, tube voltage or fatty liver moves every single
value. Where no aorta is found nothing is judged.
"""

from typing import Literal

import numpy as np

from components.imaging.body import BoolArray, body_mask
from components.imaging.coarse import CoarseArray, CoarsePhases, marked
from components.imaging.liver import find_liver, liver_around
from components.imaging.phase_shift import phase_shift_mm
from components.imaging.spine import Spine, find_spine
from components.imaging.vessels import Tube, brightest_before_spine, find_aorta
from components.imaging.volume import FloatArray, Volume
from components.study.results import Record

PhaseLook = Literal["arterial", "portal_venous", "non_contrast", "not_assessable"]
PairVerdict = Literal["ok", "swapped", "duplicated", "non_contrast", "unclear", "not_assessable"]

_UNENHANCED_HU = 85.0
"""Blood without contrast has 30 to 60 HU; five minutes after an injection it still has 90."""
_ENHANCED_HU = 120.0
_BLOOD_HU = 40.0
_LEAST_FALL = 0.85
"""The aorta's enhancement in the later phase over that in the earlier."""
_LEAST_CHANGE_HU = 5.0
_CLEAR_FALL = 0.7
"""What the aorta alone must show where no liver is seen, or one that stays as it is."""
_ARTERIAL_AORTA_HU = 150.0
_ARTERIAL_RATIO, _PORTAL_RATIO = 0.40, 0.48
"""Liver over aorta in a single volume: below the first arterial, above the second portal venous."""
_SOFT_TISSUE_HU = (-150.0, 200.0)
_ALIKE_HU = (8.0, 25.0)
"""Nine tenths and 99 hundredths of the soft tissue of one acquisition, read twice, differ less."""
_SAME_AORTA_HU = 10.0
_SAME_LIVER_HU = 20.0


NOWHERE: FloatArray = np.empty((0, 3))
"""The positions of no ROI."""


class PhaseFigures(Record):
    """What the volumes show of the contrast; None where it is not seen.

    `phase_difference_hu` is the 90th percentile of the absolute difference in soft tissue,
    `phase_shift_mm` how much farther toward the head the liver lies in the portal venous phase.
    """

    arterial_aorta_hu: float | None = None
    portal_venous_aorta_hu: float | None = None
    arterial_liver_hu: float | None = None
    portal_venous_liver_hu: float | None = None
    arterial_looks: PhaseLook = "not_assessable"
    portal_venous_looks: PhaseLook = "not_assessable"
    phase_difference_hu: float | None = None
    phase_shift_mm: float | None = None
    phase_verdict: PairVerdict = "not_assessable"


class _Seen(Record):
    """A phase's aorta, liver, and the HU that nothing in front of its spine exceeds.

    `ceiling_hu` are the quartile and the median over slices.
    """

    aorta_hu: float | None = None
    liver_hu: float | None = None
    ceiling_hu: tuple[float, float] | None = None

    @property
    def is_unenhanced(self) -> bool:
        """Whether the aorta, found or not, cannot hold contrast."""
        if self.ceiling_hu is None:
            return False
        quartile, median = self.ceiling_hu
        if self.aorta_hu is None:
            return median < _UNENHANCED_HU
        return max(self.aorta_hu, quartile) < _UNENHANCED_HU


def measure_phases(
    arterial: Volume | None, portal_venous: Volume | None, roi_mm: FloatArray = NOWHERE
) -> PhaseFigures:
    """The contrast that two volumes show, and whether it is that of their names.

    Args:
        arterial: The volume filed as arterial (HU); None where it is missing.
        portal_venous: The volume filed as portal venous.
        roi_mm: Positions (n, 3) in the lesions: they are no liver, and liver is looked for around
            them where none is found otherwise.
    """
    phases = CoarsePhases.of(arterial, portal_venous)
    if phases is None:
        return PhaseFigures()
    return judge_phases(
        phases,
        body_mask(phases.brightest()),
        marked(phases.grid, roi_mm),
        is_one_volume=is_same(arterial, portal_venous),
    )


def is_same(first: Volume | None, second: Volume | None) -> bool:
    """Whether there are two volumes and they hold the same voxels, wherever they lie."""
    if first is None or second is None:
        return False
    return first.voxels.shape == second.voxels.shape and bool(
        np.array_equal(first.voxels, second.voxels)
    )


def judge_phases(
    phases: CoarsePhases, body: BoolArray, roi: BoolArray, *, is_one_volume: bool
) -> PhaseFigures:
    """The same of volumes on their coarse grid.

    Args:
        phases: The phases that there are.
        body: Where the body is (k, j, i).
        roi: The lesions on the grid; nothing marked where there is none.
        is_one_volume: Whether both phases have the same voxels.
    """
    spine = find_spine(phases, body)
    if spine is None:
        aorta, liver = None, liver_around(phases, roi)
    else:
        # Beside a tumor that leaves little of the liver lie other organs: nothing is taken there.
        aorta, liver = find_aorta(phases.known, spine), find_liver(phases, body, spine, tumor=roi)
    arterial, portal = (
        _seen(hu, aorta, liver, spine) for hu in (phases.arterial, phases.portal_venous)
    )
    difference = _difference_hu(phases, body)
    verdict = _verdict(arterial, portal, difference, is_one_volume=is_one_volume)
    looks = _looks_of_pair(verdict) or (_look(arterial), _look(portal))
    return PhaseFigures(
        arterial_aorta_hu=arterial.aorta_hu,
        portal_venous_aorta_hu=portal.aorta_hu,
        arterial_liver_hu=arterial.liver_hu,
        portal_venous_liver_hu=portal.liver_hu,
        arterial_looks=looks[0],
        portal_venous_looks=looks[1],
        phase_difference_hu=None if difference is None else difference[0],
        phase_shift_mm=phase_shift_mm(phases, roi if liver is None else liver),
        phase_verdict=verdict,
    )


def _seen(
    hu: CoarseArray | None, aorta: Tube | None, liver: BoolArray | None, spine: Spine | None
) -> _Seen:
    """What a phase shows at the places that both phases together have given."""
    if hu is None:
        return _Seen()
    return _Seen(
        aorta_hu=None if aorta is None else aorta.median_hu(hu),
        liver_hu=None if liver is None else _median(hu[liver]),
        ceiling_hu=None if spine is None else brightest_before_spine(hu, spine),
    )


def _verdict(
    arterial: _Seen,
    portal: _Seen,
    difference_hu: tuple[float, float] | None,
    *,
    is_one_volume: bool,
) -> PairVerdict:
    """The verdict of a pair, the first that holds; `difference_hu` is None without a pair."""
    if is_one_volume or _is_one_acquisition(arterial, portal, difference_hu):
        return "duplicated"
    if difference_hu is None:
        return "not_assessable"
    if _lacks_contrast(arterial, portal) or _lacks_contrast(portal, arterial):
        return "non_contrast" if _without_contrast(arterial, portal) else "unclear"
    if arterial.aorta_hu is None or portal.aorta_hu is None:
        return "not_assessable"
    if _is_earlier(arterial, portal):
        return "ok"
    return "swapped" if _is_earlier(portal, arterial) else "unclear"


def _is_one_acquisition(
    arterial: _Seen, portal: _Seen, difference_hu: tuple[float, float] | None
) -> bool:
    if difference_hu is None or any(
        found >= limit for found, limit in zip(difference_hu, _ALIKE_HU, strict=True)
    ):
        return False
    change = _change(arterial.aorta_hu, portal.aorta_hu)
    return change is None or abs(change) < _SAME_AORTA_HU


def _lacks_contrast(seen: _Seen, other: _Seen) -> bool:
    """Whether a phase is unenhanced, by itself or where the other shows the aorta to be."""
    if seen.is_unenhanced:
        return True
    if seen.aorta_hu is None or other.aorta_hu is None:
        return False
    return seen.aorta_hu < _UNENHANCED_HU and other.aorta_hu >= _ENHANCED_HU


def _without_contrast(arterial: _Seen, portal: _Seen) -> bool:
    """Two volumes without contrast have one liver; where it rises, something was overlooked."""
    change = _change(arterial.liver_hu, portal.liver_hu)
    both = arterial.is_unenhanced and portal.is_unenhanced
    return not (both and change is not None and abs(change) >= _SAME_LIVER_HU)


def _is_earlier(first: _Seen, second: _Seen) -> bool:
    """Whether, from the first to the second, the aorta falls and the liver does not speak against.

    A late arterial phase has filled some livers by almost as much as the portal venous one.
    """
    if first.aorta_hu is None or second.aorta_hu is None:
        return False
    fall = (second.aorta_hu - _BLOOD_HU) / max(first.aorta_hu - _BLOOD_HU, 1.0)
    rise = _change(first.liver_hu, second.liver_hu)
    if rise is None or abs(rise) <= _LEAST_CHANGE_HU:
        return fall < _CLEAR_FALL
    return fall < _LEAST_FALL and rise > 0.0


def _look(seen: _Seen) -> PhaseLook:
    """What one volume shows by itself."""
    if seen.is_unenhanced:
        return "non_contrast"
    if seen.aorta_hu is None or seen.liver_hu is None or seen.aorta_hu < _UNENHANCED_HU:
        return "not_assessable"
    ratio = seen.liver_hu / max(seen.aorta_hu, 1.0)
    if seen.aorta_hu >= _ARTERIAL_AORTA_HU and ratio < _ARTERIAL_RATIO:
        return "arterial"
    return "portal_venous" if ratio > _PORTAL_RATIO else "not_assessable"


def _looks_of_pair(verdict: PairVerdict) -> tuple[PhaseLook, PhaseLook] | None:
    """What the volumes are, where both together say it better than each alone."""
    if verdict == "ok":
        return "arterial", "portal_venous"
    return ("portal_venous", "arterial") if verdict == "swapped" else None


def _difference_hu(phases: CoarsePhases, body: BoolArray) -> tuple[float, float] | None:
    """Percentiles 90 and 99 of the absolute difference of the phases in soft tissue."""
    if phases.arterial is None or phases.portal_venous is None:
        return None
    low, high = _SOFT_TISSUE_HU
    soft = body & (phases.lowest() > low) & (phases.brightest() < high)
    apart = np.abs(phases.arterial - phases.portal_venous)[soft]
    apart = apart[np.isfinite(apart)]
    if not apart.size:
        return None
    ninety, ninety_nine = np.percentile(apart, (90, 99))
    return float(ninety), float(ninety_nine)


def _median(hu: CoarseArray) -> float | None:
    known = hu[np.isfinite(hu)]
    return float(np.median(known)) if known.size else None


def _change(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before
